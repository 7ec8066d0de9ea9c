"""Folding forward: a batch normalization goes into the layer that it feeds, where that is exact."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from qlint.transforms.affine import Affine, Array, Refused, constant_operand
from qlint.transforms.passages import Passage, expect_features
from qlint.transforms.patch import NodeSpec
from qlint.transforms.rewrite import Rewrite

if TYPE_CHECKING:
    from qlint.files.model import Node


def fold_forward(rewrite: Rewrite, node: Node, before: Affine, data: str = "", axis: int = 1) -> str:
    """Fold a batch normalization, or other affine arithmetic, into the layer after it.

    Args:
        rewrite: gathers the operations.
        node: the batch normalization.
        before: what it computes.
        data: the tensor it computes that from; its first input if left out.
        axis: the one that the channels of the data lie along; its last, if not 1.

    Returns:
        The output of the layer that it went into.

    Raises:
        Refused: if there is no such layer, or it could not be done exactly.
    """
    context = rewrite.context
    data = data or node.inputs[0]
    passage = Passage(context, node.outputs[0])
    layer, between = passage.layer, passage.between
    fold = _FOLDS.get(layer.op_type) if not layer.domain else None
    if fold is None or layer.inputs[0] != passage.name:
        raise Refused(f"it feeds {layer.op_type} {rewrite.shown(layer)}, which it cannot be folded into")
    if layer.op_type in ("Conv", "ConvTranspose") and passage.flat:
        raise Refused("it feeds a convolution through a change of shape")
    if axis != 1 and (between or layer.op_type != "MatMul"):
        raise Refused(f"it feeds {layer.op_type} {rewrite.shown(layer)}, which has its channels on another axis")
    if layer.op_type == "MatMul" and axis == 1:
        expect_features(context, passage, data)
    rewrite.inputs[data] = None
    rewrite.rewire_watchers(passage.watchers, data)
    # The first reader takes the tensor that was normalized; it may be the layer itself.
    if between:
        rewrite.rewire(between[0], {0: data})
    return fold(rewrite, layer, before, passage.name if between else data, passage.flat)


def _per_input(before: Affine, count: int, flat: bool) -> Affine:
    """The function on each of the features that a layer reads."""
    channels = len(before.scale)
    if count == channels:
        return before
    if not flat or not channels or count % channels:
        raise Refused(f"it has {channels} channels and the layer after it reads {count}; check the model")
    return Affine(before.scale.repeat(count // channels), before.offset.repeat(count // channels))


def _convolution(rewrite: Rewrite, layer: Node, before: Affine, data: str, flat: bool) -> str:
    weights = rewrite.weights(layer, 1)
    groups = layer.attributes.get("group", 1)
    transposed = layer.op_type == "ConvTranspose"
    inputs = weights.shape[0] if transposed else weights.shape[1] * groups
    before = _per_input(before, inputs, flat)
    if before.offset.any():
        (_expect_pointwise if transposed else _expect_no_padding)(layer, weights)
    # As (groups, outputs of a group, inputs of a group, kernel); ConvTranspose has inputs before outputs.
    wide = weights.astype(np.float64)
    if transposed:
        wide = wide.reshape(groups, inputs // groups, *weights.shape[1:]).swapaxes(1, 2)
    else:
        wide = wide.reshape(groups, -1, *weights.shape[1:])
    shape = (groups, 1, inputs // groups, *[1] * (weights.ndim - 2))
    scaled = wide * before.scale.reshape(shape)
    added = (wide * before.offset.reshape(shape)).sum(axis=tuple(range(2, wide.ndim))).reshape(-1)
    if transposed:
        scaled = scaled.swapaxes(1, 2)
    wires = {0: data, 1: rewrite.tensor(layer.inputs[1], scaled.reshape(weights.shape), weights.dtype, "the weights")}
    if before.offset.any():
        bias = rewrite.optional(layer, 2, "the bias")
        stem = layer.inputs[2] if bias is not None else f"{layer.inputs[1]}_bias"
        wires[2] = rewrite.tensor(
            stem, added if bias is None else bias.astype(np.float64) + added, weights.dtype, "the bias"
        )
    rewrite.rewire(layer, wires)
    return layer.outputs[0]


def _expect_no_padding(layer: Node, weights: Array) -> None:
    """Padding is added after normalization, so an offset is missing from it."""
    automatic = layer.attributes.get("auto_pad", "NOTSET")
    pointwise = all(size == 1 for size in weights.shape[2:])
    if any(layer.attributes.get("pads", ())) or (automatic not in ("NOTSET", "VALID") and not pointwise):
        raise Refused(f"it feeds Conv {layer.name or layer.outputs[0]!r}, which pads, and its offset is missing there")


def _expect_pointwise(layer: Node, weights: Array) -> None:
    """Only then does each output see exactly one input."""
    attributes = layer.attributes
    if (
        any(size != 1 for size in (*weights.shape[2:], *attributes.get("strides", ())))
        or any(attributes.get("output_padding", ()))
        or any(attributes.get("pads", ()))
        or "output_shape" in attributes
    ):
        raise Refused(
            f"it feeds ConvTranspose {layer.name or layer.outputs[0]!r}, in whose output each element sees"
            " another number of inputs, so its offset does not fold"
        )


def _gemm(rewrite: Rewrite, layer: Node, before: Affine, data: str, flat: bool) -> str:
    attributes = dict(layer.attributes)
    if attributes.get("transA", 0):
        raise Refused("it feeds a Gemm that transposes it")
    weights = rewrite.weights(layer, 1)
    wide = weights.astype(np.float64)
    wide = wide.T if attributes.get("transB", 0) else wide
    before = _per_input(before, wide.shape[0], flat)
    scaled = before.scale[:, None] * wide
    scaled = scaled.T if attributes.get("transB", 0) else scaled
    wires = {0: data, 1: rewrite.tensor(layer.inputs[1], scaled, weights.dtype, "the weights")}
    if before.offset.any():
        beta = float(attributes.pop("beta", 1.0))
        old = rewrite.optional(layer, 2, "the bias") if beta else None
        added = float(attributes.get("alpha", 1.0)) * (before.offset @ wide)
        stem = layer.inputs[2] if old is not None else f"{layer.inputs[1]}_bias"
        new = added if old is None else beta * old.astype(np.float64) + added
        wires[2] = rewrite.tensor(stem, new, weights.dtype, "the bias")
    if attributes.keys() == layer.attributes.keys():
        rewrite.rewire(layer, wires)
    else:
        spec = NodeSpec("Gemm", tuple(wires[place] for place in range(3)), layer.outputs, attributes, name=layer.name)
        rewrite.replace(layer, spec)
    return layer.outputs[0]


def _matmul(rewrite: Rewrite, layer: Node, before: Affine, data: str, flat: bool) -> str:
    context = rewrite.context
    weights = rewrite.weights(layer, 1)
    if weights.ndim != 2:
        raise Refused("it feeds a MatMul whose weights are no matrix")
    before = _per_input(before, weights.shape[0], flat)
    wide = weights.astype(np.float64)
    scaled = rewrite.tensor(layer.inputs[1], before.scale[:, None] * wide, weights.dtype, "the weights")
    output = layer.outputs[0]
    if not before.offset.any():
        rewrite.rewire(layer, {0: data, 1: scaled})
        return output
    added = before.offset @ wide
    adder: Node | None = context.only_reader(output)
    position = constant_operand(context, adder) if adder is not None and adder.op_type == "Add" else None
    old = context.values(adder.inputs[position]) if adder is not None and position is not None else None
    if adder is not None and position is not None and old is not None and old.shape in ((), (1,), added.shape):
        rewrite.rewire(layer, {0: data, 1: scaled})
        new = old.astype(np.float64) + added
        bias = rewrite.tensor(adder.inputs[position], new, weights.dtype, "the bias")
        rewrite.rewire(adder, {position: bias})
        return adder.outputs[0]
    inner = context.fresh(output)
    rewrite.rewire(layer, {0: data, 1: scaled}, inner)
    bias = rewrite.tensor(f"{layer.inputs[1]}_bias", added, weights.dtype, "the bias")
    rewrite.add(NodeSpec("Add", (inner, bias), (output,), {}))
    return output


_FOLDS = {"Conv": _convolution, "ConvTranspose": _convolution, "Gemm": _gemm, "MatMul": _matmul}
