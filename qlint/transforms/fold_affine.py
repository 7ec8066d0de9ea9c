"""fold-affine: constant Mul, Add, Sub and Div go into the convolution or fully connected layer next to them.

Backward into the layer before, else forward into the layer after, where that is exact. Arithmetic right after an
input is the input layer's normalization, and an Add after a MatMul its bias; both are left where they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from qlint.network import inputs, patterns
from qlint.network.catalogue import entry_for
from qlint.network.catalogue.elementwise import AFFINE
from qlint.network.view import View
from qlint.transforms.affine import OLDEST_OPSET, Refused, constant_operand, is_pass_through
from qlint.transforms.channels import arithmetic_before
from qlint.transforms.fuse_backward import data_input, fold, run_to
from qlint.transforms.fuse_forward import fold_forward
from qlint.transforms.patch import AddTensor, Declined, Patch
from qlint.transforms.rewrite import Rewrite

if TYPE_CHECKING:
    from qlint.files.model import Node
    from qlint.transforms.base import Context


class FoldAffine:
    """Folds constant arithmetic into its neighbours."""

    name = "fold-affine"

    def find(self, context: Context) -> Iterator[Patch | Declined]:
        """One patch for each run of constant arithmetic that fits into a layer, or a refusal for its last node."""
        taken = _parts_of_layers(context)
        for node in context.graph.nodes:
            if node in taken or node in context.scope.folded or not _is_affine(context, node):
                continue
            id = context.id_of(node)
            if constant_operand(context, node) is None:
                yield Declined(self.name, id, AFFINE, _why_not(context, node))
            elif _is_last(context, node):
                yield self._last(context, node)

    def _last(self, context: Context, node: Node) -> Patch | Declined:
        try:
            return self._backward(context, node)
        except Refused as refusal:
            backward = str(refusal)
        try:
            return self._forward(context, node)
        except Refused as refusal:
            return Declined(self.name, context.id_of(node), AFFINE, f"{backward}; {refusal}")

    def _backward(self, context: Context, node: Node) -> Patch:
        run = run_to(context, node, data_input(context, node), (node,))
        if run.layer.op_type == "BatchNormalization":
            raise Refused("it follows a batch normalization, which is to be folded first")
        steps = [member.op_type for member in run.members if not is_pass_through(context, member)]
        if run.layer.op_type == "MatMul" and steps == ["Add"]:
            raise Refused("it is the bias of the MatMul before it")
        rewrite = Rewrite(context)
        fold(rewrite, run, node.outputs[0])
        title = f"fold {node.op_type} into {run.layer.op_type} {rewrite.shown(run.layer)} before it"
        return self._patch(rewrite, node, title, node.outputs[0])

    def _forward(self, context: Context, node: Node) -> Patch:
        data = data_input(context, node)
        before, axis = arithmetic_before(context, (node,), data)
        rewrite = Rewrite(context)
        output = fold_forward(rewrite, node, before, data, axis)
        rewrite.remove([node])
        return self._patch(rewrite, node, f"fold {node.op_type} into the layer after it", output)

    def _patch(self, rewrite: Rewrite, node: Node, title: str, output: str) -> Patch:
        context = rewrite.context
        if any(isinstance(made, AddTensor) and made.values.dtype.kind in "iub" for made in rewrite.operations):
            raise Refused("it computes in integers")
        return Patch(
            transform=self.name,
            klass="equivalent",
            id=context.id_of(node),
            type=AFFINE,
            title=title,
            operations=tuple(rewrite.operations),
            inputs=tuple(rewrite.inputs),
            outputs=(output,),
            graph=context.graph.path,
        )


def _is_affine(context: Context, node: Node) -> bool:
    if node.op_type not in ("Add", "Sub", "Mul", "Div") or node.domain:
        return False
    entry = entry_for(View(node, context.scope))
    return entry is not None and entry.type == AFFINE


def _why_not(context: Context, node: Node) -> str:
    """Why arithmetic is not such that folds, whatever its neighbours are."""
    constant = next(name for name in node.inputs if context.scope.parameter(name) is not None)
    why = context.reason_not_constant(constant)
    if why:
        return f"its constant cannot be folded: {why}"
    if context.opset < OLDEST_OPSET:
        return f"arithmetic of opset {context.opset} broadcasts by an attribute; convert the model to opset 7 or newer"
    return f"its constant, of shape {list(context.shape(constant) or ())}, is not one number a channel"


def _is_last(context: Context, node: Node) -> bool:
    """Whether no more such arithmetic follows; what follows is folded together with what is before it."""
    reader = context.only_reader(node.outputs[0])
    while reader is not None and is_pass_through(context, reader):
        reader = context.only_reader(reader.outputs[0])
    return reader is None or constant_operand(context, reader) is None


def _parts_of_layers(context: Context) -> set[Node]:
    """Nodes that are arithmetic on the inside of a layer of another type."""
    views = patterns.find(context.scope)
    taken = {node for view in views.values() for node in view.nodes}
    if context.graph.parent is None:
        taken.update(node for found in inputs.find(context.scope) for node in found.nodes)
    return taken


TRANSFORM = FoldAffine()
