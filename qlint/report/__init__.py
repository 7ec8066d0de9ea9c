"""Rendering: one file per format, all from the same `Report`. Nothing here decides anything."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal, TextIO

from qlint.diagnostics import Diagnostic, Outcome, Severity
from qlint.errors import UsageError

if TYPE_CHECKING:
    from qlint.session import Report

_MODULES = {"full": "full", "concise": "concise", "json": "json_report", "jsonl": "jsonl_report"}

FORMATS: tuple[str, ...] = tuple(_MODULES)
"""Names of the formats, as `--output-format` takes them."""


@dataclass(frozen=True, slots=True)
class Options:
    """How a report is rendered.

    Attributes:
        verbose: list every finding, infos and long groups included.
        quiet: write findings and nothing else: no header, no summary (text formats).
        undecided: `hide` leaves undecided findings out of every format; `fail` concerns the exit status only.
        statistics: add a table of findings per rule (text formats).
        color: use ANSI colours (text formats).
        width: columns that text is wrapped to.
        fail_on: the severity the check fails at; with INFO, infos are listed, since they are what fails it.
    """

    verbose: bool = False
    quiet: bool = False
    undecided: Literal["hide", "show", "fail"] = "show"
    statistics: bool = False
    color: bool = False
    width: int = 100
    fail_on: Severity | None = Severity.ERROR

    def reported(self, report: Report) -> list[Diagnostic]:
        """The findings every format holds: all, or all that are decided."""
        if self.undecided != "hide":
            return report.diagnostics
        return [found for found in report.diagnostics if found.outcome is Outcome.VIOLATION]

    def counted(self, report: Report) -> list[Diagnostic]:
        """The findings that the text formats hold: those that are not suppressed."""
        return [found for found in self.reported(report) if found.suppressed is None]

    def lists(self, finding: Diagnostic) -> bool:
        """Whether the text formats list a finding: an info, decided or not, only where it may fail the check."""
        if self.verbose or self.fail_on is Severity.INFO or finding.severity > Severity.INFO:
            return True
        return self.undecided == "fail" and finding.outcome is Outcome.UNDECIDED

    def counts(self, report: Report) -> dict[str, int]:
        """`Report.counts` of what is reported."""
        counts = report.counts()
        return counts | {"undecided": 0} if self.undecided == "hide" else counts


def write(report: Report, format: str, out: TextIO, options: Options | None = None) -> None:
    """Write a report piece by piece.

    Args:
        report: what a check found.
        format: one of `FORMATS`.
        out: where to; all text but that of models and rule files is ASCII.
        options: how; default: `Options()`.

    Raises:
        UsageError: there is no such format.
    """
    if format not in _MODULES:
        from qlint.suggest import did_you_mean

        raise UsageError(
            f"there is no output format {format!r}", did_you_mean(format, FORMATS, f"one of {', '.join(FORMATS)}")
        )
    module: Any = import_module(f"qlint.report.{_MODULES[format]}")
    module.write(report, out, options or Options())


def write_page(data: dict[str, Any], out: TextIO) -> None:
    """Write the data of a page (`rule_page.data` and its like) as JSON."""
    from qlint.report.escape import to_json

    out.write(to_json(data, indented=True) + "\n")
