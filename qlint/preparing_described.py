"""Preparing network descriptions: what `qlint.preparing.fix` does for them.

Layers are rewritten as layers where nodes cannot say it (classes, projected layers); then the description is lowered,
its nodes prepared and proven as any model's, and the result brought back to the layers it came from.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from qlint.errors import DescriptionError

if TYPE_CHECKING:
    import numpy as np

    from qlint.files.binding import Bind
    from qlint.files.description.records import Description
    from qlint.files.model import Model
    from qlint.network.lower.assemble import Lowered
    from qlint.transforms.described.base import Rewrite
    from qlint.transforms.patch import Declined, Patch
    from qlint.verify.proof import Proven, Verification

_TRIES = 8
"""How often a network is prepared again without rewrites that cannot be proven, or that layers cannot say."""


_OF_OPERATORS = ("fold-constants", "merge-matmul-add")
"""Transforms about how ONNX writes a layer, which layers themselves know nothing of."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How a description is prepared and proven; see `qlint.preparing.fix`."""

    steps: Sequence[str]
    bind: Bind | None = None
    data: str | None = None
    tolerance: float | None = None
    backend: str = "numpy"


@dataclass(slots=True)
class PreparedDescription:
    """What preparing a description came to.

    Attributes:
        before: as read.
        after: prepared; the very same where nothing changed.
        applied: rewrites in the order in which they were applied.
        declined: layers left alone, and why.
        verification: how the result was proven.
    """

    before: Description
    after: Description
    applied: list[Rewrite | Patch] = field(default_factory=list)
    declined: list[Declined] = field(default_factory=list)
    verification: Verification | None = None


def prepare_description(description: Description, original: Lowered, settings: Settings) -> PreparedDescription:
    """Prepare a description, and prove the result.

    Args:
        description: as read.
        original: what it was lowered to.
        settings: what runs, and how it is proven.

    Raises:
        QlintError: the data cannot be read, or there is no such backend.
    """
    from qlint.network.lower.assemble import lower
    from qlint.transforms.described import registry
    from qlint.verify.data import load

    values = load(settings.data, original.model.graph) if settings.data is not None else None
    found = PreparedDescription(description, description)
    for step in settings.steps:
        if step in registry.NAMES:
            outcome = registry.load(step).run(found.after)
            found.after = outcome.description
            found.applied += outcome.applied
            found.declined += outcome.declined
    layered = found.after
    lowered = original if layered is description else lower(layered, bind=settings.bind)
    _nodes(found, lowered, settings, values)
    _whole(found, original, settings, values)
    return found


def _nodes(
    found: PreparedDescription, lowered: Lowered, settings: Settings, values: dict[str, np.ndarray[Any, Any]] | None
) -> None:
    """Run the transforms of nodes, prove their rewrites, and bring the result back to layers."""
    from qlint.network.lower.builder import LAYER_KEY
    from qlint.transforms import registry
    from qlint.transforms.described import registry as described
    from qlint.transforms.described.layered import Layered
    from qlint.transforms.described.returning import owners, returned
    from qlint.transforms.guarded import Guarded
    from qlint.transforms.remaining import layer_type, unspoken
    from qlint.transforms.run import prepare
    from qlint.verify.proof import verify_fix

    steps = [name for name in settings.steps if name not in (*described.NAMES, *_OF_OPERATORS)]
    counts = Counter(node.metadata[LAYER_KEY] for item in lowered.layers.values() for node in item.nodes)
    sources = frozenset(name for name, item in lowered.layers.items() if not item.layer.inputs)
    unproven: dict[tuple[str, str], str] = {}
    owner = owners(lowered)
    for _ in range(_TRIES):
        transforms = [Guarded(Layered(registry.load(name), counts, sources), unproven) for name in steps]
        prepared = prepare(lowered.model, transforms)
        patches = [applied.patch for applied in prepared.applied]
        proof = verify_fix(lowered.model, prepared.model, patches, data=values, tolerance=settings.tolerance)
        back = returned(found.after, lowered, prepared.model)
        again = {
            (each.patch.transform, each.patch.id): f"the rewrite could not be proven: {each.proof.reason}"
            for each in proof.rewrites
            if not each.proof.computed
        }
        again |= _unsaid(proof.rewrites, back.unfit, owner)
        if not again:
            break
        unproven |= again
    found.verification = proof
    if back.unfit:
        layer, reason = next(iter(back.unfit.items()))
        proof.refusal = proof.refusal or f"the description cannot say what became of layer {layer!r}: {reason}"
        return
    found.after = back.description
    for rewrite in proof.rewrites:
        patch = rewrite.patch
        id, type = _layer_of(patch.id, patch.type, rewrite, lowered, owner)
        found.applied.append(dataclasses.replace(patch, id=id, type=type))
    left = [*prepared.declined, *unspoken(prepared.model, prepared.declined, steps)]
    for entry in left:
        name = _declined_layer(entry, prepared.model, owner)
        kind = lowered.layers[name].layer.type if name in lowered.layers else layer_type(entry.type)
        found.declined.append(dataclasses.replace(entry, id=name or entry.id, type=kind))


def _unsaid(
    rewrites: Sequence[Proven], unfit: Mapping[str, str], owner: Mapping[str, str]
) -> dict[tuple[str, str], str]:
    """Rewrites that touch layers which cannot say what became of them."""
    from qlint.network.lower.builder import LAYER_KEY

    found: dict[tuple[str, str], str] = {}
    for rewrite in rewrites:
        nodes = (*rewrite.before.nodes, *rewrite.after.nodes)
        touched = {owner.get(node.metadata.get(LAYER_KEY, ""), "") for node in nodes}
        touched |= {output for node in rewrite.after.nodes for output in node.outputs}
        for layer in sorted(touched & unfit.keys()):
            key = (rewrite.patch.transform, rewrite.patch.id)
            found[key] = f"no layer says what would become of it: {unfit[layer]}"
    return found


def _layer_of(id: str, type: str, rewrite: Proven, lowered: Lowered, owner: Mapping[str, str]) -> tuple[str, str]:
    """A layer's name and type, from the id of a node in a rewritten region."""
    from qlint.network.lower.builder import LAYER_KEY

    tensor = id.removeprefix("graph/")
    for node in rewrite.before.nodes:
        name = owner.get(node.metadata.get(LAYER_KEY, ""))
        if name is not None and tensor in node.outputs:
            return name, lowered.layers[name].layer.type
    if tensor in lowered.layers:
        return tensor, lowered.layers[tensor].layer.type
    return id, type


def _declined_layer(entry: Declined, model: Model, owner: Mapping[str, str]) -> str:
    from qlint.network.lower.builder import LAYER_KEY
    from qlint.transforms.apply import find

    node = find(model, entry.id)
    return owner.get(node.metadata.get(LAYER_KEY, ""), "") if node is not None else entry.id.removeprefix("graph/")


def _whole(
    found: PreparedDescription, original: Lowered, settings: Settings, values: dict[str, np.ndarray[Any, Any]] | None
) -> None:
    """Compare the description as read with the prepared one, both lowered."""
    from qlint.network.lower.assemble import lower
    from qlint.numeric.executor import Executor
    from qlint.verify import whole
    from qlint.verify.exported import runnable
    from qlint.verify.proof import Verification, verify_whole

    proof = found.verification or Verification()
    if found.after is found.before or proof.refusal:
        return
    try:
        result = lower(found.after, bind=settings.bind)
    except DescriptionError as error:
        proof.refusal = f"the prepared description cannot be read: {error.problem}"
        return
    lossy = any(rewrite.klass == "lossy" for rewrite in found.applied) and settings.tolerance is None
    backend = settings.backend if not _missing(original) else "numpy"
    with (
        runnable(original, backend, bind=settings.bind) as first,
        runnable(result, backend, bind=settings.bind) as second,
    ):
        compared = verify_whole(
            first,
            partial(Executor, second, backend=backend),
            data=values,
            tolerance=settings.tolerance,
            backend=backend,
            lossy=lossy,
            names=whole.pairs(first, second),
        )
    compared.rewrites = proof.rewrites
    if compared.reason:
        compared.reason = _missing(original) or compared.reason
    if compared.scope == "none" and proof.rewrites:
        compared.scope, compared.error = "regions", proof.error
    found.verification = compared


def _missing(lowered: Lowered) -> str:
    """What a network cannot be computed without; "" where that is not the reason."""
    from qlint.files.model import OPAQUE_DOMAIN
    from qlint.tristate import Unknown

    for name, item in lowered.layers.items():
        if any(node.domain == OPAQUE_DOMAIN for node in item.nodes):
            return f"the network cannot be computed, as what layer {name!r} computes is not known"
    lacking = [
        tensor
        for item in lowered.layers.values()
        for key, tensor in item.learnables.items()
        if item.layer.learnable(key) is None and isinstance(tensor.values(), Unknown)
    ]
    if not lacking:
        return ""
    more = f" and {len(lacking) - 1} more" if len(lacking) > 1 else ""
    return f"the network cannot be computed without learnables ({lacking[0].name}{more}); give them in the description"
