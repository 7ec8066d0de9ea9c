"""merge-matmul-add: a MatMul by constant weights and the Add of a constant bias become one Gemm.

The tensors stay as they are: Gemm reads the weights and the bias that MatMul and Add read.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from qlint.files.model import Shape
from qlint.transforms.affine import OLDEST_OPSET, Refused
from qlint.transforms.patch import Declined, NodeSpec, Patch, RemoveNode, ReplaceNode

if TYPE_CHECKING:
    from qlint.files.model import Node
    from qlint.transforms.base import Context

LAYER = "fullyConnectedLayer"

_FLOATS = ("float", "float16", "double")
"""Element types for which Gemm is defined in every opset, and computes what MatMul computes."""


class MergeMatMulAdd:
    """Makes fully connected layers of one node."""

    name = "merge-matmul-add"

    def find(self, context: Context) -> Iterator[Patch | Declined]:
        """One patch or refusal for each MatMul by a constant matrix that an Add of a constant reads."""
        for node in context.graph.nodes:
            add = _biased(context, node)
            if add is None:
                continue
            id = context.id_of(add)
            bias = add.inputs[1] if add.inputs[0] == node.outputs[0] else add.inputs[0]
            try:
                _expect_gemm(context, node, bias)
            except Refused as refusal:
                yield Declined(self.name, id, LAYER, str(refusal))
                continue
            spec = NodeSpec("Gemm", (*node.inputs, bias), add.outputs, {}, name=add.name)
            yield Patch(
                transform=self.name,
                klass="equivalent",
                id=id,
                type=LAYER,
                title="merge MatMul and Add into one Gemm",
                operations=(ReplaceNode(id, spec), RemoveNode(context.id_of(node))),
                inputs=(node.inputs[0],),
                outputs=add.outputs,
                graph=context.graph.path,
            )


def _biased(context: Context, node: Node) -> Node | None:
    """The Add of a constant that reads a product with a constant matrix, or None."""
    if node.op_type != "MatMul" or node.domain or node in context.scope.folded or len(node.inputs) != 2:
        return None
    if context.scope.is_static(node.inputs[0]) or len(_constant_shape(context, node.inputs[1]) or ()) != 2:
        return None
    product = node.outputs[0]
    for reader in context.consumers(product):
        if reader.op_type != "Add" or reader.domain or len(reader.inputs) != 2:
            continue
        if any(_constant_shape(context, name) is not None for name in reader.inputs if name != product):
            return reader
    return None


def _constant_shape(context: Context, name: str) -> Shape:
    parameter = context.scope.parameter(name)
    return parameter.shape if parameter is not None and parameter.constant else None


def _expect_gemm(context: Context, node: Node, bias: str) -> None:
    """A Gemm must compute what the two nodes do.

    Raises:
        Refused: if it does not.
    """
    product = node.outputs[0]
    if context.opset < OLDEST_OPSET:
        raise Refused(f"Add of opset {context.opset} broadcasts by an attribute; convert the model to opset 7 or newer")
    if context.only_reader(product) is None:
        raise Refused(f"the product {product!r} is used without the bias as well")
    data = context.shape(node.inputs[0])
    if data is None:
        raise Refused(f"the rank of {node.inputs[0]!r} is not known, and Gemm needs 2; give its sizes with --bind")
    if len(data) != 2:
        raise Refused(f"the input {node.inputs[0]!r} has rank {len(data)}, and Gemm computes with rank 2 only")
    kind = context.element_type(node.inputs[0])
    if kind not in _FLOATS:
        raise Refused(f"it computes in {kind or 'a type that is not known'}, and Gemm needs a floating-point type")
    weights, added = _constant_shape(context, node.inputs[1]) or (), _constant_shape(context, bias) or ()
    room = (data[0], weights[-1])
    # The Add may enlarge its result to the bias's shape; Gemm may not.
    if len(added) > 2 or any(size not in (1, place) for size, place in zip(added[::-1], room[::-1], strict=False)):
        shown = "x".join(map(str, added))
        raise Refused(
            f"the bias, {shown}, is not certain to fit a result of {room[0] or 'unknown'} x {room[1] or 'unknown'}"
        )


TRANSFORM = MergeMatMulAdd()
