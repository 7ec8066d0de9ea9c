"""What every predicate is: a three-valued question about a layer, which can tell what it saw."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, cast

from qlint.tristate import Truth, Unknown

if TYPE_CHECKING:
    from qlint.network.network import Layer, Learnable, Network, Value
    from qlint.rules.model import Environment
    from qlint.rules.propagation import Propagation

Subject: TypeAlias = "Layer | None"
"""The layer asked about; None where the question is about the whole network."""


@dataclass(slots=True, eq=False)
class Trace:
    """What one predicate saw.

    Attributes:
        name: the predicate ("PaddingValue", "predecessor", "all").
        wanted: what the rule file asks for, as written.
        saw: the value found, an `Unknown` among them; for a neighbour, which layer it is.
        truth: whether it holds; None where evaluation had stopped before it.
        parts: of a compound predicate, in order.
    """

    name: str
    wanted: Any = None
    saw: Any = None
    truth: Truth | None = None
    parts: list[Trace] = field(default_factory=list)

    def walk(self) -> Iterator[Trace]:
        """This trace and all below it, depth first."""
        yield self
        for part in self.parts:
            yield from part.walk()


class Predicate(Protocol):
    """A compiled predicate.

    `name` and `wanted` describe it in traces. `holds` adds a `Trace` to `note.parts` if `note` is given; without,
    it allocates as little as it can, as most layers of most networks violate nothing.
    """

    @property
    def name(self) -> str: ...

    @property
    def wanted(self) -> Any: ...

    def holds(self, layer: Subject, facts: Facts, note: Trace | None = None) -> Truth: ...


class Owner(Protocol):
    """What has properties and attributes: a layer, or the network's `Facts`."""

    def property(self, name: str) -> Value: ...

    def attribute(self, name: str) -> Value | None: ...


class Facts:
    """What predicates ask of a network beyond the layer itself; one for each network and check.

    Attributes:
        network: the network.
        environment: the one it is checked against.
        memo: results a predicate keeps so that nothing is walked twice, by predicate.
    """

    __slots__ = ("_counts", "_learnable_uses", "_propagation", "environment", "memo", "network")

    def __init__(self, network: Network, environment: Environment) -> None:
        self.network = network
        self.environment = environment
        self.memo: dict[object, dict[Any, Any]] = {}
        self._counts: Counter[str] | None = None
        self._learnable_uses: Counter[str] | None = None
        self._propagation: Propagation | None = None

    def memo_of(self, predicate: object) -> dict[Any, Any]:
        """A predicate's own memo."""
        memo = self.memo.get(predicate)
        if memo is None:
            memo = self.memo[predicate] = {}
        return memo

    @property
    def counts(self) -> Mapping[str, int]:
        """Number of layers of each type."""
        if self._counts is None:
            self._counts = Counter(layer.type for layer in self.network)
        return self._counts

    def learnable_uses(self, name: str) -> int:
        """How many learnables of the network stand on the tensor `name`."""
        if self._learnable_uses is None:
            uses: Counter[str] = Counter()
            for layer in self.network:
                uses.update({learnable.name for learnable in layer.learnables.values() if learnable.name})
            self._learnable_uses = uses
        return self._learnable_uses[name]

    @property
    def propagation(self) -> Propagation:
        """Where the network computes with fixed-point data in the environment."""
        if self._propagation is None:
            from qlint.rules.propagation import Propagation

            self._propagation = Propagation(self)
        return self._propagation

    def consumer_count(self, layer: Layer) -> int:
        """How many layers read a layer, without listing them: a tensor may have tens of thousands of readers."""
        return self.network.graph.out_degree[layer.id]

    def attribute(self, name: str) -> Value | None:
        """No operator computes a network as a whole."""
        return None

    # Last, because from here on `property` is this method and no decorator.
    def property(self, name: str) -> Value:
        """A property of the network; `Unknown` where it does not say."""
        value = self.network.properties.get(name)
        return Unknown(f"{name} of the network") if value is None else value


class NoLayer:
    """Stands where there is no layer: before a network's input, behind its last layer.

    Its type is "none"; whatever else a predicate asks of it is known not to hold.
    """

    id = ""
    type = "none"
    op = ""
    name = ""
    index = -1
    is_output = False
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    sources: tuple[Layer | None, ...] = ()
    properties: Mapping[str, Value] = {}
    learnables: Mapping[str, Learnable] = {}

    def property(self, name: str) -> Value:
        """No property is there, which `ABSENT` says."""
        return ABSENT

    def attribute(self, name: str) -> Value | None:
        """No attribute is there."""
        return None


class _Absent:
    """The value of a property that is known not to exist; no test holds for it."""

    def __repr__(self) -> str:
        return "nothing"


ABSENT = _Absent()
NO_LAYER = cast("Layer", NoLayer())


def note_leaf(note: Trace, predicate: Predicate, saw: Any, truth: Truth) -> None:
    """Add the trace of a predicate without parts."""
    note.parts.append(Trace(predicate.name, predicate.wanted, saw, truth))
