"""Dot-product attention, as matrix products and a softmax: ONNX has an operator for it only from opset 23 on.

Keys, queries and values are split into heads by channels, and their products scaled by one over the square root of a
head's key channels. Source: MathWorks' reference pages of `selfAttentionLayer` and `attentionLayer`.
"""

from __future__ import annotations

from math import sqrt

import numpy as np

from qlint.network.lower.base import LayerView, Lowering, Nodes
from qlint.network.lower.opaque import opaque
from qlint.network.lower.operands import ints, number
from qlint.network.lower.placing import expect, vector
from qlint.network.lower.signal import Signal, Size

_TO_STEPS = {"perm": [0, 2, 1]}
"""Between [B, C, steps] and [B, steps, C]."""


def _beyond(layer: LayerView, inputs: list[Signal]) -> bool:
    """Whether it does what cannot be computed here: masks that are data, scores, data without one sequence axis."""
    return (
        bool(layer.property("HasPaddingMaskInput") or layer.property("HasScoresOutput"))
        or None in (layer.property("NumHeads"), layer.property("AttentionMask"))
        or layer.property("AttentionMask") not in ("none", "causal")
        or any(len(x.format) != 3 for x in inputs)
    )


def _self_attention(layer: LayerView, inputs: list[Signal], nodes: Nodes) -> list[Signal]:
    x = inputs[0]
    width = layer.property("InputSize") if x.channels is None else x.channels
    heads, keys = layer.property("NumHeads"), layer.property("NumKeyChannels")
    values = layer.property("NumValueChannels") or keys
    out = layer.property("OutputSize") or width
    if _beyond(layer, inputs) or keys is None or not isinstance(width, int):
        return _opaque(layer, inputs, nodes, out)
    assert isinstance(out, int)
    (steps,) = nodes.node("Transpose", [x.tensor], attributes=_TO_STEPS)
    query, key, value = (
        _projected(layer, nodes, name, steps, width, channels)
        for name, channels in (("Query", keys), ("Key", keys), ("Value", values))
    )
    merged = _attended(layer, nodes, (query, key, value), heads, keys, values)
    output = _projected(layer, nodes, "Output", merged, values, out)
    nodes.node("Transpose", [output], output=layer.name, attributes=_TO_STEPS)
    return [Signal(layer.name, x.format, (x.batch, out, (x.shape or ())[2]))]


def _attention(layer: LayerView, inputs: list[Signal], nodes: Nodes) -> list[Signal]:
    query, key, value = inputs[:3]
    heads, keys, values = layer.property("NumHeads"), key.channels, value.channels
    if isinstance(query.channels, int) and isinstance(keys, int) and query.channels != keys:
        layer.wrong(f"its queries have {query.channels} channels and its keys {keys}", "make them equal")
    if _beyond(layer, inputs) or not isinstance(keys, int) or not isinstance(values, int):
        return _opaque(layer, inputs, nodes, values)
    steps = tuple(nodes.node("Transpose", [x.tensor], attributes=_TO_STEPS)[0] for x in inputs)
    merged = _attended(layer, nodes, steps, heads, keys, values)
    nodes.node("Transpose", [merged], output=layer.name, attributes=_TO_STEPS)
    return [Signal(layer.name, query.format, (query.batch, values, (query.shape or ())[2]))]


def _opaque(layer: LayerView, inputs: list[Signal], nodes: Nodes, channels: Size) -> list[Signal]:
    """Only the output's size is known; what format the scores have is not documented."""
    query = inputs[0]
    shape = (query.batch, channels, *(query.shape or ())[2:])
    scores: list[tuple[str, None]] = [("", None)] if layer.property("HasScoresOutput") else []
    return opaque(layer, inputs, nodes, (query.format, shape), *scores)


def _projected(layer: LayerView, nodes: Nodes, name: str, steps: str, width: int, channels: int) -> str:
    """Weights [channels width] times every step, plus a bias."""
    expect(layer, f"{name}Weights", (channels, width))
    weights = nodes.learnable(f"{name}Weights", (width, channels), lambda values: values.reshape(channels, width).T)
    bias = vector(layer, nodes, f"{name}Bias", channels)
    (product,) = nodes.node("MatMul", [steps, weights])
    return nodes.node("Add", [product, bias])[0]


def _attended(layer: LayerView, nodes: Nodes, tensors: tuple[str, ...], heads: int, keys: int, values: int) -> str:
    """softmax(Q K' * scale) V for every head, the heads side by side again: [B, steps, values]."""
    for count in (keys, values):
        if count % heads:
            layer.wrong(f"{count} channels do not divide into {heads} heads", "mend NumHeads", property="NumHeads")
    query, key, value = (
        _split(nodes, tensor, heads, count, order)
        for tensor, count, order in zip(
            tensors, (keys, keys, values), ([0, 2, 1, 3], [0, 2, 3, 1], [0, 2, 1, 3]), strict=True
        )
    )
    scale = layer.property("Scale")
    (products,) = nodes.node("MatMul", [query, key])
    (scores,) = nodes.node(
        "Mul", [products, number(nodes, "Scale", 1 / sqrt(keys / heads) if scale is None else scale)]
    )
    if layer.property("AttentionMask") == "causal":
        (scores,) = nodes.node("Add", [scores, _later(nodes, scores)])
    (weights,) = nodes.node("Softmax", [scores], attributes={"axis": -1})
    (each,) = nodes.node("MatMul", [weights, value])
    (steps,) = nodes.node("Transpose", [each], attributes={"perm": [0, 2, 1, 3]})
    return nodes.node("Reshape", [steps, ints(nodes, "merged", [0, 0, values])])[0]


def _split(nodes: Nodes, tensor: str, heads: int, channels: int, order: list[int]) -> str:
    (split,) = nodes.node("Reshape", [tensor, ints(nodes, "heads", [0, 0, heads, channels // heads])])
    return nodes.node("Transpose", [split], attributes={"perm": order})[0]


def _later(nodes: Nodes, scores: str) -> str:
    """Minus infinity where the key comes after the query, else 0: [queries, keys]."""
    from onnx import numpy_helper

    (shape,) = nodes.node("Shape", [scores], attributes={"start": 2})
    fill = {"value": numpy_helper.from_array(np.asarray([-np.inf], np.float32))}
    (minus,) = nodes.node("ConstantOfShape", [shape], attributes=fill)
    return nodes.node("Trilu", [minus, nodes.constant("after", np.asarray(1, np.int64))], attributes={"upper": 1})[0]


LOWERINGS: dict[str, Lowering] = {"selfAttentionLayer": _self_attention, "attentionLayer": _attention}
