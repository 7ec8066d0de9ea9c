"""Findings put together for people: fifty layers that break one rule are one thing to read, not fifty."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from qlint.diagnostics import Diagnostic
from qlint.report.layout import verdict_of

_ORDER = ("error", "warning", "undecided", "info")
_LEAST_SHARED = 4
_MARKS = frozenset(",;:")


@dataclass(slots=True)
class Group:
    """Findings of one rule with one outcome in one model.

    Attributes:
        findings: in the report's order, each once (see `distinct`); at least one.
        environments: ids of the environments that they hold in, in the report's order.
        others: groups of other environments' rules that say the very same of the same layers.
    """

    findings: list[Diagnostic] = field(default_factory=list)
    environments: list[str] = field(default_factory=list)
    others: list[Group] = field(default_factory=list)

    @property
    def first(self) -> Diagnostic:
        """The finding that speaks for all where they are the same: rule, severity, hint, evidence."""
        return self.findings[0]

    @property
    def said(self) -> tuple[object, ...]:
        """What a reader is told; the message of an undecided finding only adds the rule's name to what is missing."""
        verdict = verdict_of(self.first)
        told = ((f.location.id, f.missing if verdict == "undecided" else f.message, f.hint) for f in self.findings)
        return verdict, self.first.severity, self.first.fix, *told

    def sentences(self) -> Iterator[tuple[str, list[tuple[Diagnostic, str]]]]:
        """What the findings say, with the findings that say it, and with each what it says in place of `...`.

        Messages of one rule come from one template, so where they differ they mostly differ in one place.
        """
        shared = _shared({finding.message for finding in self.findings})
        found: dict[str, list[tuple[Diagnostic, str]]] = {}
        for finding in self.findings:
            sentence, own = (finding.message, "") if shared is None else shared.split(finding.message)
            found.setdefault(sentence, []).append((finding, own))
        yield from found.items()

    def missing(self) -> list[str]:
        """The facts that would decide the findings, each once."""
        return list(dict.fromkeys(fact for finding in self.findings for fact in finding.missing))

    def hints(self) -> list[str]:
        """What to do next, each once; undecided findings of one rule may need different things."""
        return list(dict.fromkeys(finding.hint for finding in self.findings if finding.hint))


@dataclass(frozen=True, slots=True)
class _Shared:
    """How many words messages share at the begin and at the end, and the punctuation behind what differs."""

    before: int
    after: int
    mark: str

    def split(self, message: str) -> tuple[str, str]:
        """What a message shares with the others, and what it does not."""
        words = message.split()
        end = len(words) - self.after
        own = " ".join(words[self.before : end]).removesuffix(self.mark)
        return " ".join([*words[: self.before], f"...{self.mark}", *words[end:]]), own


def _shared(messages: set[str]) -> _Shared | None:
    """What several messages have in common; None if that is too little to be worth showing once."""
    if len(messages) < 2:
        return None
    split = [message.split() for message in messages]
    shortest = min(map(len, split))
    before = _common(split, shortest)
    after = _common([words[::-1] for words in split], shortest - before - 1)
    if before + after < _LEAST_SHARED:
        return None
    ends = {words[len(words) - after - 1][-1] for words in split}
    mark = ends.pop() if len(ends) == 1 else ""
    return _Shared(before, after, mark if mark in _MARKS else "")


def _common(messages: Sequence[Sequence[str]], limit: int) -> int:
    """Number of words that all begin with; at most `limit`."""
    number = 0
    while number < limit and len({words[number] for words in messages}) == 1:
        number += 1
    return number


def by_model(findings: Iterable[Diagnostic]) -> dict[str, list[Diagnostic]]:
    """The findings of each model that has any."""
    found: dict[str, list[Diagnostic]] = {}
    for finding in findings:
        found.setdefault(finding.model, []).append(finding)
    return found


def distinct(findings: Iterable[Diagnostic]) -> list[Diagnostic]:
    """The findings without what a rule of several environments says again, in a further one, of the same layer."""
    known: set[tuple[object, ...]] = set()
    said: Counter[tuple[object, ...]] = Counter()
    found = []
    for finding in findings:
        what = (finding.model, finding.code, finding.outcome, finding.location.id, finding.message)
        said[finding.environment, what] += 1  # one environment may say the same twice, and then means it
        key = (what, said[finding.environment, what])
        if key not in known:
            known.add(key)
            found.append(finding)
    return found


def by_rule(findings: Sequence[Diagnostic]) -> list[Group]:
    """One model's groups: errors first, infos last, then by code; what several environments' rules say alike is one."""
    groups: dict[tuple[int, str], Group] = {}
    for finding in findings:
        group = groups.setdefault((_ORDER.index(verdict_of(finding)), finding.code), Group())
        group.findings.append(finding)
    for group in groups.values():
        group.environments = list(dict.fromkeys(finding.environment for finding in group.findings))
        group.findings = distinct(group.findings)
    alike: dict[tuple[object, ...], Group] = {}
    for key in sorted(groups):
        group = groups[key]
        first = alike.setdefault(group.said, group)
        if first is not group:
            first.others.append(group)
    return list(alike.values())
