"""Predicates on the layers around a layer: `inputs`, `consumers`, `predecessor`, `successor`.

None of them may cost more than the graph has edges, over all layers together: counts never list, walks through
long chains are remembered for every layer they pass, and so are decisions over many neighbours.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from qlint.rules.layerset import LayerSet
from qlint.rules.predicates.core import NO_LAYER, Facts, Predicate, Subject, Trace
from qlint.rules.predicates.logic import not_reached
from qlint.rules.predicates.values import ValueTest
from qlint.tristate import Truth, Unknown, all_of

if TYPE_CHECKING:
    from qlint.network.network import Layer

REMEMBER_FROM = 8
"""Decisions over at least this many neighbours are remembered."""


def describe(layer: Layer) -> str:
    """A neighbour as traces show it."""
    return "no layer" if layer is NO_LAYER else f"{layer.type} {layer.name or layer.id!r}"


class Around:
    """`inputs` and `consumers`: how many there are, and what holds for every one or for some of them."""

    __slots__ = ("count", "every", "some", "wanted")
    name = ""

    def __init__(self, count: ValueTest | None, every: Predicate | None, some: Predicate | None, wanted: Any) -> None:
        self.count = count
        self.every = every
        self.some = some
        self.wanted = wanted

    def number(self, layer: Layer, facts: Facts) -> int:
        """How many neighbours there are."""
        raise NotImplementedError

    def neighbours(self, layer: Layer, facts: Facts) -> Sequence[Layer | None]:
        """The neighbours, in order."""
        raise NotImplementedError

    def holds(self, layer: Subject, facts: Facts, note: Trace | None = None) -> Truth:
        if layer is None:
            return False
        own = None
        if note is not None:
            own = Trace(self.name, self.wanted)
            note.parts.append(own)
        truths: list[Truth] = []
        if self.count is not None:
            number = self.number(layer, facts)
            truth = self.count.holds(number, layer)
            if own is not None:
                own.parts.append(Trace("count", _part(self.wanted, "count"), number, truth))
            truths.append(truth)
        if self.every is not None and False not in truths:
            truths.append(self._decide(layer, facts, self.every, own, decisive=False))
        if self.some is not None and False not in truths:
            truths.append(self._decide(layer, facts, self.some, own, decisive=True))
        truth = all_of(truths)
        if own is not None:
            own.truth = truth
        return truth

    def _decide(self, layer: Layer, facts: Facts, part: Predicate, note: Trace | None, *, decisive: bool) -> Truth:
        """Ask neighbours until one decides: a false one for `every`, a true one for `some`."""
        many = self.number(layer, facts) >= REMEMBER_FROM
        remembered = facts.memo_of(self).get((layer, decisive)) if many else None
        if remembered is None:
            remembered = self._ask(layer, facts, part, decisive=decisive)
            if many:
                facts.memo_of(self)[layer, decisive] = remembered
        truth, decider = remembered
        if note is not None:  # only the neighbour that decided is traced: there may be thousands
            key = "some" if decisive else "every"
            own = Trace(key, _part(self.wanted, key), truth=truth)
            if decider is not None:
                own.saw = describe(decider)
                part.holds(decider, facts, own)
            note.parts.append(own)
        result: Truth = truth
        return result

    def _ask(self, layer: Layer, facts: Facts, part: Predicate, *, decisive: bool) -> tuple[Truth, Layer | None]:
        found: tuple[Truth, Layer | None] = (not decisive, None)
        for neighbour in self.neighbours(layer, facts):
            asked = NO_LAYER if neighbour is None else neighbour
            truth = part.holds(asked, facts)
            if truth is decisive:
                return truth, asked
            if isinstance(truth, Unknown) and not isinstance(found[0], Unknown):
                found = (truth, asked)
        return found


class Inputs(Around):
    """`inputs`: the layers that feed the data inputs."""

    __slots__ = ()
    name = "inputs"

    def number(self, layer: Layer, facts: Facts) -> int:
        return len(layer.sources)

    def neighbours(self, layer: Layer, facts: Facts) -> Sequence[Layer | None]:
        return layer.sources


class Consumers(Around):
    """`consumers`: the layers that read what this one makes."""

    __slots__ = ()
    name = "consumers"

    def number(self, layer: Layer, facts: Facts) -> int:
        return 0 if layer is NO_LAYER else facts.consumer_count(layer)

    def neighbours(self, layer: Layer, facts: Facts) -> Sequence[Layer | None]:
        return () if layer is NO_LAYER else facts.network.consumers(layer)


class Beside:
    """`predecessor` and `successor`: the layer next in line, walking through layers of some types."""

    __slots__ = ("part", "sole", "through", "wanted")
    name = ""

    def __init__(self, part: Predicate, through: LayerSet | None, sole: bool | None, wanted: Any) -> None:
        self.part = part
        self.through = through
        self.sole = sole
        self.wanted = wanted

    def next(self, layer: Layer, facts: Facts) -> tuple[Layer, bool]:
        """The neighbour one step on (`NO_LAYER`: there is none), and whether nothing else reads the tensor between."""
        raise NotImplementedError

    def find(self, layer: Layer, facts: Facts) -> tuple[Layer, bool]:
        """The neighbour, and whether every tensor on the way to it is read by the next layer on the way only."""
        end, sole = self.next(layer, facts)
        if self.through is None or end is NO_LAYER or end.type not in self.through:
            return end, sole
        beyond, also_sole = self._walk(end, facts, self.through)
        return beyond, sole and also_sole

    def _walk(self, start: Layer, facts: Facts, through: LayerSet) -> tuple[Layer, bool]:
        """`find` from a layer that is walked through; remembered for each such layer, so that chains stay linear."""
        memo: dict[Layer, tuple[Layer, bool]] = facts.memo_of(self)
        path: list[tuple[Layer, bool]] = []
        current = start
        end, sole = NO_LAYER, True
        while True:
            known = memo.get(current)
            if known is not None:
                end, sole = known
                break
            following, step_sole = self.next(current, facts)
            path.append((current, step_sole))
            if following is NO_LAYER or following.type not in through:
                end = following
                break
            current = following
        for passed, step_sole in reversed(path):
            sole = sole and step_sole
            memo[passed] = (end, sole)
        return end, sole

    def holds(self, layer: Subject, facts: Facts, note: Trace | None = None) -> Truth:
        if layer is None:
            return False
        found, sole = self.find(layer, facts)
        if note is None:
            return False if self.sole is not None and sole is not self.sole else self.part.holds(found, facts)
        own = Trace(self.name, self.wanted, describe(found))
        note.parts.append(own)
        if self.sole is not None:
            own.parts.append(Trace("sole-consumer", self.sole, sole, sole is self.sole))
        if self.sole is not None and sole is not self.sole:
            not_reached((self.part,), own)
            own.truth = False
        else:
            own.truth = self.part.holds(found, facts, own)
        return own.truth


class Predecessor(Beside):
    """`predecessor`: back along the first data input."""

    __slots__ = ()
    name = "predecessor"

    def next(self, layer: Layer, facts: Facts) -> tuple[Layer, bool]:
        source = layer.sources[0] if layer.sources else None
        if source is None:
            return NO_LAYER, False
        return source, not source.is_output and facts.consumer_count(source) == 1


class Successor(Beside):
    """`successor`: forward, as long as each layer on the way has exactly one consumer."""

    __slots__ = ()
    name = "successor"

    def next(self, layer: Layer, facts: Facts) -> tuple[Layer, bool]:
        if layer is NO_LAYER or facts.consumer_count(layer) != 1:
            return NO_LAYER, False
        return facts.network.consumers(layer)[0], not layer.is_output


def _part(wanted: Any, key: str) -> Any:
    return wanted[key] if isinstance(wanted, dict) and key in wanted else wanted
