"""A described network as a model of nodes: every layer lowered, weights left where they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from qlint.files.model import Model, Node
from qlint.files.onnx_file import read_model
from qlint.network.lower.builder import LAYER_KEY, Builder, LayerNodes, bounded
from qlint.network.lower.flat import FED, Flat, FlatLayer, flatten
from qlint.network.lower.opaque import opaque
from qlint.network.lower.registry import LOWERINGS
from qlint.network.lower.signal import Signal

if TYPE_CHECKING:
    from onnx import ModelProto

    from qlint.files.description.records import Description
    from qlint.files.tensors import Tensor

_STATES = {"hidden", "cell"}


@dataclass(frozen=True, slots=True, eq=False)
class LoweredLayer:
    """A layer and what it became.

    Attributes:
        layer: as described.
        inputs, outputs: its tensors by port.
        nodes: what it stands on, in topological order; none for a layer that passes its input on.
        learnables: by MATLAB's name, in ONNX's order.
    """

    layer: FlatLayer
    inputs: dict[str, Signal]
    outputs: dict[str, Signal]
    nodes: tuple[Node, ...]
    learnables: dict[str, Tensor]


@dataclass(frozen=True, slots=True, eq=False)
class Lowered:
    """A described network on the node storey.

    Attributes:
        model: as if it had been read from an ONNX file.
        layers: by full name, in topological order.
        proto: the model without learnables, which stand as graph inputs in it.
        learnables: those, by tensor name.
        inputs, outputs: of the network.
    """

    model: Model
    layers: dict[str, LoweredLayer]
    proto: ModelProto
    learnables: dict[str, Tensor]
    inputs: tuple[Signal, ...]
    outputs: tuple[Signal, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Made:
    """A layer whose nodes are in the builder."""

    layer: FlatLayer
    inputs: dict[str, Signal]
    outputs: dict[str, Signal]
    learnables: dict[str, Tensor]


def lower(description: Description, *, bind: Mapping[str, int | list[int | str]] | None = None) -> Lowered:
    """Lower a description.

    Args:
        description: as read.
        bind: sizes of the symbols N (observations) and T (time steps), or whole shapes of inputs in ONNX's order.

    Raises:
        DescriptionError: a layer's properties, connections or sizes contradict each other.
        UsageError: a binding contradicts the network.
    """
    builder = Builder()
    flat = flatten(description)
    made: dict[str, _Made] = {}
    signals: dict[tuple[FlatLayer, str], Signal] = {}
    for layer in flat.layers:
        inputs = {port: _arriving(builder, layer, port, signals) for port in layer.inputs}
        made[layer.name] = found = _layer(builder, layer, inputs)
        signals.update({(layer, port): signal for port, signal in found.outputs.items()})
    ends = [signals[end] for end in flat.outputs if end in signals]
    outputs_of_network = _outputs(builder, ends)
    proto = builder.finish(outputs_of_network)
    model = read_model(Path(description.path), data=proto.SerializeToString(deterministic=True), bind=bind)
    by_layer = _owned(model, builder, flat)
    model.digest = description.digest
    return Lowered(
        model,
        {
            name: LoweredLayer(item.layer, item.inputs, item.outputs, tuple(by_layer[item.layer]), item.learnables)
            for name, item in made.items()
        },
        proto,
        builder.learnables,
        tuple(builder.inputs.values()),
        tuple(outputs_of_network),
    )


def _arriving(builder: Builder, layer: FlatLayer, port: str, signals: dict[tuple[FlatLayer, str], Signal]) -> Signal:
    """What a port receives: another layer's output, or an input of the network."""
    source = layer.inputs[port]
    if source is not None:
        return signals[source]
    units = layer.property("NumHiddenUnits") if port in _STATES else None
    if isinstance(units, int) and layer.type == "bilstmLayer":
        units *= 2  # forward and backward
    name = builder.fresh(f"{layer.name}/{port}")
    signal = Signal(name, "CB", ("N", units)) if isinstance(units, int) else Signal(name, "", None)
    builder.add_input(name, signal.shape)
    builder.inputs[name] = signal
    return signal


def _layer(builder: Builder, layer: FlatLayer, inputs: dict[str, Signal]) -> _Made:
    if layer.inner is not None:
        return _inside(builder, layer, layer.inner, inputs)
    fed = inputs.get(FED) if not layer.typed.inputs else None
    nodes = LayerNodes(builder, layer, fed)
    lowering = LOWERINGS.get(layer.type)
    found: list[Signal] = []
    if lowering is not None and (fed is not None or all(signal.known for signal in inputs.values())):
        found = lowering(layer, [] if fed is not None else [*inputs.values()], nodes)
        for signal in found:
            bounded(layer, signal.shape)
    if len(found) < len(layer.outputs):
        found = opaque(layer, [*inputs.values()], nodes, *[("", None)] * max(1, len(layer.outputs)))
    return _Made(layer, inputs, dict(zip(layer.outputs, found, strict=False)), nodes.made)


def _inside(builder: Builder, outer: FlatLayer, inner: Flat, inputs: dict[str, Signal]) -> _Made:
    """A layer that is lowered as the network it stands for; its learnables are that network's."""
    given = dict(zip(inner.inputs, inputs.values(), strict=True))
    signals: dict[tuple[FlatLayer, str], Signal] = {}
    learnables: dict[str, Tensor] = {}
    for layer in inner.layers:
        arriving = {
            port: given[layer, port] if source is None else signals[source] for port, source in layer.inputs.items()
        }
        if not layer.inputs and (layer, FED) in given:
            arriving[FED] = given[layer, FED]
        made = _layer(builder, layer, arriving)
        signals.update({(layer, port): signal for port, signal in made.outputs.items()})
        stem = layer.name.removeprefix(f"{outer.name}/")
        learnables.update({f"{stem}/{name}": tensor for name, tensor in made.learnables.items()})
    outputs = [signals[end] for end in inner.outputs]
    return _Made(outer, inputs, dict(zip(outer.outputs, outputs, strict=True)), learnables)


def _outputs(builder: Builder, ends: list[Signal]) -> list[Signal]:
    """The network's outputs; ONNX wants no input among them, and none twice."""
    found: dict[str, Signal] = {}
    for signal in ends:
        tensor = signal.tensor
        if tensor in builder.inputs:
            from onnx import helper

            tensor = builder.fresh(f"{tensor}/out")
            builder.proto.graph.node.append(helper.make_node("Identity", [signal.tensor], [tensor], name=tensor))
        found[tensor] = signal.renamed(tensor)
    return list(found.values())


def _owned(model: Model, builder: Builder, flat: Flat) -> dict[FlatLayer, list[Node]]:
    """The nodes of each layer; they and the learnables are brought from the written form to the described one."""
    graph = model.graph
    for name, tensor in builder.learnables.items():
        graph.inputs.pop(name, None)
        graph.initializers[name] = tensor
    owners: dict[str, FlatLayer] = {}
    pending = [(layer, layer) for layer in flat.layers]
    while pending:
        layer, outermost = pending.pop()
        owners[layer.name] = outermost
        pending.extend((below, outermost) for below in (layer.inner.layers if layer.inner is not None else ()))
    found: dict[FlatLayer, list[Node]] = {layer: [] for layer in flat.layers}
    for node in graph.nodes:
        node.byte_span = None
        owner = owners.get(node.metadata.get(LAYER_KEY, ""))  # what feeds an output that is an input has none
        if owner is not None:
            node.pointer = "".join(f"/{step}" for step in owner.path)
            found[owner].append(node)
    return found
