"""Rewrites proven on their own regions: the same border tensors in, the region computed before and after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Any

import numpy as np

from qlint.errors import QlintError
from qlint.files.model import Graph, Model, ValueType
from qlint.verify import compare
from qlint.verify.borders import borders, is_elementwise
from qlint.verify.congruence import between, substitutions
from qlint.verify.cut import Region, cut, execute
from qlint.verify.magnitudes import magnitudes, step
from qlint.verify.recorder import Recorder

if TYPE_CHECKING:
    from qlint.transforms.patch import Patch

Array = np.ndarray[Any, Any]

_ROUNDINGS = 4
"""Roundings that new learnables may have on the way from input to output of a region."""

_NOISE = 2.0**-40
"""What float64 itself loses in sums of millions of terms, of the sum of their magnitudes."""


@dataclass(frozen=True, slots=True)
class RegionProof:
    """How far a rewritten region is from the original one.

    Attributes:
        error: largest difference of an output, as a share of its bound (1 is just allowed); infinite where NaN,
            infinities or shapes differ.
        absolute: the largest absolute difference.
        reason: why the region is not proven; "" where it is.
        computed: whether it could be computed at all.
    """

    error: float
    absolute: float
    reason: str = ""
    computed: bool = True


def graphs(model: Model) -> dict[str, Graph]:
    """Every graph of a model by its path."""
    found: dict[str, Graph] = {}
    pending = [model.graph]
    while pending:
        graph = pending.pop()
        found[graph.path] = graph
        pending.extend(graph.subgraphs())
    return found


def region_of(graph: Graph, patch: Patch) -> Region:
    """The nodes a patch is about, as the graph is now."""
    return cut(graph, patch.inputs, patch.outputs)


def prove(model: Model, graph: Graph, patch: Patch, before: Region, after: Region, seen: Recorder) -> RegionProof:
    """Compute both regions on the same border tensors and compare what leaves them.

    `exact` rewrites must give the same bits in the types they compute in. Others are computed in float64 and may
    differ by the rounding of the new learnables: some ulp of their type times the sum of |w||x| behind each element.
    The difference that a `lossy` rewrite makes is measured, and any is allowed.

    Args:
        model: either model; regions are cut from graphs, and only opset versions are read here.
        graph: the graph that holds the outputs.
        patch: the rewrite.
        before: its region in the original.
        after: its region in the rewritten model.
        seen: values that border tensors had in a run of the network.

    Returns:
        The proof; its `reason` says what differs, or why the regions could not be computed.
    """
    if patch.klass == "exact" and _is_substitution(model, graph, before, after, seen):
        return RegionProof(0.0, 0.0)
    reason, broken = "no inputs fit it", False
    for border in borders(graph, before, after, seen):
        when = ""
        try:
            one = _run(before, model, border, exact=patch.klass == "exact")
            when = " after the rewrite"
            other = _run(after, model, border, exact=patch.klass == "exact")
            if patch.klass == "exact":
                return _same_bits(one, other)
            if patch.klass == "lossy":
                difference = max((compare.error(value, other[name]) for name, value in one.items()), default=0.0)
                return RegionProof(0.0, difference)
            return _within_rounding(patch, model, border, (before, one), (after, other))
        except QlintError as error:
            reason, broken = f"{error.problem}{when}", broken or bool(when)
    return RegionProof(inf, inf, f"it cannot be computed: {reason}", computed=broken)


def _is_substitution(model: Model, graph: Graph, before: Region, after: Region, seen: Recorder) -> bool:
    """Whether regions are the same but for tensors in each other's places, and these are the same to the last bit."""
    pairs = substitutions(before, after)
    if pairs is None:
        return False
    if not pairs:
        return True
    part = _substituted(graph, before, pairs)
    for border in borders(graph, part, part, seen):
        try:
            values = _run(part, model, border, exact=True)
        except QlintError:
            continue
        return all(compare.error(values[one], values[other]) == 0.0 for one, other in pairs)
    return False


def _substituted(graph: Graph, before: Region, pairs: Sequence[tuple[str, str]]) -> Region:
    """The part of a region between tensors and those that take their places.

    It begins at the latter where any values do: where shapes are known, or do not matter.
    """
    outputs = tuple(dict.fromkeys(name for pair in pairs for name in pair))
    sources = {name: known for _, name in pairs if (known := _known(graph, name)).type is not None}
    part = between(before, sources, outputs)
    fixed = all(
        known.shape is not None and all(isinstance(size, int) for size in known.shape) for known in sources.values()
    )
    return part if fixed or is_elementwise(part) else between(before, {}, outputs)


def _known(graph: Graph, name: str) -> ValueType:
    """What is known of a tensor, here or outside."""
    at: Graph | None = graph
    while at is not None:
        if name in at.types:
            return at.types[name]
        at = at.parent.graph if at.parent is not None else None
    return ValueType(None, None)


def _run(region: Region, model: Model, border: Mapping[str, Array], *, exact: bool) -> dict[str, Array]:
    own = region.model(model) if exact else region.widened(model)
    return execute(own, region, border, wide=not exact)


def _same_bits(one: Mapping[str, Array], other: Mapping[str, Array]) -> RegionProof:
    for name, value in one.items():
        error = compare.error(value, other[name])
        if error:
            return RegionProof(inf, error, f"{name!r} is not the same to the last bit")
    return RegionProof(0.0, 0.0)


def _within_rounding(
    patch: Patch,
    model: Model,
    border: Mapping[str, Array],
    before: tuple[Region, dict[str, Array]],
    after: tuple[Region, dict[str, Array]],
) -> RegionProof:
    sums = magnitudes(after[0], model, border, patch)
    rounding = _ROUNDINGS / 2 * step(patch)
    cancelled: dict[str, Array] | None = None
    worst, absolute = 0.0, 0.0
    for name, value in before[1].items():
        other = after[1][name]
        error = compare.error(value, other)
        if error == inf:
            return RegionProof(inf, inf, f"{name!r} has another shape, type, or other places of NaN and infinities")
        bound = (rounding + _NOISE) * sums[name] + np.finfo(np.float64).tiny
        share = _share(value, other, bound)
        if share > 1:  # what cancelled before the rewrite may have lost more in float64 than is left
            cancelled = cancelled or magnitudes(before[0], model, border, patch)
            share = _share(value, other, bound + cancelled[name] * _NOISE)
        if share > 1:
            return RegionProof(share, error, f"{name!r} is off by {error:.3g}, more than rounding explains")
        worst, absolute = max(worst, share), max(absolute, error)
    return RegionProof(worst, absolute)


def _share(one: Array, other: Array, bound: Array) -> float:
    """The largest difference as a share of its bound; a bound that is not finite allows none."""
    finite = np.isfinite(one)
    difference = np.abs(np.where(finite, one, 0) - np.where(finite, other, 0))
    allowed = np.where(np.isfinite(bound), bound, np.finfo(np.float64).tiny)
    return float(np.max(difference / allowed, initial=0.0))
