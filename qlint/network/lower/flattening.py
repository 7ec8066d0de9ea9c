"""Layers that make one axis of spatial and channel axes: flattening, and full connection.

MATLAB's order is that of its memory, in which height varies fastest and channels slowest; the importers' layers keep
the order of the framework they come from: rows of [height width channels] for Keras, of [channels height width] for
ONNX. Source: MATLAB's reference pages of flattenLayer and fullyConnectedLayer.
"""

from __future__ import annotations

from functools import partial
from math import prod
from typing import TYPE_CHECKING

from qlint.network.lower.base import LayerView, Lowering, Nodes, known
from qlint.network.lower.operands import ints
from qlint.network.lower.placing import placed, vector
from qlint.network.lower.signal import Signal, Size, layout

if TYPE_CHECKING:
    from collections.abc import Sequence


def _flattened(style: str, layer: LayerView, inputs: list[Signal], nodes: Nodes) -> list[Signal]:
    """One axis of the channel and spatial ones, at each time step alone.

    `style` says which of them varies slowest to fastest: "matlab", "keras" or "onnx".
    """
    signal = inputs[0]
    assert signal.shape is not None
    channel, spatial = [1], [*range(2, 2 + len(signal.spatial))]
    order = {"matlab": channel + spatial[::-1], "keras": spatial + channel, "onnx": channel + spatial}[style]
    features = _product([signal.shape[axis] for axis in order])
    if not signal.has_time:
        tensor = signal.tensor
        if _moves(order, signal.shape):
            tensor = nodes.node("Transpose", [tensor], attributes={"perm": [0, *order]})[0]
        nodes.node("Flatten", [tensor], output=layer.name, attributes={"axis": 1})
        return [Signal(layer.name, layout(0, time=False), (signal.batch, features))]
    if not spatial:
        return [signal]
    rows = _rows(nodes, signal, order)
    nodes.node("Transpose", [rows], output=layer.name, attributes={"perm": [0, 2, 1]})
    return [Signal(layer.name, layout(0, time=True), (signal.batch, features, signal.time))]


def _rows(nodes: Nodes, signal: Signal, order: Sequence[int]) -> str:
    """[B, T, features] of data with a time axis."""
    assert signal.shape is not None
    last = len(signal.shape) - 1
    tensor = nodes.node("Transpose", [signal.tensor], attributes={"perm": [0, last, *order]})[0]
    if len(order) == 1:
        return tensor
    return nodes.node("Reshape", [tensor, ints(nodes, "shape", [0, 0, -1])])[0]


def _moves(order: Sequence[int], shape: Sequence[Size]) -> bool:
    """Whether a permutation changes the order of the elements; axes of one element do not matter."""
    mattering = [axis for axis in order if shape[axis] != 1]
    return mattering != sorted(mattering)


def _product(sizes: Sequence[Size]) -> Size:
    numbers = [size for size in sizes if isinstance(size, int)]
    return prod(numbers) if len(numbers) == len(sizes) else sizes[0] if len(sizes) == 1 else None


def _connected(layer: LayerView, inputs: list[Signal], nodes: Nodes) -> list[Signal]:
    """Weights times the flattened data, at each time step alone.

    The weights' columns are brought to the order in which ONNX flattens, so that no data has to be moved.
    """
    signal, outputs, dimension = inputs[0], layer.property("OutputSize"), layer.property("OperationDimension")
    if outputs is None or dimension is None:
        return []
    if dimension != "spatial-channel" and (signal.spatial or dimension != 1):
        return _along(layer, signal, nodes, outputs, dimension)
    channels = known(layer, signal.channels, "number of channels")
    spatial = [known(layer, size, "spatial size") for size in signal.spatial]
    features = channels * prod(spatial)
    told = layer.property("InputSize")
    if told not in (None, features):
        layer.wrong(
            f"InputSize is {told}, but its input has {features} elements",
            "mend InputSize, or the layer before it",
            property="InputSize",
        )
    timed = signal.has_time
    axes = (1 + len(spatial), *range(1, 1 + len(spatial)))  # channels, then the spatial ones
    weights = placed(
        layer,
        nodes,
        "Weights",
        (outputs, features),
        view=(outputs, *spatial, channels),
        order=(*axes, 0) if timed else (0, *axes),
        into=(features, outputs) if timed else (outputs, features),
    )
    bias = vector(layer, nodes, "Bias", outputs)
    if not timed:
        tensor = signal.tensor
        if spatial:
            tensor = nodes.node("Flatten", [tensor], attributes={"axis": 1})[0]
        nodes.node("Gemm", [tensor, weights, bias], output=layer.name, attributes={"transB": 1})
        return [Signal(layer.name, layout(0, time=False), (signal.batch, outputs))]
    rows = _rows(nodes, signal, [*range(1, 2 + len(spatial))])
    product = nodes.node("MatMul", [rows, weights])[0]
    result = nodes.node("Add", [product, bias])[0]
    nodes.node("Transpose", [result], output=layer.name, attributes={"perm": [0, 2, 1]})
    return [Signal(layer.name, layout(0, time=True), (signal.batch, outputs, signal.time))]


def _along(layer: LayerView, signal: Signal, nodes: Nodes, outputs: int, dimension: int) -> list[Signal]:
    """Full connection along one dimension, for each element of the others alone.

    Of what another dimension than the channels becomes the page does not tell.
    """
    if dimension > len(signal.format):
        limits = f"give 1 to {len(signal.format)}, or spatial-channel"
        layer.wrong(f"it has no dimension {dimension} of {signal.format} data", limits, property="OperationDimension")
    if signal.format[dimension - 1] != "C" or signal.shape is None:
        return []
    channels = known(layer, signal.channels, "number of channels")
    weights = placed(layer, nodes, "Weights", (outputs, channels), order=(1, 0))
    last = [0, *range(2, len(signal.shape)), 1]
    moved = nodes.node("Transpose", [signal.tensor], attributes={"perm": last})[0]
    product = nodes.node("MatMul", [moved, weights])[0]
    result = nodes.node("Add", [product, vector(layer, nodes, "Bias", outputs)])[0]
    back = [last.index(axis) for axis in range(len(last))]
    nodes.node("Transpose", [result], output=layer.name, attributes={"perm": back})
    return [Signal(layer.name, signal.format, (signal.batch, outputs, *signal.shape[2:]))]


LOWERINGS: dict[str, Lowering] = {
    "flattenLayer": partial(_flattened, "matlab"),
    "nnet.keras.layer.FlattenCStyleLayer": partial(_flattened, "keras"),
    "nnet.onnx.layer.FlattenLayer": partial(_flattened, "onnx"),
    "nnet.onnx.layer.FlattenInto2dLayer": partial(_flattened, "onnx"),
    "fullyConnectedLayer": _connected,
}
