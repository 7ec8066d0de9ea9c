"""`--statistics`: how often each rule was violated or undecided."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from qlint.diagnostics import Diagnostic
from qlint.report.layout import table, verdict_of


def statistics(findings: Iterable[Diagnostic]) -> list[str]:
    """A table of number, verdict, code and rule, the most frequent first; nothing if there are no findings."""
    counts = Counter((verdict_of(finding), finding.code, finding.name) for finding in findings)
    if not counts:
        return []
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0][1], item[0]))
    return table([(str(number), *what) for what, number in ordered], right=(0,))
