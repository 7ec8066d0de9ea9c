"""fuse-batch-normalization: into the layer before it, else into the layer after it.

prepareNetwork folds a batch normalization into the convolution before it. Here it also goes back through Dropout and
Identity, into each branch of a Concat, into fully connected layers in every form that ONNX has for them, into another
batch normalization, and forward into a layer that does not pad. Constant Mul, Add, Sub and Div that are together a
normalization (a scale and an offset) are folded like one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from qlint.transforms.affine import (
    Refused,
    batch_normalization,
    constant_operand,
    is_batch_normalization,
    is_pass_through,
)
from qlint.transforms.fuse_backward import Run, data_input, fold, run_to
from qlint.transforms.fuse_forward import fold_forward
from qlint.transforms.patch import Declined, Patch
from qlint.transforms.rewrite import Rewrite

if TYPE_CHECKING:
    from qlint.files.model import Node
    from qlint.transforms.base import Context


class FuseBatchNormalization:
    """Folds batch normalizations into their neighbours."""

    name = "fuse-batch-normalization"

    def find(self, context: Context) -> Iterator[Patch | Declined]:
        """One patch or refusal for each batch normalization, and a patch for each decomposed one that can be folded."""
        for node in context.graph.nodes:
            if is_batch_normalization(node):
                yield self._normalization(context, node)
            elif constant_operand(context, node) is not None and _is_last(context, node):
                patch = self._decomposed(context, node)
                if patch is not None:
                    yield patch

    def _normalization(self, context: Context, node: Node) -> Patch | Declined:
        try:
            affine = batch_normalization(context, node)
        except Refused as refusal:
            return Declined(self.name, context.id_of(node), node.op_type, str(refusal))
        try:
            return self._backward(context, node, run_to(context, node, node.inputs[0], (node,)))
        except Refused as refusal:
            backward = str(refusal)
        rewrite = Rewrite(context)
        try:
            output = fold_forward(rewrite, node, affine)
        except Refused as refusal:
            return Declined(self.name, context.id_of(node), node.op_type, f"{backward}; {refusal}")
        rewrite.remove([node])
        title = f"fold batch normalization {rewrite.shown(node)} into the layer after it"
        return self._patch(rewrite, node, title, output)

    def _decomposed(self, context: Context, node: Node) -> Patch | None:
        """None if it is no normalization, or cannot be folded: it is then no layer that was to be removed."""
        try:
            run = run_to(context, node, data_input(context, node), (node,))
            kinds = {member.op_type for member in run.members}
            if kinds.isdisjoint(("Mul", "Div")) or kinds.isdisjoint(("Add", "Sub")):
                return None
            return self._backward(context, node, run)
        except Refused:
            return None

    def _backward(self, context: Context, node: Node, run: Run) -> Patch:
        rewrite = Rewrite(context)
        fold(rewrite, run, node.outputs[0])
        title = f"fold {rewrite.shown(node)} into {run.layer.op_type} {rewrite.shown(run.layer)} before it"
        return self._patch(rewrite, node, title, node.outputs[0])

    def _patch(self, rewrite: Rewrite, node: Node, title: str, output: str) -> Patch:
        context = rewrite.context
        return Patch(
            transform=self.name,
            klass="equivalent",
            id=context.id_of(node),
            type=node.op_type,
            title=title,
            operations=tuple(rewrite.operations),
            inputs=tuple(rewrite.inputs),
            outputs=(output,),
            graph=context.graph.path,
        )


def _is_last(context: Context, node: Node) -> bool:
    """Whether no more arithmetic with constants follows, so that each chain is walked once."""
    reader = context.only_reader(node.outputs[0])
    while reader is not None and is_pass_through(context, reader):
        reader = context.only_reader(reader.outputs[0])
    return reader is None or (constant_operand(context, reader) is None and not is_batch_normalization(reader))


TRANSFORM = FuseBatchNormalization()
