"""Predicates on learnables: whether they are there, constant, finite, and what their values are.

Values are read only by the entries that ask for them, and numpy is imported only then.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from qlint.rules.predicates.core import ABSENT, Facts, Subject, Trace
from qlint.rules.predicates.shapes import known_size
from qlint.rules.predicates.values import ValueTest
from qlint.tristate import Truth, Unknown, all_of

if TYPE_CHECKING:
    from qlint.network.network import Layer, Learnable

NARROW_KINDS = "biuf"
"""numpy's own numbers; anything else (bfloat16, float8, int4) is widened before it is compared."""


class Entry(Protocol):
    """One entry about one learnable. Attributes: its key, and what the rule file asks for."""

    @property
    def key(self) -> str: ...

    @property
    def wanted(self) -> Any: ...

    def look(self, learnable: Learnable, layer: Layer, facts: Facts) -> tuple[Truth, Any]:
        """Whether it holds, and what it saw."""


class Learnables:
    """`learnables: {Offset: {present: true, every: {above: 0}}}`; of a missing one, only `present: false` holds."""

    __slots__ = ("entries", "wanted")
    name = "learnables"

    def __init__(self, entries: Mapping[str, Sequence[Entry]], wanted: Any) -> None:
        self.entries = entries
        self.wanted = wanted

    def holds(self, layer: Subject, facts: Facts, note: Trace | None = None) -> Truth:
        if layer is None:
            return False
        if note is None:
            return self._decide(layer, facts)
        own = Trace(self.name, self.wanted)
        truths: list[Truth] = []
        for name, entries in self.entries.items():
            for entry in entries:
                truth, saw = (None, None) if False in truths else _look(entry, layer.learnables.get(name), layer, facts)
                if truth is not None:
                    truths.append(truth)
                own.parts.append(Trace(f"{name}.{entry.key}", entry.wanted, saw, truth))
        own.truth = all_of(truths)
        note.parts.append(own)
        return own.truth

    def _decide(self, layer: Layer, facts: Facts) -> Truth:
        """The same without a trace: up to the first entry that does not hold."""
        unknown: Unknown | None = None
        learnables = layer.learnables
        for name, entries in self.entries.items():
            learnable = learnables.get(name)
            for entry in entries:
                truth = _look(entry, learnable, layer, facts)[0]
                if truth is False:
                    return False
                if truth is not True:
                    unknown = unknown or truth
        return True if unknown is None else unknown


def _look(entry: Entry, learnable: Learnable | None, layer: Layer, facts: Facts) -> tuple[Truth, Any]:
    if type(entry) is Present:  # not isinstance: the other flags derive from it
        return (learnable is not None) is entry.wanted, learnable is not None
    if learnable is None:
        return False, None
    return entry.look(learnable, layer, facts)


class Present:
    """`present: true`."""

    __slots__ = ("wanted",)
    key = "present"

    def __init__(self, wanted: bool) -> None:
        self.wanted = wanted

    def look(self, learnable: Learnable, layer: Layer, facts: Facts) -> tuple[Truth, Any]:
        return self.wanted, True


class Constant(Present):
    """`constant: true`: neither computed at run time nor left for callers to override."""

    __slots__ = ()
    key = "constant"

    def look(self, learnable: Learnable, layer: Layer, facts: Facts) -> tuple[Truth, Any]:
        return learnable.constant is self.wanted, learnable.constant


class Shared(Present):
    """`shared: true`: another layer has a learnable on the same tensor."""

    __slots__ = ()
    key = "shared"

    def look(self, learnable: Learnable, layer: Layer, facts: Facts) -> tuple[Truth, Any]:
        shared = facts.learnable_uses(learnable.name) > 1
        return shared is self.wanted, shared


class Finite(Present):
    """`finite: true`: no value is infinite or not a number."""

    __slots__ = ()
    key = "finite"

    def look(self, learnable: Learnable, layer: Layer, facts: Facts) -> tuple[Truth, Any]:
        import numpy as np

        values = numbers(learnable)
        if isinstance(values, Unknown):
            return values, values
        finite = bool(np.isfinite(values).all())
        return finite is self.wanted, finite


class ElementType:
    """`type: float`: ONNX's element type."""

    __slots__ = ("test", "wanted")
    key = "type"

    def __init__(self, test: ValueTest, wanted: Any) -> None:
        self.test = test
        self.wanted = wanted

    def look(self, learnable: Learnable, layer: Layer, facts: Facts) -> tuple[Truth, Any]:
        return self.test.holds(learnable.type, layer), learnable.type


class Size(ElementType):
    """`size: {max: 9216}`: number of elements."""

    __slots__ = ()
    key = "size"

    def look(self, learnable: Learnable, layer: Layer, facts: Facts) -> tuple[Truth, Any]:
        size = self._size(learnable)
        return (size if isinstance(size, Unknown) else self.test.holds(size, layer)), size

    def _size(self, learnable: Learnable) -> int | Unknown:
        if learnable.shape is None:
            return Unknown(f"rank of tensor {learnable.name!r}")
        size = 1
        for axis, length in enumerate(learnable.shape):
            known = known_size(length, axis, learnable.name)
            if isinstance(known, Unknown):
                return known
            size *= known
        return size


class OfShape(ElementType):
    """`shape: {length: 3, axes: {-1: 1}}`: its size along each axis, in ONNX's order."""

    __slots__ = ()
    key = "shape"

    def look(self, learnable: Learnable, layer: Layer, facts: Facts) -> tuple[Truth, Any]:
        if learnable.shape is None:
            unknown = Unknown(f"rank of tensor {learnable.name!r}")
            return unknown, unknown
        sizes = [known_size(size, axis, learnable.name) for axis, size in enumerate(learnable.shape)]
        return self.test.holds(sizes, layer), sizes


class ChannelSpread(ElementType):
    """`channel-spread: {axis: 0, above: 1000}`: the largest channel's greatest magnitude over the least channel's."""

    __slots__ = ("axis",)
    key = "channel-spread"

    def __init__(self, axis: int, test: ValueTest, wanted: Any) -> None:
        super().__init__(test, wanted)
        self.axis = axis

    def look(self, learnable: Learnable, layer: Layer, facts: Facts) -> tuple[Truth, Any]:
        import numpy as np

        values = numbers(learnable)
        if isinstance(values, Unknown):
            return values, values
        if not -values.ndim <= self.axis < values.ndim or not values.size:
            return False, None
        axes = tuple(axis for axis in range(values.ndim) if axis != self.axis % values.ndim)
        largest = np.maximum(values.max(axis=axes), -values.min(axis=axes).astype(np.float64))  # no copy of the weights
        nonzero = largest[largest > 0]
        if not np.isfinite(largest).all():
            unknown = Unknown(f"range of tensor {learnable.name!r}, which is not finite")
            return unknown, unknown
        spread = float(nonzero.max() / nonzero.min()) if nonzero.size else 1.0
        return self.test.holds(spread, layer), spread


class EveryValue:
    """`every: {plus: Epsilon, above: 0}`: a comparison that every value satisfies; `plus` adds a property first."""

    __slots__ = ("_memo", "mask", "plus", "wanted")
    key = "every"
    decisive = False

    def __init__(self, mask: Callable[[Any], Any], plus: str | None, wanted: Any) -> None:
        """`mask` maps an array to an array of truth values."""
        self.mask = mask
        self.plus = plus
        self.wanted = wanted
        self._memo = (self.key, repr(wanted))

    def look(self, learnable: Learnable, layer: Layer, facts: Facts) -> tuple[Truth, Any]:
        # Several rules ask the same of the same values (batch normalization has three), and every rule with a
        # finding asks twice; making an array of a tensor costs more than all else that is asked of a layer.
        memo: dict[Any, tuple[Truth, Any]] = facts.memo_of(self._memo)
        found = memo.get((layer, learnable.name))
        if found is None:
            found = memo[layer, learnable.name] = self._look(learnable, layer)
        return found

    def _look(self, learnable: Learnable, layer: Layer) -> tuple[Truth, Any]:
        import numpy as np

        values = numbers(learnable)
        if isinstance(values, Unknown):
            return values, values
        if self.plus is not None:
            addend = layer.property(self.plus)
            if isinstance(addend, Unknown):
                return addend, addend
            if addend is ABSENT or isinstance(addend, str):
                return False, None
            values = values.astype(np.float64) + addend
        with np.errstate(all="ignore"):
            mask = self.mask(values)
        decided = np.flatnonzero(mask if self.decisive else ~mask)
        if not decided.size:
            return not self.decisive, None
        return self.decisive, values.reshape(-1)[decided[0]].item()  # the first value that decides


class SomeValue(EveryValue):
    """`some`: at least one value satisfies it."""

    __slots__ = ()
    key = "some"
    decisive = True


def numbers(learnable: Learnable) -> Any:
    """A learnable's values as an array numpy can compare, or an `Unknown`."""
    import numpy as np

    values = learnable.values()
    if isinstance(values, Unknown):
        return values
    values = np.asarray(values)
    if values.dtype.kind not in NARROW_KINDS:
        if values.dtype.kind in "OSUcM":
            return Unknown(f"numbers of tensor {learnable.name!r}, which holds {values.dtype}")
        values = values.astype(np.float32)
    elif values.dtype == np.float16:
        values = values.astype(np.float32)
    return values
