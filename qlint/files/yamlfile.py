"""YAML as rule files use it: plain data, every mistake with its place, and nothing that can explode.

The file is read event by event, without recursion and without the node tree of the YAML library: composing
nodes recurses in C (100,000 opening brackets end the process), and costs three times as much. Aliases, tags,
merge keys and duplicate keys are refused, and so are plain scalars that YAML 1.1 and 1.2 read differently
(`no`, `1:30`, `2024-10-01`): they have to be quoted. Keys are always strings, as written.
"""

from __future__ import annotations

import os
import re
import stat
from typing import Any, TypeAlias

from qlint.errors import RuleFileError

Path: TypeAlias = tuple[str | int, ...]
"""Where in a document: keys and list indices from the top."""

Place: TypeAlias = tuple[int, int]
"""Line and column, 1-based."""

SIZE_LIMIT = 1 << 20
"""Most bytes a rule file may have; the shipped ones have a fifth of it."""

DEPTH_LIMIT = 32
"""Deepest nesting; rules with weights in their examples need about fifteen."""

_CONSTANTS: dict[str, Any] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
}
_READ_TWO_WAYS = {word for name in ("yes", "no", "on", "off") for word in (name, name.capitalize(), name.upper())}
_SUSPECT = frozenset("0123456789+-.~nNtTfFyYoO")
_NUMERIC = frozenset("0123456789+-.")
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?(?:0|[1-9][0-9]*)?(?:\.[0-9]*)?(?:(?<=[0-9.])[eE][-+]?[0-9]+)?")
_LEGACY = re.compile(
    r"[-+]?0[0-9_]+(?:\.[0-9_]*)?|[-+]?0[xXbBoO][0-9a-fA-F_]+|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?"
    r"|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt ].*)?|[-+]?[0-9]+_[0-9_.]*"
)


class Document:
    """A parsed file.

    Attributes:
        path: as given, for messages.
        data: mappings with string keys, lists, strings, numbers, booleans and None.
        digest: "sha256:..." of the file's bytes.
    """

    __slots__ = ("_marks", "data", "digest", "path", "text")

    def __init__(self, path: str, text: str, data: Any, digest: str) -> None:
        self.path = path
        self.text = text
        self.data = data
        self.digest = digest
        self._marks: dict[Path, tuple[Place, Place]] | None = None

    def place(self, path: Path, *, key: bool = False) -> Place | None:
        """Line and column of the value at `path`, or of its key; of the nearest thing around it if there is none.

        Places are only needed for mistakes, so the text is read a second time for the first of them.
        """
        if self._marks is None:
            self._marks = {}
            _build(self.text, self.path, self._marks)
        for length in range(len(path), -1, -1):
            found = self._marks.get(path[:length])
            if found is not None:
                return found[0] if key and length == len(path) else found[1]
        return None


def read(path: str | os.PathLike[str], shown: str | None = None) -> Document:
    """Read a rule file.

    Args:
        path: the file.
        shown: the path as messages name it; default: as given, with `/`.

    Raises:
        RuleFileError: the file cannot be read, is no UTF-8 or no YAML, or uses what rule files may not.
    """
    shown = shown if shown is not None else os.fspath(path).replace(os.sep, "/")
    raw = _bytes(path, shown)
    import hashlib

    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        line = raw.count(b"\n", 0, exc.start) + 1
        raise RuleFileError(
            "this is not UTF-8 text", "save the file as UTF-8", path=shown, line=line, column=1
        ) from exc
    return Document(shown, text, _build(text, shown, None), "sha256:" + hashlib.sha256(raw).hexdigest())


def parse(text: str, shown: str = "<text>") -> Document:
    """The same for text already at hand (editors, tests)."""
    import hashlib

    return Document(shown, text, _build(text, shown, None), "sha256:" + hashlib.sha256(text.encode()).hexdigest())


def _bytes(path: str | os.PathLike[str], shown: str) -> bytes:
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise RuleFileError("this is not a file", "give a rule file", path=shown)
        with open(path, "rb") as file:
            raw = file.read(SIZE_LIMIT + 1)
    except (OSError, ValueError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) and exc.strerror else str(exc)
        raise RuleFileError(f"the rule file cannot be read: {reason}", "check the path", path=shown) from exc
    if len(raw) > SIZE_LIMIT:
        raise RuleFileError(f"the rule file has more than {SIZE_LIMIT} bytes", "split it", path=shown)
    return raw


def _build(text: str, shown: str, marks: dict[Path, tuple[Place, Place]] | None) -> Any:
    """Data of the one document in `text`; with `marks`, also the place of every key and value."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(text)
    try:
        return _Builder(shown, marks).run(loader, yaml)
    except yaml.MarkedYAMLError as exc:
        mark = exc.problem_mark or exc.context_mark
        place = (mark.line + 1, mark.column + 1) if mark is not None else (None, None)
        problem = f"this is not YAML: {exc.problem or exc.context or 'syntax error'}"
        raise RuleFileError(problem, "check the syntax here", path=shown, line=place[0], column=place[1]) from exc
    except yaml.YAMLError as exc:
        problem = f"this is not YAML: {getattr(exc, 'reason', None) or 'a character that YAML does not allow'}"
        raise RuleFileError(problem, "remove control characters", path=shown) from exc
    finally:
        loader.dispose()


class _Builder:
    """Turns events into data, iteratively."""

    def __init__(self, shown: str, marks: dict[Path, tuple[Place, Place]] | None) -> None:
        self.shown = shown
        self.marks = marks

    def refuse(self, event: Any, problem: str, remedy: str) -> RuleFileError:
        mark = event.start_mark
        return RuleFileError(problem, remedy, path=self.shown, line=mark.line + 1, column=mark.column + 1)

    def run(self, loader: Any, yaml: Any) -> Any:
        scalar, end = yaml.ScalarEvent, yaml.StreamEndEvent
        starts = {yaml.MappingStartEvent: dict, yaml.SequenceStartEvent: list}
        ends = (yaml.MappingEndEvent, yaml.SequenceEndEvent)
        top: Any = [None]  # holds the document's root
        key: Any = None  # the key waiting for its value, where `top` is a mapping
        stack: list[tuple[Any, Any]] = []
        documents = 0
        while True:
            event = loader.get_event()
            kind = type(event)
            value: Any
            if kind is scalar:
                if event.tag is not None:
                    raise self.refuse(event, f"the tag {event.tag!r} is not allowed", "write plain values")
                if key is None and type(top) is dict:
                    key = self.key(event, top)
                    if self.marks is not None:
                        self.mark(event, stack, top, key, is_key=True)
                    continue
                value = self.plain(event) if event.implicit[0] else event.value
            elif kind in starts:
                if event.tag is not None:
                    raise self.refuse(event, f"the tag {event.tag!r} is not allowed", "write plain values")
                if key is None and type(top) is dict:
                    raise self.refuse(event, "a key must be a plain word", "write one")
                if len(stack) >= DEPTH_LIMIT:
                    raise self.refuse(event, f"the file nests deeper than {DEPTH_LIMIT} levels", "flatten it")
                value = starts[kind]()
            elif kind in ends:
                top, key = stack.pop()
                if type(top) is dict:
                    key = None
                continue
            elif kind is yaml.AliasEvent:
                raise self.refuse(event, "aliases are not allowed in rule files", "write the value out")
            elif kind is yaml.DocumentStartEvent:
                documents += 1
                if documents > 1:
                    raise self.refuse(event, "a rule file holds one document", "move the second into its own file")
                continue
            elif kind is end:
                break
            else:
                continue
            if self.marks is not None:
                self.mark(event, stack, top, key, is_key=False)
            if type(top) is dict:
                top[key] = value
                if kind is scalar:
                    key = None
            else:
                top.append(value)
            if kind is not scalar:
                stack.append((top, key))
                top, key = value, None
        return top[1] if len(top) > 1 else None

    def key(self, event: Any, top: dict[str, Any]) -> str:
        key: str = event.value
        if event.implicit[0] and key in _READ_TWO_WAYS:
            raise self.refuse(event, f"YAML may read the key {key!r} as a truth value", "quote it")
        if key == "<<" and event.implicit[0]:
            raise self.refuse(event, "merge keys are not allowed in rule files", "write the entries out")
        if key in top:
            raise self.refuse(event, f"the key {key!r} occurs twice", "keep one of the two")
        return key

    def plain(self, event: Any) -> Any:
        """The value of an unquoted scalar."""
        text: str = event.value
        first = text[:1]
        if first and first not in _SUSPECT:
            return text
        if text in _CONSTANTS:
            return _CONSTANTS[text]
        if text in _READ_TWO_WAYS:
            raise self.refuse(event, f"YAML may read {text!r} as a truth value", "quote it, or write true or false")
        if first not in _NUMERIC:
            return text
        if _INTEGER.fullmatch(text):
            if len(text) > 30:
                raise self.refuse(event, f"the number has {len(text)} digits", "write a number that a layer could have")
            return int(text)
        if _LEGACY.fullmatch(text):
            raise self.refuse(event, f"YAML may read {text!r} as a date or as another number", "quote it")
        if _FLOAT.fullmatch(text) and any(digit in text for digit in "0123456789"):
            return float(text)
        return text

    def mark(self, event: Any, stack: list[tuple[Any, Any]], top: Any, key: Any, *, is_key: bool) -> None:
        """Note a place; the path is rebuilt from the stack, which only mistakes pay for."""
        if self.marks is None:
            return
        steps = [*stack[1:], (top, key)] if stack else []
        path = tuple(
            step if type(container) is dict else len(container) - (i < len(steps) - 1)
            for i, (container, step) in enumerate(steps)
        )
        place = (event.start_mark.line + 1, event.start_mark.column + 1)
        before = self.marks.get(path)
        self.marks[path] = (place, place) if is_key or before is None else (before[0], place)
