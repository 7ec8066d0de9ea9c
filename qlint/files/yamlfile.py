"""YAML as rule files and network descriptions use it: plain data, mistakes with their places, nothing that explodes.

The file is read event by event, without recursion and without the node tree of the YAML library: composing
nodes recurses in C (100,000 opening brackets end the process), and costs three times as much. Aliases, tags,
merge keys and duplicate keys are refused, and so are plain scalars that YAML 1.1 and 1.2 read differently
(`no`, `1:30`, `2024-10-01`): they have to be quoted. Keys are always strings, as written.
"""

from __future__ import annotations

import os
import re
from typing import Any

from qlint.errors import PlacedError
from qlint.files.document import RULES, Document, Marks, Path, Sort, content_of, decoded, digest

__all__ = ["Document", "Path", "parse", "read"]

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


def read(path: str | os.PathLike[str], shown: str | None = None, sort: Sort = RULES) -> Document:
    """Read a file.

    Args:
        path: the file.
        shown: the path as messages name it; default: as given, with `/`.
        sort: what the file is, and what it may hold.

    Raises:
        PlacedError: of the sort's class; the file cannot be read, is no UTF-8 or no YAML, or uses what it may not.
    """
    shown = shown if shown is not None else os.fspath(path).replace(os.sep, "/")
    content = content_of(path, shown, sort)
    return _document(decoded(content, shown, sort), shown, sort, digest(content))


def parse(text: str, shown: str = "<text>", sort: Sort = RULES) -> Document:
    """The same for text already at hand (editors, tests)."""
    return _document(text, shown, sort, digest(text.encode()))


def _document(text: str, shown: str, sort: Sort, digest: str) -> Document:
    def mark_all(text: str) -> Marks:
        marks = Marks()
        _build(text, shown, sort, marks)
        return marks

    marks = Marks() if sort.placed else None
    return Document(shown, text, _build(text, shown, sort, marks), digest, mark_all, marks)


def _build(text: str, shown: str, sort: Sort, marks: Marks | None, *, fast: bool = True) -> Any:
    """Data of the one document in `text`; with `marks`, also the place of every key and value."""
    import yaml

    fast = fast and hasattr(yaml, "CSafeLoader")
    loader = yaml.CSafeLoader(text) if fast else yaml.SafeLoader(text)
    try:
        return _Builder(shown, sort, marks).run(loader, yaml)
    except yaml.MarkedYAMLError as exc:
        if fast and "nesting depth" in (exc.problem or ""):  # from libyaml 0.2.6 on, before it yields what is nested
            return _build(text, shown, sort, marks, fast=False)
        mark = exc.problem_mark or exc.context_mark
        place = (mark.line + 1, mark.column + 1) if mark is not None else (None, None)
        problem = f"this is not YAML: {exc.problem or exc.context or 'syntax error'}"
        raise sort.error(problem, "check the syntax here", path=shown, line=place[0], column=place[1]) from exc
    except yaml.YAMLError as exc:
        problem = f"this is not YAML: {getattr(exc, 'reason', None) or 'a character that YAML does not allow'}"
        line, column = _place(text, getattr(exc, "position", 0), encoded=fast)
        raise sort.error(problem, "remove control characters", path=shown, line=line, column=column) from exc
    finally:
        loader.dispose()


def _place(text: str, position: int, *, encoded: bool) -> tuple[int, int]:
    """Line and column of a position, which the YAML library's C part counts in bytes."""
    before = text.encode()[:position].decode(errors="ignore") if encoded else text[:position]
    return before.count("\n") + 1, len(before) - before.rfind("\n")


class _Builder:
    """Turns events into data, iteratively."""

    def __init__(self, shown: str, sort: Sort, marks: Marks | None) -> None:
        self.shown = shown
        self.sort = sort
        self.marks = marks
        self.open: list[int] = []  # marks of the mappings and lists around
        self.last = 0  # where the last thing that is there to see ended

    def refuse(self, event: Any, problem: str, remedy: str) -> PlacedError:
        mark = event.start_mark
        return self.sort.error(problem, remedy, path=self.shown, line=mark.line + 1, column=mark.column + 1)

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
                    self.mark(event)
                    continue
                value = self.plain(event) if event.implicit[0] else event.value
            elif kind in starts:
                if event.tag is not None:
                    raise self.refuse(event, f"the tag {event.tag!r} is not allowed", "write plain values")
                if key is None and type(top) is dict:
                    raise self.refuse(event, "a key must be a plain word", "write one")
                if len(stack) >= self.sort.depth:
                    raise self.refuse(event, f"the file nests deeper than {self.sort.depth} levels", "flatten it")
                value = starts[kind]()
            elif kind in ends:
                self.close(event)
                top, key = stack.pop()
                if type(top) is dict:
                    key = None
                continue
            elif kind is yaml.AliasEvent:
                raise self.refuse(event, f"aliases are not allowed in a {self.sort.noun}", "write the value out")
            elif kind is yaml.DocumentStartEvent:
                documents += 1
                if documents > 1:
                    raise self.refuse(
                        event, f"a {self.sort.noun} holds one document", "move the second into its own file"
                    )
                continue
            elif kind is end:
                break
            else:
                continue
            self.mark(event, opens=kind is not scalar)
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
            raise self.refuse(event, f"merge keys are not allowed in a {self.sort.noun}", "write the entries out")
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

    def mark(self, event: Any, *, opens: bool = False) -> None:
        """Note the place of a key or value, where places are asked for."""
        if self.marks is None:
            return
        start, end = event.start_mark, event.end_mark
        enclosed = opens and event.flow_style
        number = self.marks.add(start.line, start.column, start.index, end.index, enclosed)
        if opens:
            self.open.append(number)
        elif end.index > start.index:
            self.last = end.index

    def close(self, event: Any) -> None:
        """Note the end of a mapping or list."""
        if self.marks is None:
            return
        number = self.open.pop()
        if self.marks.of(number)[4]:
            self.last = event.end_mark.index
        self.marks.end(number, self.last)
