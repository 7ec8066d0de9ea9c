"""Layers that change nothing at inference.

Dropout stays an operator, so that the transform which removes it has something to remove; output layers hand on what
they receive, and stand on no node.
"""

from __future__ import annotations

from qlint.network.lower.base import LayerView, Lowering, Nodes
from qlint.network.lower.operands import number
from qlint.network.lower.signal import Signal


def _dropout(layer: LayerView, inputs: list[Signal], nodes: Nodes) -> list[Signal]:
    (x,) = inputs
    probability = layer.property("Probability")
    ratio = [] if probability is None else [number(nodes, "Probability", probability)]
    nodes.node("Dropout", [x.tensor, *ratio], output=layer.name)
    return [x.renamed(layer.name)]


def _identity(layer: LayerView, inputs: list[Signal], nodes: Nodes) -> list[Signal]:
    (x,) = inputs
    nodes.node("Identity", [x.tensor], output=layer.name)
    return [x.renamed(layer.name)]


def _output(layer: LayerView, inputs: list[Signal], nodes: Nodes) -> list[Signal]:
    return inputs


LOWERINGS: dict[str, Lowering] = {
    "dropoutLayer": _dropout,
    "spatialDropoutLayer": _identity,
    "gaussianNoiseLayer": _identity,
    "identityLayer": _identity,
    "nnet.onnx.layer.IdentityLayer": _identity,
    "classificationLayer": _output,
    "regressionLayer": _output,
    "pixelClassificationLayer": _output,
    "dicePixelClassificationLayer": _output,
    "focalLossLayer": _output,
    "rcnnBoxRegressionLayer": _output,
    "rpnClassificationLayer": _output,
    "yolov2OutputLayer": _output,
}
