"""The proof of a preparation: each rewrite on its own region, and the whole network besides."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from math import isfinite
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from qlint.errors import QlintError
from qlint.files.model import Model
from qlint.numeric.executor import Executor
from qlint.verify import regions, whole
from qlint.verify.compare import Compared, Verdict
from qlint.verify.cut import Region
from qlint.verify.inputs import Attempt, attempts
from qlint.verify.recorder import Recorder
from qlint.verify.regions import RegionProof

if TYPE_CHECKING:
    from qlint.transforms.patch import Patch
    from qlint.verify.whole import Runner

Scope = Literal["network", "regions", "none"]

LARGE = 1 << 28
"""Bytes of weights above which a network is not run where no rewrite touches numbers: reading them is all it costs."""


@dataclass(frozen=True, slots=True)
class Proven:
    """A rewrite with its region before and after, and how far the two are apart."""

    patch: Patch
    before: Region
    after: Region
    proof: RegionProof


@dataclass(slots=True)
class Verification:
    """What was proven, and how.

    Attributes:
        scope: "network": regions and the whole network; "regions": regions alone (`reason` says why); "none": nothing
            was changed.
        error: largest difference of an output of the network; of regions, where they alone decide.
        bound: what is allowed there; of regions, where they alone decide, None (each element has its own).
        inputs: what the network ran on, {name, type, shape, source}.
        outputs: the network's outputs, compared.
        rewrites: every rewrite with its region's proof.
        refusal: why nothing may be written; "" where all is proven.
    """

    scope: Scope = "none"
    error: float | None = None
    bound: float | None = None
    inputs: list[dict[str, Any]] = field(default_factory=list)
    outputs: list[Compared] = field(default_factory=list)
    rewrites: list[Proven] = field(default_factory=list)
    reason: str = ""
    refusal: str = ""
    fallbacks: dict[str, int] = field(default_factory=dict)


def verify_fix(
    model: Model,
    prepared: Model,
    patches: Sequence[Patch],
    *,
    data: dict[str, np.ndarray[Any, Any]] | None = None,
    tolerance: float | None = None,
    backend: str = "numpy",
) -> Verification:
    """Prove a preparation.

    Args:
        model: the network as read.
        prepared: the network that the patches lead to.
        patches: in the order in which they were applied.
        data: values for the inputs; default: random ones that the graph implies.
        tolerance: replaces the bound of the whole network (see `whole.judge`); regions keep theirs.
        backend: what runs the whole network; regions are always computed in numpy.
    """
    if not patches:
        return Verification()
    found = Verification(scope="network")
    lossy = any(patch.klass == "lossy" for patch in patches)
    found.reason = "" if data is not None else _left_out(model, patches)
    names = {name for patch in patches for name in patch.inputs}
    recorder = Recorder(model, names, backend="numpy" if found.reason else backend)
    tries = _given(data) if data is not None else attempts(model.graph)
    if not found.reason:
        second = partial(Executor, prepared, backend=recorder.backend)
        _whole(found, recorder, second, tries, tolerance, lossy=lossy and tolerance is None, given=data is not None)
    if found.reason:
        found.scope = "regions"
    recorder.recording = False
    found.rewrites = list(replay(model, patches, recorder))
    for rewrite in found.rewrites:
        if rewrite.proof.reason:
            patch = rewrite.patch
            found.refusal = f"{patch.transform} at {patch.id!r} is not proven: {rewrite.proof.reason}"
            break
    if found.scope == "regions":
        found.error = max((rewrite.proof.absolute for rewrite in found.rewrites), default=0.0)
    return found


def verify_whole(
    model: Model,
    start: Callable[[], Runner],
    *,
    data: dict[str, np.ndarray[Any, Any]] | None = None,
    tolerance: float | None = None,
    backend: str = "numpy",
    lossy: bool = False,
    names: dict[str, str] | None = None,
) -> Verification:
    """Compare two networks as wholes.

    Args:
        model: the first.
        start: makes what runs the second.
        data: values for the inputs; default: random ones that the graph implies.
        tolerance: replaces the bound (see `whole.judge`).
        backend: what runs the first.
        lossy: whether the second may compute something else, so that the difference is only measured.
        names: the second network's names of the first one's inputs and outputs; default: the same.

    Returns:
        Scope "network", or "none" with the `reason` why they could not be compared.
    """
    found = Verification(scope="network")
    random = whole.random_by_nature(model)
    if random:
        found.reason = f"the network is random by nature ({random})"
    else:
        tries = _given(data) if data is not None else attempts(model.graph)
        first = Recorder(model, (), backend=backend)
        _whole(found, first, start, tries, tolerance, lossy=lossy, given=data is not None, names=names)
    if found.reason and not found.outputs:
        found.scope = "none"
    return found


def replay(model: Model, patches: Iterable[Patch], recorder: Recorder) -> Iterable[Proven]:
    """Apply patches one by one to a copy of the model and prove each on the way."""
    from qlint.transforms.apply import apply, editable

    current = editable(model)
    graphs = regions.graphs(current)
    for patch in patches:
        graph = graphs[patch.graph]
        before = regions.region_of(graph, patch)
        apply(current, patch)
        after = regions.region_of(graph, patch)
        yield Proven(patch, before, after, regions.prove(current, graph, patch, before, after, recorder))


def _whole(
    found: Verification,
    first: Recorder,
    start: Callable[[], Runner],
    tries: Iterable[Attempt],
    tolerance: float | None,
    *,
    lossy: bool,
    given: bool,
    names: dict[str, str] | None = None,
) -> None:
    """Run both networks; what came of it goes into the verification."""
    attempt, outputs, reason = whole.first_run(first, tries)
    if attempt is None:
        found.reason = f"the network could not be run: {reason}"
        return
    first.note_inputs(attempt.values)
    found.inputs = described(attempt, given=given)
    first.recording = False
    try:
        second = start()
        found.outputs = whole.judge(first, second, attempt, outputs, names=names, tolerance=tolerance)
    except QlintError as error:
        found.refusal = f"the prepared network cannot be run: {error.problem}"
        return
    found.fallbacks = dict(first.fallbacks + second.fallbacks)
    differs = next((output for output in found.outputs if output.verdict is Verdict.DIFFERS), None)
    worst = whole.worst(found.outputs)
    found.error = worst.error if worst is not None and isfinite(worst.error) else None
    found.bound = worst.bound if worst is not None and not lossy else None
    if differs is not None and not lossy:
        found.refusal = f"output {differs.name!r} differs: {differs.reason}"
    elif worst is None and found.outputs:
        found.reason = "every output jumps when the inputs change by no more than rounding does"


def _left_out(model: Model, patches: Sequence[Patch]) -> str:
    """Why the whole network need not or cannot be run; "" where it is."""
    random = whole.random_by_nature(model)
    if random:
        return f"the network is random by nature ({random})"
    if all(patch.klass == "exact" for patch in patches):
        size = sum(tensor.nbytes for graph in regions.graphs(model).values() for tensor in graph.initializers.values())
        if size > LARGE:
            return "every rewrite is exact to the bit, and the weights are large (--data FILE runs the network as well)"
    return ""


def _given(data: dict[str, np.ndarray[Any, Any]]) -> list[Attempt]:
    return [Attempt(data, "the given data")]


def described(attempt: Attempt, *, given: bool) -> list[dict[str, Any]]:
    """Inputs as reports show them: name, type, shape and where the values are from."""
    source = "data" if given else "random"
    return [
        {"name": name, "type": str(value.dtype), "shape": list(value.shape), "source": source}
        for name, value in attempt.values.items()
    ]
