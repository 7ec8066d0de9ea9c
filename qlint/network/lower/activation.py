"""Activation layers: one ONNX operator each, on data of any format.

Source: MathWorks' reference pages of the layers; ONNX operator specification.
"""

from __future__ import annotations

from qlint.network.lower.base import LayerView, Lowering, Nodes
from qlint.network.lower.opaque import opaque_alike
from qlint.network.lower.operands import number, operand
from qlint.network.lower.signal import Signal


def _plain(op_type: str, **properties: str) -> Lowering:
    """An operator whose attributes are the layer's properties."""

    def lower(layer: LayerView, inputs: list[Signal], nodes: Nodes) -> list[Signal]:
        (x,) = inputs
        attributes = {attribute: layer.property(name) for attribute, name in properties.items()}
        if None in attributes.values():
            return opaque_alike(layer, inputs, nodes)
        numbers = {key: float(value) if isinstance(value, int) else value for key, value in attributes.items()}
        nodes.node(op_type, [x.tensor], output=layer.name, attributes=numbers)
        return [x.renamed(layer.name)]

    return lower


def _clipped_relu(layer: LayerView, inputs: list[Signal], nodes: Nodes) -> list[Signal]:
    (x,) = inputs
    ceiling = layer.property("Ceiling")
    if ceiling is None:
        return opaque_alike(layer, inputs, nodes)
    bounds = [number(nodes, "Floor", 0), number(nodes, "Ceiling", ceiling)]
    nodes.node("Clip", [x.tensor, *bounds], output=layer.name)
    return [x.renamed(layer.name)]


def _prelu(layer: LayerView, inputs: list[Signal], nodes: Nodes) -> list[Signal]:
    (x,) = inputs
    slope = operand(layer, nodes, "Alpha", x)
    nodes.node("PRelu", [x.tensor, slope], output=layer.name)
    return [x.renamed(layer.name)]


def _swish(layer: LayerView, inputs: list[Signal], nodes: Nodes) -> list[Signal]:
    (x,) = inputs
    (gate,) = nodes.node("Sigmoid", [x.tensor])
    nodes.node("Mul", [x.tensor, gate], output=layer.name)
    return [x.renamed(layer.name)]


def _softmax(layer: LayerView, inputs: list[Signal], nodes: Nodes) -> list[Signal]:
    """Over the channels, which are axis 1 in every format."""
    (x,) = inputs
    nodes.node("Softmax", [x.tensor], output=layer.name, attributes={"axis": 1})
    return [x.renamed(layer.name)]


LOWERINGS: dict[str, Lowering] = {
    "reluLayer": _plain("Relu"),
    "leakyReluLayer": _plain("LeakyRelu", alpha="Scale"),
    "clippedReluLayer": _clipped_relu,
    "preluLayer": _prelu,
    "eluLayer": _plain("Elu", alpha="Alpha"),
    "geluLayer": _plain("Gelu", approximate="Approximation"),
    "swishLayer": _swish,
    "sigmoidLayer": _plain("Sigmoid"),
    "tanhLayer": _plain("Tanh"),
    "softplusLayer": _plain("Softplus"),
    "softmaxLayer": _softmax,
    "dlhdl.layer.mishLayer": _plain("Mish"),
}
