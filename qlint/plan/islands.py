"""Float islands: where a network leaves fixed point and comes back to it, and what would keep it there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from qlint.plan.model import Cause, Island, Outcome, Planned
from qlint.rules.model import Scope
from qlint.rules.runs import connected_runs
from qlint.rules.violation import violates

if TYPE_CHECKING:
    from qlint.network.network import Layer
    from qlint.rules.model import Rule
    from qlint.rules.predicates.core import Facts

_ADVICE = ("1", "4")
"""First digits of the codes that say which layers are supported, and what to use instead, and what preparation does."""


def find_islands(facts: Facts, planned: Sequence[Planned]) -> tuple[Island, ...]:
    """The islands of a network, in the order of their first layers; linear in its layers and edges.

    An island is a largest connected group of single layers that some quantized layer feeds and that feeds some
    quantized layer. A layer between single ones that is gone joins them.

    Args:
        facts: of the network in the environment.
        planned: what becomes of each layer, in the network's order.
    """
    outcomes = {entry.id: entry for entry in planned}
    finder = _Finder(facts, outcomes)
    floating = [layer for layer in facts.network if finder.floats(layer)]
    found = (finder.island(run) for run in connected_runs(floating))
    return tuple(island for island in found if island is not None)


class _Finder:
    """Looks at one network."""

    def __init__(self, facts: Facts, outcomes: dict[str, Planned]) -> None:
        self.facts = facts
        self.outcomes = outcomes
        self._rules: dict[tuple[str, str], list[Rule]] = {}
        self._transforms = {step.transform for step in facts.environment.transforms}

    def floats(self, layer: Layer) -> bool:
        """Whether single-precision data goes through a layer that is single, or is gone."""
        outcome = self.outcomes[layer.id].outcome
        if outcome.gone:
            return self.facts.propagation.is_fixed(layer) is False
        return outcome is Outcome.SINGLE

    def _is_fixed(self, layer: Layer) -> bool:
        return self.facts.propagation.is_fixed(layer) is True

    def island(self, run: list[Layer]) -> Island | None:
        """The island that a connected run of layers is; None where it lies at an end of the network."""
        network = self.facts.network
        fed = any(source is not None and self._is_fixed(source) for layer in run for source in layer.sources)
        if not fed or not any(self._is_fixed(reader) for layer in run for reader in network.consumers(layer)):
            return None
        members = [layer for layer in run if self.outcomes[layer.id].outcome is Outcome.SINGLE]
        causes = [self._cause(layer) for layer in members if self.causes(layer)]
        return Island(tuple(layer.id for layer in members), tuple(causes))

    def causes(self, layer: Layer) -> bool:
        """Whether a single layer is so by itself: not quantizable, against a rule, or fed from outside."""
        entry = self.outcomes[layer.id]
        return entry.cause is None or self.outcomes[entry.cause].outcome is not Outcome.SINGLE

    def _cause(self, layer: Layer) -> Cause:
        reason = self.outcomes[layer.id].reason
        limit = self.facts.propagation.limit(layer)
        rule = limit[0] if limit is not None and limit[1] is True else self._advice(layer)
        if rule is None:
            return Cause(layer.id, layer.type, reason)
        transform = rule.fix if rule.fix in self._transforms else None
        return Cause(layer.id, layer.type, reason, rule.code, rule.hint, transform)

    def _advice(self, layer: Layer) -> Rule | None:
        """The rule about the support of such layers, else about their preparation, that this one violates."""
        kind = (layer.type, layer.op)
        rules = self._rules.get(kind)
        if rules is None:
            environment = self.facts.environment
            rules = [
                rule
                for rule in environment.rules
                if rule.enabled
                and rule.scope is not Scope.NETWORK
                and rule.code[3] in _ADVICE
                and environment.holds(rule)
                and rule.about(*kind)
            ]
            rules.sort(key=lambda rule: rule.code[3])
            self._rules[kind] = rules
        return next((rule for rule in rules if violates(rule, layer, self.facts) is True), None)
