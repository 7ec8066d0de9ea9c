"""The format `jsonl`: the records of `qlint.report/v1` as one object a line, each with its `kind`.

First the header, then models, diagnostics and errors, last the summary, whose absence tells that a report was cut off.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TextIO

from qlint.report import Options, records, sizes
from qlint.report.escape import to_json

if TYPE_CHECKING:
    from qlint.session import Report


def write(report: Report, out: TextIO, options: Options) -> None:
    """Write the lines one by one."""
    for kind, record in _records(report, options):
        out.write(to_json({"kind": kind} | record) + "\n")


def _records(report: Report, options: Options) -> Iterator[tuple[str, dict[str, Any]]]:
    environments = [records.environment(checked) for checked in report.environments]
    header = {"schema": records.SCHEMA, "tool": records.tool(), "environments": environments}
    yield "header", header | sizes.data(report.bind)
    for model in report.models:
        yield "model", records.model(model)
    for found in options.reported(report):
        yield "diagnostic", records.diagnostic(found)
    for error in records.errors(report):
        yield "error", error
    yield "summary", records.summary(report, options)
