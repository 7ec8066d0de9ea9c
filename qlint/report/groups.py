"""Findings put together for people: fifty layers that break one rule are one thing to read, not fifty."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from qlint.diagnostics import Diagnostic
from qlint.report.layout import verdict_of

_ORDER = ("error", "warning", "undecided", "info")


@dataclass(slots=True)
class Group:
    """Findings of one rule with one outcome in one model.

    Attributes:
        findings: in the report's order; at least one.
    """

    findings: list[Diagnostic] = field(default_factory=list)

    @property
    def first(self) -> Diagnostic:
        """The finding that speaks for all where they are the same: rule, severity, hint, evidence."""
        return self.findings[0]

    def by_message(self) -> Iterator[tuple[str, list[Diagnostic]]]:
        """The findings by what they say, in order of appearance."""
        found: dict[str, list[Diagnostic]] = {}
        for finding in self.findings:
            found.setdefault(finding.message, []).append(finding)
        yield from found.items()

    def missing(self) -> list[str]:
        """The facts that would decide the findings, each once."""
        return list(dict.fromkeys(fact for finding in self.findings for fact in finding.missing))

    def hints(self) -> list[str]:
        """What to do next, each once; undecided findings of one rule may need different things."""
        return list(dict.fromkeys(finding.hint for finding in self.findings if finding.hint))


def by_model(findings: Iterable[Diagnostic]) -> dict[str, list[Diagnostic]]:
    """The findings of each model that has any."""
    found: dict[str, list[Diagnostic]] = {}
    for finding in findings:
        found.setdefault(finding.model, []).append(finding)
    return found


def by_rule(findings: Sequence[Diagnostic]) -> list[Group]:
    """One model's groups: errors first, infos last, then by environment and code."""
    groups: dict[tuple[int, str, str], Group] = {}
    for finding in findings:
        key = (_ORDER.index(verdict_of(finding)), finding.environment, finding.code)
        groups.setdefault(key, Group()).findings.append(finding)
    return [groups[key] for key in sorted(groups)]
