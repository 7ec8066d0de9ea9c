"""Where a network computes with fixed-point data: one walk in topological order by an environment's table and rules.

Layers that are always quantized make fixed-point data; conditionally quantized ones do if every data input is
fixed-point; transparent ones disappear in preparation and hand on what they get. Fused ones disappear into the weights
that feed them, and make what these make; those that no weights feed become a layer of their own, which is quantized.
All others, and whatever comes from outside the network, make single-precision data. So does a layer that violates a
rule whose `outcome` is `single`. Where that cannot be decided, what the layer makes is unknown, and so is what hangs
on it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from qlint.rules.model import Role
from qlint.rules.violation import violates
from qlint.tristate import Truth, Unknown, all_of, negate

if TYPE_CHECKING:
    from qlint.network.network import Layer
    from qlint.rules.model import Group, Rule
    from qlint.rules.predicates.core import Facts

Origin: TypeAlias = "tuple[int, Layer | None]"
"""How many layers back, and which layer it is; None for outside the network."""

_HANDED_ON = (Role.CONDITIONALLY, Role.TRANSPARENT)
_LIMITED = (Role.ALWAYS, Role.CONDITIONALLY, Role.FUSED, Role.TRANSPARENT)


class Propagation:
    """Which layers make fixed-point data, and what keeps the others from it.

    Building it walks the network once; linear in its layers and edges.
    """

    __slots__ = ("_facts", "_fixed", "_inputs", "_limits", "_origins", "_roles", "_rules", "_rules_of", "_table")

    def __init__(self, facts: Facts) -> None:
        environment = facts.environment
        self._facts = facts
        self._table = environment.table
        self._rules = [rule for rule in environment.rules if rule.single and environment.asks(rule)]
        self._roles: dict[str, tuple[Role, Group | None]] = {}
        self._rules_of: dict[tuple[str, str], list[Rule]] = {}
        self._limits: dict[Layer, tuple[Rule, Truth]] = {}
        self._fixed: dict[Layer, Truth] = {}
        self._inputs: dict[Layer, Truth] = {}
        self._origins: dict[Layer, Origin] = {}
        for layer in facts.network:
            self._fixed[layer] = self._decide(layer)

    def _decide(self, layer: Layer) -> Truth:
        role, _ = self.role(layer)
        fed = self._fed(layer)
        if fed is not True:
            self._inputs[layer] = fed
        if role is Role.NEVER:
            return False
        own = negate(self._limit(layer)) if role in _LIMITED else True
        handed_on = role in _HANDED_ON or (role is Role.FUSED and fed is not True and _follows_weights(layer))
        if not handed_on or own is False:
            return own
        if fed is not True:
            self._origins[layer] = self._nearest(layer, fed)
        return all_of((fed, own))

    def _fed(self, layer: Layer) -> Truth:
        """Whether every data input is fixed-point."""
        sources = layer.sources
        return bool(sources) and all_of(False if source is None else self._fixed[source] for source in sources)

    def _nearest(self, layer: Layer, fed: Truth) -> Origin:
        """The nearest ancestor that makes an input float (or unknown, where that is what `fed` is).

        Of several at one distance it is that of the first input.
        """
        nearest: Origin | None = None
        for source in layer.sources:
            if source is None:
                made: Truth = False
                origin: Origin = (1, None)
            else:
                made = self._fixed[source]
                distance, at = self._origins.get(source, (0, source))
                origin = (distance + 1, at)
            if made is True or isinstance(made, Unknown) is not isinstance(fed, Unknown):
                continue
            if nearest is None or origin[0] < nearest[0]:
                nearest = origin
        return nearest or (1, None)

    def role(self, layer: Layer) -> tuple[Role, Group | None]:
        """What the environment does with the layer, and the row of its table that says so; None where none does."""
        found = self._roles.get(layer.type)
        if found is None:
            found = self._roles[layer.type] = self._table.find(layer.type)
        return found

    def limit(self, layer: Layer) -> tuple[Rule, Truth] | None:
        """The rule that keeps the layer in single precision (True), or may (an `Unknown`); None where none does."""
        return self._limits.get(layer)

    def _limit(self, layer: Layer) -> Truth:
        """Whether a rule keeps the layer in single precision; which one it is, is noted."""
        kind = (layer.type, layer.op)
        rules = self._rules_of.get(kind)
        if rules is None:
            rules = self._rules_of[kind] = [rule for rule in self._rules if rule.about(*kind)]
        found: Truth = False
        for rule in rules:
            truth = violates(rule, layer, self._facts)
            if truth is True or (truth is not False and found is False):
                found = truth
                self._limits[layer] = rule, truth
            if truth is True:
                break
        return found

    def is_fixed(self, layer: Layer) -> Truth:
        """Whether the layer makes fixed-point data."""
        return self._fixed[layer]

    def has_fixed_inputs(self, layer: Layer) -> Truth:
        """Whether every data input of the layer is fixed-point."""
        return self._inputs.get(layer, True)

    def cause(self, layer: Layer) -> Layer | None:
        """The nearest ancestor that makes an input of the layer float, or unknown where `has_fixed_inputs` is.

        None if every input is fixed-point, or if it is outside the network.
        """
        fed = self.has_fixed_inputs(layer)
        return None if fed is True else self._nearest(layer, fed)[1]


def _follows_weights(layer: Layer) -> bool:
    """Whether a layer with weights, into which this one can be fused, feeds it."""
    return len(layer.sources) == 1 and layer.sources[0] is not None and "Weights" in layer.sources[0].learnables
