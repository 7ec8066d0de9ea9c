"""fold-normalization: an input's normalization that subtracts nothing goes, or into the first layer.

A zerocenter normalization whose mean is 0 is removed. A zscore normalization whose mean is 0 is a scale, which the
layer after it absorbs where it is the only one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from qlint.network import inputs
from qlint.transforms.affine import Refused
from qlint.transforms.bypass import Bypasses
from qlint.transforms.channels import arithmetic_before
from qlint.transforms.fuse_forward import fold_forward
from qlint.transforms.patch import Declined, Patch
from qlint.transforms.rewrite import Rewrite
from qlint.tristate import Unknown

if TYPE_CHECKING:
    from qlint.network.inputs import Input
    from qlint.transforms.base import Context


class FoldNormalization:
    """Folds the normalization of inputs."""

    name = "fold-normalization"

    def find(self, context: Context) -> Iterator[Patch | Declined]:
        """One patch or refusal for each input of the network with a normalization."""
        if context.graph.parent is not None:
            return
        bypasses = Bypasses(context)
        for found in inputs.find(context.scope):
            if not found.nodes:
                continue
            try:
                patch = self._patch(context, found, bypasses)
            except Refused as refusal:
                yield Declined(self.name, context.id_of(found.nodes[-1]), found.type, str(refusal))
                continue
            if patch is not None:
                yield patch

    def _patch(self, context: Context, found: Input, bypasses: Bypasses) -> Patch | None:
        facts = inputs.normalization(found, context.scope)
        kind, mean = facts["Normalization"], facts.get("Mean")
        if isinstance(mean, Unknown):
            raise Refused(f"its statistics are not known: {mean.missing}")
        if kind not in ("zerocenter", "zscore") or np.any(np.asarray(mean)):
            return None  # within the limits, so there is nothing to prepare
        before, axis = arithmetic_before(context, found.nodes, found.name)
        last = found.nodes[-1]
        rewrite = Rewrite(context)
        if kind == "zerocenter":
            if context.shape(found.name) != context.shape(last.outputs[0]):
                raise Refused("its mean has another shape than the data; check the model")
            way = bypasses.around(last, found.name)
            if way is None:
                return None
            title = "remove the normalization of an input, whose mean is 0"
            rewrite.operations.extend(way.operations)
            borders = way.inputs, way.outputs
        else:
            output = fold_forward(rewrite, last, before, found.name, axis)
            rewrite.remove(found.nodes)
            title = "fold the standard deviation of an input, whose mean is 0, into the layer after it"
            borders = (found.name,), (output,)
        return Patch(
            transform=self.name,
            klass="exact" if kind == "zerocenter" else "equivalent",
            id=context.id_of(last),
            type=found.type,
            title=title,
            operations=tuple(rewrite.operations),
            inputs=borders[0],
            outputs=borders[1],
            graph=context.graph.path,
        )


TRANSFORM = FoldNormalization()
