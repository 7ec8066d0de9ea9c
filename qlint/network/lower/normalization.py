"""Normalization layers.

Batch normalization has its statistics from training; layer, group and instance normalization take them from each
observation, with the variance over n and not n - 1. Source: MathWorks' reference pages of the layers.
"""

from __future__ import annotations

from qlint.network.lower.base import LayerView, Lowering, Nodes
from qlint.network.lower.opaque import opaque_alike
from qlint.network.lower.operands import ints
from qlint.network.lower.placing import vector
from qlint.network.lower.signal import Signal

_AFFINE = ("Scale", "Offset")


def _channels(layer: LayerView, x: Signal) -> int | None:
    """Number of channels, which NumChannels must agree with where it is given; None where it is not known."""
    given = layer.property("NumChannels")
    if isinstance(given, int) and isinstance(x.channels, int) and given != x.channels:
        layer.wrong(
            f"NumChannels is {given}, and its input has {x.channels} channels",
            "mend it, or leave it out",
            property="NumChannels",
        )
    found = given if x.channels is None else x.channels
    return found if isinstance(found, int) else None


def _batch(layer: LayerView, inputs: list[Signal], nodes: Nodes) -> list[Signal]:
    (x,) = inputs
    count, epsilon = _channels(layer, x), layer.property("Epsilon")
    if count is None or epsilon is None:
        return opaque_alike(layer, inputs, nodes)
    learnables = [vector(layer, nodes, name, count) for name in (*_AFFINE, "TrainedMean", "TrainedVariance")]
    nodes.node("BatchNormalization", [x.tensor, *learnables], output=layer.name, attributes={"epsilon": float(epsilon)})
    return [x.renamed(layer.name)]


def _layer(layer: LayerView, inputs: list[Signal], nodes: Nodes) -> list[Signal]:
    """Over the channels and what OperationDimension says.

    "auto" is taken to be "spatial-channel", from memory of the page. It matters for data with time alone, which
    releases before R2023a, without the property, normalized over time as well ("batch-excluded").
    """
    (x,) = inputs
    count, epsilon = _channels(layer, x), layer.property("Epsilon")
    if count is None or epsilon is None:
        return opaque_alike(layer, inputs, nodes)
    dimension = layer.property("OperationDimension") or "spatial-channel"
    spatial = list(range(2, 2 + len(x.spatial)))
    time = [2 + len(spatial)] if x.has_time else []
    if dimension == "channel-only":
        order, over = [0, *spatial, *time, 1], 1
    elif dimension == "spatial-channel":
        order, over = [0, *time, 1, *spatial], 1 + len(spatial)
    else:  # batch-excluded
        order, over = [0, 1, *spatial, *time], 1 + len(spatial) + len(time)
    learnables = [vector(layer, nodes, name, count, into=(count, *(1,) * (over - 1))) for name in _AFFINE]
    moved = order != sorted(order)
    tensor = nodes.node("Transpose", [x.tensor], attributes={"perm": order})[0] if moved else x.tensor
    attributes = {"axis": len(order) - over, "epsilon": float(epsilon)}
    (tensor,) = nodes.node(
        "LayerNormalization", [tensor, *learnables], output=None if moved else layer.name, attributes=attributes
    )
    if moved:
        back = [order.index(axis) for axis in range(len(order))]
        nodes.node("Transpose", [tensor], output=layer.name, attributes={"perm": back})
    return [x.renamed(layer.name)]


def _group(layer: LayerView, inputs: list[Signal], nodes: Nodes) -> list[Signal]:
    groups, count = layer.property("NumGroups"), _channels(layer, inputs[0])
    if groups == "channel-wise":
        return _instance(layer, inputs, nodes)
    if groups is None or count is None:
        return opaque_alike(layer, inputs, nodes)
    number = 1 if groups == "all-channels" else groups
    if count % number:
        layer.wrong(
            f"{count} channels do not divide into {number} groups", "give a divisor of it", property="NumGroups"
        )
    return _per_observation(layer, inputs, nodes, "GroupNormalization", {"num_groups": number})


def _instance(layer: LayerView, inputs: list[Signal], nodes: Nodes) -> list[Signal]:
    return _per_observation(layer, inputs, nodes, "InstanceNormalization", {})


def _per_observation(
    layer: LayerView, inputs: list[Signal], nodes: Nodes, op_type: str, attributes: dict[str, int]
) -> list[Signal]:
    """Operators over space and time, of which ONNX wants at least one axis."""
    (x,) = inputs
    count, epsilon = _channels(layer, x), layer.property("Epsilon")
    over = layer.property("OperationDimension")
    if count is None or epsilon is None or over not in (None, "auto", "batch-excluded"):
        return opaque_alike(layer, inputs, nodes)
    learnables = [vector(layer, nodes, name, count) for name in _AFFINE]
    numbers = {**attributes, "epsilon": float(epsilon)}
    if len(x.format) > 2:
        nodes.node(op_type, [x.tensor, *learnables], output=layer.name, attributes=numbers)
        return [x.renamed(layer.name)]
    axes = ints(nodes, "axes", [2])
    (tensor,) = nodes.node("Unsqueeze", [x.tensor, axes])
    (tensor,) = nodes.node(op_type, [tensor, *learnables], attributes=numbers)
    nodes.node("Squeeze", [tensor, axes], output=layer.name)
    return [x.renamed(layer.name)]


def _cross_channel(layer: LayerView, inputs: list[Signal], nodes: Nodes) -> list[Signal]:
    """ONNX's LRN: the same formula, and the same longer side of an even window, the channels that follow."""
    (x,) = inputs
    names = {"size": "WindowChannelSize", "alpha": "Alpha", "beta": "Beta", "bias": "K"}
    values = {attribute: layer.property(name) for attribute, name in names.items()}
    if None in values.values():
        return opaque_alike(layer, inputs, nodes)
    numbers = {attribute: value if attribute == "size" else float(value) for attribute, value in values.items()}
    nodes.node("LRN", [x.tensor], output=layer.name, attributes=numbers)
    return [x.renamed(layer.name)]


LOWERINGS: dict[str, Lowering] = {
    "batchNormalizationLayer": _batch,
    "layerNormalizationLayer": _layer,
    "groupNormalizationLayer": _group,
    "instanceNormalizationLayer": _instance,
    "crossChannelNormalizationLayer": _cross_channel,
}
