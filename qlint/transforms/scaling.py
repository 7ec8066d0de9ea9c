"""Scaling the output of a layer: its weights and bias absorb a per-channel affine function that follows."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from qlint.transforms.affine import Affine, Array, Refused, batch_normalization, is_batch_normalization
from qlint.transforms.patch import NodeSpec

if TYPE_CHECKING:
    from qlint.files.model import Node
    from qlint.transforms.base import Context
    from qlint.transforms.rewrite import Rewrite


def columns(context: Context, node: Node) -> tuple[int | None, int, int]:
    """Rank, channel axis and channels of a layer's output; the rank is None if it is not known.

    Raises:
        Refused: if nothing can be folded into the layer.
    """
    if node.domain or node.op_type not in SCALABLE:
        raise Refused(f"it follows {node.op_type} {node.name or node.outputs[0]!r}, which has no weights to fold into")
    if is_batch_normalization(node):
        known = context.shape(node.outputs[0])
        return None if known is None else len(known), 1, len(batch_normalization(context, node).scale)
    name = node.inputs[1] if len(node.inputs) > 1 else ""
    values = context.values(name) if name else None
    if values is None:
        raise Refused(f"the weights cannot be folded: {context.reason_not_constant(name)}")
    if node.op_type == "MatMul":
        known = context.shape(node.inputs[0]) or context.shape(node.outputs[0])
        if values.ndim != 2 or known is None or len(known) < 2:
            raise Refused("it follows a MatMul that is not known to be a fully connected layer (ranks of its inputs)")
        return len(known), len(known) - 1, values.shape[1]
    if values.ndim < 2:
        raise Refused(f"the weights of the {node.op_type} before it have rank {values.ndim}; check the model")
    if node.op_type == "Gemm":
        return 2, 1, values.shape[0 if node.attributes.get("transB", 0) else 1]
    if node.op_type == "ConvTranspose":
        return values.ndim, 1, values.shape[1] * node.attributes.get("group", 1)
    return values.ndim, 1, values.shape[0]


def scale_output(rewrite: Rewrite, node: Node, after: Affine, output: str) -> Array | None:
    """Fold a function into the layer before it.

    Args:
        rewrite: gathers the operations.
        node: a layer whose output `columns` describes.
        after: the function, of as many channels.
        output: the name that the layer's output gets.

    Returns:
        What remains to be added to the output because the layer has no bias (MatMul), else None.

    Raises:
        Refused: if the weights are not constant, or the new ones not finite.
    """
    return SCALABLE[node.op_type](rewrite, node, after, output)


def _along(values: Array, axis: int, rank: int) -> Array:
    return values.reshape([-1 if place == axis else 1 for place in range(rank)])


def _convolution(rewrite: Rewrite, node: Node, after: Affine, output: str) -> None:
    weights = rewrite.weights(node, 1)
    if node.op_type == "Conv":
        scaled = weights.astype(np.float64) * _along(after.scale, 0, weights.ndim)
    else:  # its outputs lie along axis 1, within each group of its inputs
        groups = node.attributes.get("group", 1)
        if weights.shape[0] % groups:
            raise Refused("the transposed convolution's weights do not fit its group; check the model")
        parts = weights.astype(np.float64).reshape(groups, -1, *weights.shape[1:])
        factor = after.scale.reshape(groups, 1, weights.shape[1], *[1] * (weights.ndim - 2))
        scaled = (parts * factor).reshape(weights.shape)
    _wire(rewrite, node, after, output, scaled, weights)


def _wire(rewrite: Rewrite, node: Node, after: Affine, output: str, scaled: Array, weights: Array) -> None:
    bias = rewrite.optional(node, 2, "the bias")
    wires = {1: rewrite.tensor(node.inputs[1], scaled, weights.dtype, "the weights")}
    if bias is not None or after.offset.any():
        old = np.zeros(len(after.offset)) if bias is None else bias.astype(np.float64)
        if old.shape != after.offset.shape:
            raise Refused("the layer's bias is not one number a channel; check the model")
        stem = node.inputs[2] if bias is not None else f"{node.inputs[1]}_bias"
        wires[2] = rewrite.tensor(stem, old * after.scale + after.offset, weights.dtype, "the bias")
    rewrite.rewire(node, wires, output)


def _gemm(rewrite: Rewrite, node: Node, after: Affine, output: str) -> None:
    weights = rewrite.weights(node, 1)
    axis = 0 if node.attributes.get("transB", 0) else 1
    scaled = weights.astype(np.float64) * _along(after.scale, axis, 2)
    wires = {1: rewrite.tensor(node.inputs[1], scaled, weights.dtype, "the weights")}
    beta = float(node.attributes.get("beta", 1.0))
    added = rewrite.optional(node, 2, "the bias") if beta else None
    attributes = dict(node.attributes)
    if added is not None or after.offset.any():
        # A C of any broadcastable shape: a column or a matrix stays one, a scalar becomes a row.
        old = np.zeros(()) if added is None else beta * added.astype(np.float64)
        stem = node.inputs[2] if added is not None else f"{node.inputs[1]}_bias"
        wires[2] = rewrite.tensor(stem, old * after.scale + after.offset, weights.dtype, "the bias")
        attributes.pop("beta", None)
    if attributes.keys() == node.attributes.keys():
        rewrite.rewire(node, wires, output)
        return
    inputs = (node.inputs[0], wires[1], wires[2])
    rewrite.replace(node, NodeSpec("Gemm", inputs, (output,), attributes, name=node.name))


def _matmul(rewrite: Rewrite, node: Node, after: Affine, output: str) -> Array | None:
    weights = rewrite.weights(node, 1)
    scaled = rewrite.tensor(node.inputs[1], weights.astype(np.float64) * after.scale, weights.dtype, "the weights")
    rewrite.rewire(node, {1: scaled}, output)
    return after.offset.astype(weights.dtype) if after.offset.any() else None


def _batch_normalization(rewrite: Rewrite, node: Node, after: Affine, output: str) -> None:
    batch_normalization(rewrite.context, node)
    scale, bias = (rewrite.weights(node, place, "the parameters") for place in (1, 2))
    new = bias.astype(np.float64) * after.scale + after.offset
    wires = {
        1: rewrite.tensor(node.inputs[1], scale.astype(np.float64) * after.scale, scale.dtype, "the scale"),
        2: rewrite.tensor(node.inputs[2], new, bias.dtype, "the bias"),
    }
    rewrite.rewire(node, wires, output)


SCALABLE: dict[str, Callable[[Rewrite, Node, Affine, str], Array | None]] = {
    "BatchNormalization": _batch_normalization,
    "Conv": _convolution,
    "ConvTranspose": _convolution,
    "Gemm": _gemm,
    "MatMul": _matmul,
}
"""Operators whose output can be scaled, by the function that does it."""
