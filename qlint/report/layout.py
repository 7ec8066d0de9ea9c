"""Colours, wrapping and tables of the text formats."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from qlint.diagnostics import Diagnostic, Outcome
from qlint.report.escape import message

_CODES = {
    "bold": "1",
    "dim": "2",
    "red": "31",
    "green": "32",
    "yellow": "33",
    "blue": "34",
    "magenta": "35",
    "cyan": "36",
}
_OF_WORD = {"error": "red", "warning": "yellow", "info": "blue", "undecided": "magenta"}
_LEAST_WIDTH = 40
_WIDEST = 48


class Style:
    """Writes in colour, or not.

    Attributes:
        color: whether it does.
        width: columns that text is wrapped to.
    """

    __slots__ = ("color", "width")

    def __init__(self, color: bool = False, width: int = 100) -> None:
        self.color = color
        self.width = max(width, _LEAST_WIDTH)

    def paint(self, text: str, *looks: str) -> str:
        """Text with the looks ("bold", "dim", "red", ...) around it."""
        if not self.color or not text:
            return text
        return f"\x1b[{';'.join(_CODES[look] for look in looks)}m{text}\x1b[0m"

    def verdict(self, word: str) -> str:
        """`error`, `warning`, `info` or `undecided` in its colour."""
        return self.paint(word, "bold", _OF_WORD[word])

    def wrap(self, text: str, indent: int, label: str = "") -> str:
        """A paragraph, escaped and indented; with a label, its further lines stand below the text behind it."""
        label = f"{label}: " if label else ""
        text = message(text)
        hanging = " " * (indent + len(label))
        if len(hanging) + len(text) > self.width:
            lines = textwrap.wrap(text, self.width - len(hanging), break_long_words=False, break_on_hyphens=False)
            text = f"\n{hanging}".join(lines)
        return " " * indent + self.paint(label, "bold") + text


def verdict_of(finding: Diagnostic) -> str:
    """The word a finding is announced by: its severity, or `undecided`."""
    return finding.severity.label if finding.outcome is Outcome.VIOLATION else "undecided"


def count(number: int, thing: str) -> str:
    """`1 layer`, `2 layers`."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def table(rows: Sequence[Sequence[str]], indent: int = 0, right: Sequence[int] = ()) -> list[str]:
    """Lines of a table. Columns are as wide as they must be, within reason; empty ones are left out.

    Args:
        rows: of equal length.
        indent: spaces before each.
        right: numbers of the columns that are aligned to the right.
    """
    widths = [min(max(map(len, column)), _WIDEST) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = (
            cell.rjust(width) if number in right else cell.ljust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
            if width
        )
        lines.append((" " * indent + "  ".join(cells)).rstrip())
    return lines
