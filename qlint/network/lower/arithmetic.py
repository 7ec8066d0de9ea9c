"""Arithmetic between tensors, and with constants.

Data formats are aligned by their labels, and axes of size 1 expand. Source: MathWorks' reference pages of the layers.
"""

from __future__ import annotations

from qlint.network.lower.base import LayerView, Lowering, Nodes
from qlint.network.lower.opaque import opaque_alike
from qlint.network.lower.operands import ints, number, operand, sizes_in_format
from qlint.network.lower.placing import shown
from qlint.network.lower.signal import Signal, Size, layout


def _addition(layer: LayerView, inputs: list[Signal], nodes: Nodes) -> list[Signal]:
    tensors, made = _aligned(layer, inputs, nodes)
    nodes.node("Add" if len(tensors) == 2 else "Sum", tensors, output=layer.name)
    return [made]


def _multiplication(layer: LayerView, inputs: list[Signal], nodes: Nodes) -> list[Signal]:
    (product, *factors, last), made = _aligned(layer, inputs, nodes)
    for factor in factors:
        (product,) = nodes.node("Mul", [product, factor])
    nodes.node("Mul", [product, last], output=layer.name)
    return [made]


def _aligned(layer: LayerView, inputs: list[Signal], nodes: Nodes) -> tuple[list[str], Signal]:
    """The inputs with axes of size 1 where they lack a label that another has, and what comes of them."""
    if len(inputs) < 2:
        layer.wrong("it has fewer than two inputs", "give NumInputs, and connect them all", property="NumInputs")
    spatial, time = max(x.format.count("S") for x in inputs), any(x.has_time for x in inputs)
    format = layout(spatial, time=time)
    tensors, shapes = [], []
    for x in inputs:
        lacking = [2 + at for at in range(len(x.spatial), spatial)]
        if time and not x.has_time:
            lacking.append(2 + spatial)
        shape = list(x.shape or ())
        for axis in lacking:
            shape.insert(axis, 1)
        shapes.append(shape)
        tensors.append(nodes.node("Unsqueeze", [x.tensor, ints(nodes, "axes", lacking)])[0] if lacking else x.tensor)
    axes = tuple(_expanded(layer, inputs, sizes) for sizes in zip(*shapes, strict=True))
    return tensors, Signal(layer.name, format, axes)


def _expanded(layer: LayerView, inputs: list[Signal], sizes: tuple[Size, ...]) -> Size:
    """The size that sizes of one axis expand to; a number decides over symbols, which stand for that number then."""
    found = {size for size in sizes if size != 1}
    numbers = {size for size in found if isinstance(size, int)}
    if len(numbers) > 1:
        both = " and ".join(f"{x.format} {shown(sizes_in_format(x))}" for x in inputs)
        layer.wrong(f"its inputs do not fit together: {both}", "make their sizes equal, or 1 where they are to expand")
    if numbers:
        return numbers.pop()
    return (found.pop() if len(found) == 1 else None) if found else 1


def _affine(*offsets: str) -> Lowering:
    """Scale * x + Offset, without what changes nothing; the offset may go by several names."""

    def lower(layer: LayerView, inputs: list[Signal], nodes: Nodes) -> list[Signal]:
        (x,) = inputs
        offset = next((name for name in offsets if layer.learnable(name) is not None), offsets[0])
        scales, shifts = _changes(layer, "Scale", 1), _changes(layer, offset, 0)
        tensor = x.tensor
        if scales:
            factor = operand(layer, nodes, "Scale", x)
            (tensor,) = nodes.node("Mul", [tensor, factor], output=None if shifts else layer.name)
        if shifts:
            nodes.node("Add", [tensor, operand(layer, nodes, offset, x)], output=layer.name)
        if not scales and not shifts:
            nodes.node("Identity", [tensor], output=layer.name)
        return [x.renamed(layer.name)]

    return lower


def _changes(layer: LayerView, name: str, neutral: float) -> bool:
    """Whether it is applied at all (DoScale, DoOffset) and given another value than the neutral one."""
    applied = layer.property(f"Do{name}") is not False
    return applied and (layer.learnable(name) is not None or layer.property(name) != neutral)


def _inverse_normalization(layer: LayerView, inputs: list[Signal], nodes: Nodes) -> list[Signal]:
    """Undoes an input layer's normalization."""
    (x,) = inputs
    mode, tensor = layer.property("Normalization"), x.tensor

    def then(op_type: str, by: str, *, last: bool = False) -> str:
        (made,) = nodes.node(op_type, [tensor, by], output=layer.name if last else None)
        return made

    if mode == "none":
        nodes.node("Identity", [tensor], output=layer.name)
    elif mode in ("zerocenter", "zscore"):
        if mode == "zscore":
            tensor = then("Mul", operand(layer, nodes, "StandardDeviation", x))
        then("Add", operand(layer, nodes, "Mean", x), last=True)
    elif mode in ("rescale-symmetric", "rescale-zero-one"):
        low, high = (operand(layer, nodes, name, x) for name in ("Min", "Max"))
        (span,) = nodes.node("Sub", [high, low])
        if mode == "rescale-symmetric":  # from [-1, 1] to [0, 1] first
            tensor = then("Add", number(nodes, "One", 1))
            tensor = then("Mul", number(nodes, "Half", 0.5))
        tensor = then("Mul", span)
        then("Add", low, last=True)
    else:
        return opaque_alike(layer, inputs, nodes)  # a function handle, or not known
    return [x.renamed(layer.name)]


LOWERINGS: dict[str, Lowering] = {
    "additionLayer": _addition,
    "multiplicationLayer": _multiplication,
    "scalingLayer": _affine("Offset", "Bias"),
    "nnet.onnx.layer.ElementwiseAffineLayer": _affine("Offset"),
    "inverseNormalizationLayer": _inverse_normalization,
}
