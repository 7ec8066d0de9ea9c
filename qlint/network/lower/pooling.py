"""Pooling, global pooling and unpooling.

Source: MATLAB's reference pages of these layers. Padding never wins a maximum; an average counts it as zeros, or with
PaddingValue "mean" leaves it out.
"""

from __future__ import annotations

from functools import partial

from qlint.network.lower.base import LayerView, Lowering, Nodes
from qlint.network.lower.operands import ints
from qlint.network.lower.signal import Signal, Size, layout
from qlint.network.lower.sliding import axes_of, window


def _pooled(rank: int, operator: str, layer: LayerView, inputs: list[Signal], nodes: Nodes) -> list[Signal]:
    signal = inputs[0]
    slid = window(layer, signal, rank, "PoolSize")
    value = layer.property("PaddingValue")
    if slid is None or signal.shape is None or (operator == "AveragePool" and value is None):
        return []
    attributes = slid.attributes()
    if operator == "AveragePool":
        attributes["count_include_pad"] = int(value == 0)
    shape = (*signal.shape[:2], *slid.sizes(layer))
    unpooling = bool(layer.property("HasUnpoolingOutputs"))
    made = nodes.node(
        operator, [signal.tensor], output=layer.name, outputs=2 if unpooling else 1, attributes=attributes
    )
    pooled = Signal(layer.name, signal.format, shape)
    if not unpooling:
        return [pooled]
    size = nodes.node("Shape", [signal.tensor], output=f"{layer.name}/size")[0]
    return [
        pooled,
        Signal(made[1], signal.format, shape, type="int64"),
        Signal(size, "", (len(signal.shape),), type="int64", sizes=signal.shape),
    ]


def _unpooled(layer: LayerView, inputs: list[Signal], nodes: Nodes) -> list[Signal]:
    """Each maximum goes back to where it was, zeros to everywhere else.

    ONNX's MaxUnpool cannot say so: it counts indices within the size that its window amounts to, which lacks the rows
    and columns no window saw.
    """
    signal, indices, size = inputs
    if indices.type != "int64" or size.sizes is None:
        layer.wrong(
            "its inputs 'indices' and 'size' must come from a maxPooling2dLayer",
            "set HasUnpoolingOutputs there and connect its outputs indices and size",
        )
    all_of_it = ints(nodes, "flat", [-1])
    count = nodes.node("ReduceProd", [size.tensor], attributes={"keepdims": 1})[0]
    nothing = nodes.node("ConstantOfShape", [count])[0]
    places, maxima = (nodes.node("Reshape", [each.tensor, all_of_it])[0] for each in (indices, signal))
    scattered = nodes.node("ScatterElements", [nothing, places, maxima], attributes={"axis": 0})[0]
    known = [number for number in size.sizes[1:] if isinstance(number, int)]
    complete = len(known) == len(size.sizes) - 1
    target = ints(nodes, "shape", [-1, *known]) if complete else size.tensor
    nodes.node("Reshape", [scattered, target], output=layer.name)
    return [Signal(layer.name, signal.format, size.sizes)]


def _global(rank: int, kind: str, layer: LayerView, inputs: list[Signal], nodes: Nodes) -> list[Signal]:
    """Spatial axes stay, with one element; a time axis that is pooled over goes."""
    signal = inputs[0]
    assert signal.shape is not None
    apart = axes_of(layer, signal, rank)
    spatial = signal.format.count("S")
    ones: list[Size] = [1] * spatial
    if apart:  # at each time step alone
        axes = ints(nodes, "axes", range(2, 2 + spatial))
        nodes.node(f"Reduce{kind}", [signal.tensor, axes], output=layer.name, attributes={"keepdims": 1})
        return [Signal(layer.name, signal.format, (*signal.shape[:2], *ones, signal.time))]
    operator = {"Mean": "GlobalAveragePool", "Max": "GlobalMaxPool"}[kind]
    if not signal.has_time:
        nodes.node(operator, [signal.tensor], output=layer.name)
        return [Signal(layer.name, signal.format, (*signal.shape[:2], *ones))]
    time = ints(nodes, "axes", [2 + spatial])
    if kind == "Mean" and not spatial:
        nodes.node("ReduceMean", [signal.tensor, time], output=layer.name, attributes={"keepdims": 0})
    else:
        nodes.node("Squeeze", [nodes.node(operator, [signal.tensor])[0], time], output=layer.name)
    return [Signal(layer.name, layout(spatial, time=False), (*signal.shape[:2], *ones))]


LOWERINGS: dict[str, Lowering] = {
    **{f"maxPooling{rank}dLayer": partial(_pooled, rank, "MaxPool") for rank in (1, 2, 3)},
    **{f"averagePooling{rank}dLayer": partial(_pooled, rank, "AveragePool") for rank in (1, 2, 3)},
    **{f"globalMaxPooling{rank}dLayer": partial(_global, rank, "Max") for rank in (1, 2, 3)},
    **{f"globalAveragePooling{rank}dLayer": partial(_global, rank, "Mean") for rank in (1, 2, 3)},
    "maxUnpooling2dLayer": _unpooled,
}
