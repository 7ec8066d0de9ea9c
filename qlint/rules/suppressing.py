"""Findings that the model itself asks not to count: they are marked, and what is asked for nothing is told."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator

from qlint.diagnostics import Diagnostic, Suppression
from qlint.network.network import Network
from qlint.rules.model import Environment, Rule
from qlint.suggest import did_you_mean


class Suppressing:
    """Marks the findings about one network, whatever the number of environments."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._asked: set[str] = set()
        self._known: set[str] = set()
        self._used: set[Suppression] = set()

    def mark(
        self, findings: Iterable[Diagnostic], environment: Environment, rules: Iterable[Rule]
    ) -> Iterator[Diagnostic]:
        """The findings of an environment, those that are not to count with the reason.

        Args:
            findings: what `rules` found.
            environment: they are of.
            rules: those that were asked.
        """
        if not self._network.suppressions:
            yield from findings
            return
        self._asked.update(rule.code for rule in rules)
        self._known.update(rule.code for rule in environment.rules)
        for finding in findings:
            found = self._wish(finding)
            if found is None:
                yield finding
            else:
                self._used.add(found)
                yield dataclasses.replace(finding, suppressed=found.reason)

    def _wish(self, finding: Diagnostic) -> Suppression | None:
        everywhere = self._network.suppressions.get("", ())
        here = self._network.suppressions.get(finding.location.id or "", ())
        return next((one for one in (*here, *everywhere) if one.code == finding.code and one.reason), None)

    def unused(self) -> Iterator[str]:
        """A line for each wish that no finding of the rules that were asked answers, and what to do about it."""
        from qlint.rules.library import locked_codes

        wishes = dict.fromkeys(one for each in self._network.suppressions.values() for one in each)
        for wish in sorted(wishes, key=lambda one: (one.line or 0, one.column or 0, one.code)):
            if wish in self._used:
                continue
            where = f"{self._network.path}:{wish.line}:{wish.column}" if wish.line else self._network.path
            if not wish.reason:
                yield f"{where}: {wish.code} is to be ignored without a reason; write {wish.code}: reason"
            elif wish.code in self._asked:
                yield f"{where}: {wish.code} is ignored here, but finds nothing; remove the entry"
            elif wish.code not in self._known and wish.code not in (codes := locked_codes()):
                near = did_you_mean(wish.code, codes, "`qlint rule` lists them")
                yield f"{where}: there is no rule {wish.code!r} to ignore; {near}"
