"""From a network and an environment to the plan."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qlint.plan.islands import find_islands
from qlint.plan.metrics import Metrics
from qlint.plan.model import Outcome, Plan, Planned
from qlint.rules.findings import bounded, remedy
from qlint.rules.model import Role
from qlint.rules.predicates.core import Facts
from qlint.tristate import Unknown

if TYPE_CHECKING:
    from qlint.network.network import Layer, Network
    from qlint.rules.model import Environment
    from qlint.rules.propagation import Propagation

_GONE = {Role.FUSED: Outcome.FUSED, Role.TRANSPARENT: Outcome.REMOVED}


def plan_network(network: Network, environment: Environment) -> Plan:
    """What becomes of every layer of a network; linear in its layers and edges.

    Raises:
        QlintError: weights that a rule asks for cannot be read.
    """
    facts = Facts(network, environment)
    planner = _Planner(facts, facts.propagation)
    layers = tuple(planner.planned(layer) for layer in network)
    open_inputs = network.properties.get("OpenInputs", ())
    return Plan(
        environment,
        network.path,
        network.digest,
        layers,
        find_islands(facts, layers),
        tuple(open_inputs) if isinstance(open_inputs, list) else (),
    )


class _Planner:
    """Decides one layer after the other."""

    def __init__(self, facts: Facts, propagation: Propagation) -> None:
        self.facts = facts
        self.propagation = propagation
        self.metrics = Metrics(facts.network)
        self.has_table = bool(facts.environment.table.groups)

    def planned(self, layer: Layer) -> Planned:
        """A layer and what becomes of it."""
        outcome, reason, cause = self._outcome(layer)
        _, row = self.propagation.role(layer)
        return Planned(
            layer.id,
            layer.name,
            layer.type,
            outcome,
            bounded(reason),
            cause,
            self.metrics.parameters(layer),
            self.metrics.macs(layer),
            None if row is None else row.evidence.kind,
        )

    def _outcome(self, layer: Layer) -> tuple[Outcome, str, str | None]:
        """What becomes of a layer, why, and which other layer is the cause."""
        role, row = self.propagation.role(layer)
        environment = self.facts.environment.id
        if not self.has_table:
            return Outcome.UNKNOWN, f"nothing is known of which layers {environment} quantizes", None
        if row is None:
            return Outcome.SINGLE, f"not among the layers known to quantize in {environment}", None
        known = f"({row.evidence.kind.value})"
        if role is Role.NEVER:
            return Outcome.SINGLE, f"{environment} does not quantize it {known}", None
        limit = self.propagation.limit(layer)
        if limit is not None and limit[1] is True:
            return Outcome.SINGLE, f"{limit[0].code}: {limit[0].message.render(layer, self.facts)}", None
        if role is Role.TRANSPARENT and limit is None:
            return Outcome.REMOVED, f"preparation removes it {known}", None
        fixed = self.propagation.has_fixed_inputs(layer) if role is Role.CONDITIONALLY else True
        if fixed is False:
            return Outcome.SINGLE, f"its input from {self._source(layer)} is single", self._cause(layer)
        if limit is not None and isinstance(limit[1], Unknown):
            return Outcome.UNKNOWN, f"{limit[0].code} asks for what is not known: {self._missing(limit[1])}", None
        if isinstance(fixed, Unknown):
            reason = f"its input from {self._source(layer)} may be single; not known: {self._missing(fixed)}"
            return Outcome.UNKNOWN, reason, self._cause(layer)
        if role is Role.FUSED:
            return Outcome.FUSED, f"it disappears into a neighbour {known}", None
        if role is Role.CONDITIONALLY:
            return Outcome.FIXED_POINT, f"every input is fixed-point {known}", None
        outcome = Outcome.INT8 if self.metrics.learns(layer) else Outcome.FIXED_POINT
        return outcome, f"quantized whatever it is fed {known}", None

    def _missing(self, fact: Unknown) -> str:
        """A missing fact, and what would decide it if anything is known to."""
        then = remedy(self.facts.network, [fact])
        return f"{fact.missing}; {then}" if then else fact.missing

    def _cause(self, layer: Layer) -> str | None:
        cause = self.propagation.cause(layer)
        return None if cause is None else cause.id

    def _source(self, layer: Layer) -> str:
        cause = self.propagation.cause(layer)
        return "outside the network" if cause is None else f"{cause.name or cause.id} ({cause.type})"
