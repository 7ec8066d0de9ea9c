r"""Text of models made harmless: a name may hold terminal escapes, line breaks or text that runs backwards.

In text formats every character that does not print becomes a visible escape (`\x1b`, `\u202e`). JSON is pure ASCII;
lone surrogates (what Python makes of a path or a name that is no UTF-8), which strict parsers refuse, become the six
characters of their escape.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    import json

NAME_LIMIT = 200
MESSAGE_LIMIT = 1000

_SHORT = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}
# In the output of json.dumps. An escaped backslash comes first, so that the text `\udcff` is not taken for an escape.
_SURROGATES = r"\\\\|\\ud[89ab][0-9a-f]{2}\\ud[c-f][0-9a-f]{2}|\\ud[89a-f][0-9a-f]{2}"
_PAIR = 12


def visible(text: str, limit: int | None = None) -> str:
    r"""Text with every character that does not print made visible.

    Those are control and format characters (bidirectional marks and zero-width ones among them), line separators, lone
    surrogates, private and unassigned ones, and spaces other than the plain one.

    Args:
        text: anything.
        limit: longest text shown; what is longer ends in `...`. None for no limit.
    """
    if limit is not None and len(text) > limit:
        text = text[: limit - 3] + "..."
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else _escape(character) for character in text)


def name(text: str) -> str:
    """A name of a model (layer, node, id), escaped and of bounded length."""
    return visible(text, NAME_LIMIT)


def quoted(text: str) -> str:
    r"""A name in double quotes; a quote in it becomes `\"`."""
    return '"' + name(text).replace('"', '\\"') + '"'


def message(text: str) -> str:
    """A sentence that may quote a model, escaped and of bounded length."""
    return visible(text, MESSAGE_LIMIT)


def _escape(character: str) -> str:
    if character in _SHORT:
        return _SHORT[character]
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _plain(value: Any) -> Any:
    from qlint.rules.shown import plain  # this file is imported by every command, and seldom needs it

    return plain(value)


@cache
def _encoder(*, indented: bool) -> json.JSONEncoder:
    import json

    return json.JSONEncoder(allow_nan=False, default=_plain, indent=2 if indented else None)


def to_json(value: Any, indented: bool = False) -> str:
    """A value as JSON: ASCII, without control characters, lone surrogates or NaN; keys in their order."""
    text = _encoder(indented=indented).encode(value)
    if "\\ud" in text:
        text = re.sub(_SURROGATES, _strict, text)
    return text.replace("\x7f", "\\u007f")


def _strict(found: re.Match[str]) -> str:
    text = found.group()
    return text if text == "\\\\" or len(text) == _PAIR else "\\" + text


def write_members(out: TextIO, members: Iterable[tuple[str, Any]]) -> None:
    """Write a JSON object member by member, of which iterators become arrays with one element a line."""
    before = "{\n"
    for key, value in members:
        out.write(f"{before}  {to_json(key)}: ")
        before = ",\n"
        if isinstance(value, Iterator):
            _write_array(out, value)
        else:
            out.write(to_json(value))
    out.write("\n}\n")


def _write_array(out: TextIO, items: Iterator[Any]) -> None:
    empty = True
    for item in items:
        out.write("[\n    " if empty else ",\n    ")
        out.write(to_json(item))
        empty = False
    out.write("[]" if empty else "\n  ]")
