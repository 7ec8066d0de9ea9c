"""The format `json`: one `qlint.report/v1` document, whatever the number of models, one finding a line."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

from qlint.report import Options, records, sizes
from qlint.report.escape import write_members

if TYPE_CHECKING:
    from qlint.session import Report


def write(report: Report, out: TextIO, options: Options) -> None:
    """Write the document piecewise: a report may hold findings by the ten thousand."""
    members = {
        "schema": records.SCHEMA,
        "tool": records.tool(),
        "environments": map(records.environment, report.environments),
        **sizes.data(report.bind),
        "models": map(records.model, report.models),
        "diagnostics": map(records.diagnostic, options.reported(report)),
        "errors": iter(records.errors(report)),
        "summary": records.summary(report, options),
    }
    write_members(out, members.items())
