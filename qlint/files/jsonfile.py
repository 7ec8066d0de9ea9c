"""JSON as network descriptions use it: plain data, and every mistake with its place."""

from __future__ import annotations

import json
import re
import sys
from typing import Any

from qlint.errors import PlacedError
from qlint.files.document import Document, Marks, Sort, digest

_TOKEN = re.compile(r'[ \t\n\r]*(?:("(?:[^"\\]|\\.)*")|([\[\]{},:])|([^ \t\n\r\[\]{},:"]+))', re.DOTALL)


def parse(text: str, shown: str, sort: Sort) -> Document:
    """Parse a JSON file.

    Args:
        text: its content.
        shown: its path, as messages name it.
        sort: what the file is, and what it may hold.

    Raises:
        PlacedError: of the sort's class; it is no JSON, nests too deep, or a key occurs twice.
    """
    mistakes: list[str] = []

    def mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            mistakes.append("duplicate")
        return found

    def constant(word: str) -> None:
        mistakes.append(word)

    try:
        data = json.loads(text, object_pairs_hook=mapping, parse_constant=constant)
    except json.JSONDecodeError as error:
        problem = f"this is not JSON: {error.msg[:1].lower()}{error.msg[1:]}"
        raise sort.error(problem, "check the syntax here", path=shown, line=error.lineno, column=error.colno) from error
    except RecursionError as error:
        raise _too_deep(text, len(text), shown, sort) from error
    except ValueError as error:  # a number with more digits than Python converts
        words = (match for match in _TOKEN.finditer(text) if len(match[3] or "") > sys.get_int_max_str_digits())
        start = next((match.start(3) for match in words), 0)
        raise _refusal(text, start, "a number has too many digits", "write a shorter one", shown, sort) from error
    if mistakes or _deepest(data) > sort.depth:
        _scan(text, shown, sort, None)
    return Document(shown, text, data, digest(text.encode()), lambda text: _marked(text, shown, sort))


def _deepest(data: Any) -> int:
    """How deep containers nest."""
    level, here = 0, [data]
    while here := [item for item in here if isinstance(item, dict | list)]:
        level += 1
        here = [part for item in here for part in (item.values() if isinstance(item, dict) else item)]
    return level


def _marked(text: str, shown: str, sort: Sort) -> Marks:
    marks = Marks()
    _scan(text, shown, sort, marks)
    return marks


def _scan(text: str, shown: str, sort: Sort, marks: Marks | None) -> None:
    """Walk over text that is known to be JSON; refuse what `json` lets pass, and note places.

    Raises:
        PlacedError: nesting too deep, a key that occurs twice, or NaN and Infinity, which JSON does not have.
    """
    keys: list[set[str] | None] = []
    open: list[int] = []
    expects_key = False
    lines = _Lines(text)
    for match in _TOKEN.finditer(text):
        string, mark, word = match.groups()
        start = match.start(match.lastindex or 0)
        if mark is not None:
            if mark in "{[":
                if marks is not None:
                    open.append(marks.add(*lines.place(start), start, start, True))
                if len(keys) >= sort.depth:
                    raise _too_deep(text, start, shown, sort)
                keys.append(set() if mark == "{" else None)
                expects_key = mark == "{"
            elif mark in "}]":
                keys.pop()
                expects_key = False
                if marks is not None:
                    marks.end(open.pop(), match.end())
            elif mark == ",":
                expects_key = keys[-1] is not None
            continue
        if marks is not None:
            marks.add(*lines.place(start), start, match.end(), False)
        if string is not None and expects_key:
            seen, key = keys[-1], json.loads(string)
            assert seen is not None
            if key in seen:
                raise _refusal(text, start, f"the key {key!r} occurs twice", "keep one of the two", shown, sort)
            seen.add(key)
            expects_key = False
        elif word is not None and word.lstrip("-")[:1] in "NI":
            raise _refusal(text, start, f"JSON has no {word}", "write null for what is not known", shown, sort)


class _Lines:
    """Turns rising offsets into 0-based lines and columns."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.line = 0
        self.begin = 0
        self.end = text.find("\n")

    def place(self, offset: int) -> tuple[int, int]:
        while self.end != -1 and self.end < offset:
            self.line, self.begin = self.line + 1, self.end + 1
            self.end = self.text.find("\n", self.begin)
        return self.line, offset - self.begin


def _too_deep(text: str, before: int, shown: str, sort: Sort) -> PlacedError:
    depth = 0
    for match in _TOKEN.finditer(text, 0, before + 1):
        mark = match.group(2)
        depth += (mark in ("{", "[")) - (mark in ("}", "]"))
        if depth > sort.depth:
            problem = f"the file nests deeper than {sort.depth} levels"
            return _refusal(text, match.start(2), problem, "flatten it", shown, sort)
    return sort.error("the file nests too deep", "flatten it", path=shown)


def _refusal(text: str, offset: int, problem: str, remedy: str, shown: str, sort: Sort) -> PlacedError:
    line, column = _Lines(text).place(offset)
    return sort.error(problem, remedy, path=shown, line=line + 1, column=column + 1)
