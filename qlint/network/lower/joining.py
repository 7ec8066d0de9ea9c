"""Layers that put tensors together, pick from them, or move their axes.

Source: MathWorks' reference pages of the layers; `permuteLayer` is what an ONNX Transpose is called here.
"""

from __future__ import annotations

import numpy as np

from qlint.network.lower.base import LayerView, Lowering, Nodes
from qlint.network.lower.opaque import opaque
from qlint.network.lower.operands import number, onnx_order, sizes_in_format
from qlint.network.lower.placing import expect, shown
from qlint.network.lower.signal import Signal, Size, layout


def _concatenation(layer: LayerView, inputs: list[Signal], nodes: Nodes) -> list[Signal]:
    dimension, format = layer.property("Dim"), inputs[0].format
    if dimension is None:
        return []
    if dimension > len(format):
        layer.wrong(f"Dim is {dimension}, and its input is {format}", f"give 1 to {len(format)}", property="Dim")
    return _concatenated(layer, inputs, nodes, onnx_order(format).index(dimension - 1))


def _depth_concatenation(layer: LayerView, inputs: list[Signal], nodes: Nodes) -> list[Signal]:
    return _concatenated(layer, inputs, nodes, 1)


def _concatenated(layer: LayerView, inputs: list[Signal], nodes: Nodes, axis: int) -> list[Signal]:
    shapes = [x.shape or () for x in inputs]
    if len({x.format for x in inputs}) > 1 or not all(
        _agree(sizes) for at, sizes in enumerate(zip(*shapes, strict=False)) if at != axis
    ):
        both = " and ".join(f"{x.format} {shown(sizes_in_format(x))}" for x in inputs)
        layer.wrong(f"its inputs do not fit together: {both}", "make them equal but for the size that is concatenated")
    lengths = [shape[axis] for shape in shapes]
    whole: Size = sum(length for length in lengths if isinstance(length, int))
    if not all(isinstance(length, int) for length in lengths):
        whole = None
    shape = tuple(
        whole if at == axis else next((size for size in sizes if isinstance(size, int)), sizes[0])
        for at, sizes in enumerate(zip(*shapes, strict=True))
    )
    nodes.node("Concat", [x.tensor for x in inputs], output=layer.name, attributes={"axis": axis})
    return [Signal(layer.name, inputs[0].format, shape)]


def _agree(sizes: tuple[Size, ...]) -> bool:
    return len({size for size in sizes if isinstance(size, int)}) < 2


def _permute(layer: LayerView, inputs: list[Signal], nodes: Nodes) -> list[Signal]:
    """Axes in ONNX's order, from 0, as a lifted Transpose has them; the labels stay where they are."""
    (x,) = inputs
    order = layer.property("DimensionOrder")
    shape = x.shape or ()
    if order is None:
        return []
    if sorted(order) != list(range(len(shape))):
        layer.wrong(
            f"DimensionOrder is no order of the {len(shape)} axes of {x.format} data",
            f"give each of 0 to {len(shape) - 1} once: 0 is B, 1 is C, then S and T",
            property="DimensionOrder",
        )
    if order[0] != 0:
        return []  # what was no batch is one now
    nodes.node("Transpose", [x.tensor], output=layer.name, attributes={"perm": order})
    return [Signal(layer.name, x.format, tuple(shape[axis] for axis in order))]


def _indexing(layer: LayerView, inputs: list[Signal], nodes: Nodes) -> list[Signal]:
    """The first or last step of time, or of the one spatial dimension there is."""
    x = inputs[0]
    if len(x.format) != 3:
        return []  # which of several dimensions is meant is not documented
    shape = (x.batch, x.channels)
    if layer.property("HasPaddingMaskInput"):
        return opaque(layer, inputs, nodes, (layout(0, time=False), shape))
    index = nodes.constant("Index", np.asarray(-1 if layer.property("Index") == "last" else 0, np.int64))
    nodes.node("Gather", [x.tensor, index], output=layer.name, attributes={"axis": 2})
    return [Signal(layer.name, layout(0, time=False), shape)]


def _word_embedding(layer: LayerView, inputs: list[Signal], nodes: Nodes) -> list[Signal]:
    """Columns of Weights [dimension words], picked by word indices from 1 on."""
    (x,) = inputs
    if x.spatial or x.channels not in (1, None):
        layer.wrong(
            f"its input is {x.format} {shown(sizes_in_format(x))}",
            "feed it one word index for each step: CBT, 1 channel",
        )
    given = layer.learnable("Weights")
    sizes = given.shape if given is not None and len(given.shape) == 2 else (None, None)
    dimension, words = layer.property("Dimension") or sizes[0], layer.property("NumWords") or sizes[1]
    shape = (x.batch, dimension, *([x.time] if x.has_time else []))
    if dimension is None or words is None:
        return opaque(layer, inputs, nodes, (x.format, shape))
    expect(layer, "Weights", (dimension, words))
    table = nodes.learnable("Weights", (words, dimension), lambda values: values.reshape(dimension, words).T)
    one = nodes.constant("One", np.asarray([1], np.int64))
    (words_of,) = nodes.node("Squeeze", [x.tensor, one])
    (from_zero,) = nodes.node("Sub", [words_of, number(nodes, "First", 1)])
    (indices,) = nodes.node("Cast", [from_zero], attributes={"to": 7})
    (vectors,) = nodes.node("Gather", [table, indices], output=None if x.has_time else layer.name)
    if x.has_time:
        nodes.node("Transpose", [vectors], output=layer.name, attributes={"perm": [0, 2, 1]})
    return [Signal(layer.name, x.format, shape)]


LOWERINGS: dict[str, Lowering] = {
    "concatenationLayer": _concatenation,
    "depthConcatenationLayer": _depth_concatenation,
    "permuteLayer": _permute,
    "indexing1dLayer": _indexing,
    "wordEmbeddingLayer": _word_embedding,
}
