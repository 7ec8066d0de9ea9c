"""The format `concise`: one finding a line, for terminals, `grep` and editors' problem matchers."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

from qlint.diagnostics import Diagnostic
from qlint.report import Options
from qlint.report.escape import message, name, quoted, visible
from qlint.report.groups import distinct
from qlint.report.layout import Style, verdict_of
from qlint.report.statistics import statistics

if TYPE_CHECKING:
    from qlint.session import Report


def write(report: Report, out: TextIO, options: Options) -> None:
    """Write `PATH:LINE:COL: severity CODE [*] layer "name" (id): message [rule-name]` for each finding."""
    style = Style(options.color, options.width)
    findings = distinct(options.counted(report))
    for finding in findings:
        if options.lists(finding):
            out.write(_line(finding, style) + "\n")
    if options.statistics:
        out.writelines(f"{line}\n" for line in statistics(findings))


def _line(finding: Diagnostic, style: Style) -> str:
    place = finding.location
    where = "network" if place.id is None else f"layer {quoted(place.layer or '')} ({name(place.id)})"
    fixable = "[*] " if finding.fix else ""
    at = f"{visible(finding.model)}:{place.line or 1}:{place.column or 1}"
    what = f"{style.verdict(verdict_of(finding))} {finding.code} {fixable}{where}: {message(finding.message)}"
    return f"{style.paint(at, 'bold')}: {what} [{finding.name}]"
