"""The network of layers that a description says it is; its nodes say what the description leaves out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from qlint.diagnostics import Location
from qlint.files.model import Node
from qlint.network import patterns
from qlint.network.attributes import attribute
from qlint.network.catalogue import ENTRIES
from qlint.network.facts import network_properties
from qlint.network.lower.assemble import Lowered, LoweredLayer
from qlint.network.matlab.registry import TYPES
from qlint.network.network import Layer, Learnable, Network, Shape, Value
from qlint.network.scope import Scope
from qlint.network.suppressions import of_description
from qlint.network.view import View
from qlint.tristate import Unknown

if TYPE_CHECKING:
    from qlint.files.description.records import Description
    from qlint.files.tensors import Tensor

CUSTOM = "customLayer"
"""Type of layers that MATLAB does not come with; their `Class` is the type as written."""

STATISTICS = ("Mean", "StandardDeviation", "Min", "Max")
"""Properties of input layers that a description may give as arrays."""

_BY_TYPE = {(entry.type, operator): entry for entry in ENTRIES for operator in entry.operators}


class DescribedLearnable:
    """A learnable of a described layer, in ONNX's order; see `qlint.network.network.Learnable`."""

    __slots__ = ("_tensor",)

    constant = True

    def __init__(self, tensor: Tensor) -> None:
        self._tensor = tensor

    @property
    def name(self) -> str:
        """The tensor's name."""
        return self._tensor.name

    @property
    def type(self) -> str:
        """ONNX's name of the element type in lower case."""
        return self._tensor.type

    @property
    def shape(self) -> Shape:
        """Axis sizes in ONNX's order."""
        return self._tensor.shape

    def values(self) -> object:
        """The values as a numpy array, or an `Unknown`."""
        return self._tensor.values()


def describe(description: Description, lowered: Lowered) -> Network:
    """The network of a description.

    Args:
        description: as read.
        lowered: what `qlint.network.lower.assemble.lower` made of it.
    """
    scope = Scope(lowered.model.graph, lowered.model.opsets[""])
    found = patterns.find(scope)
    ends = {signal.tensor for signal in lowered.outputs}
    layers: dict[str, Layer] = {}
    for name, item in lowered.layers.items():
        layers[name] = layer = _layer(description, item, _view(item, scope, found))
        layer.is_output = not ends.isdisjoint(layer.outputs)
    types = lowered.model.graph.types
    return Network(
        list(layers.values()),
        path=description.path,
        digest=description.digest,
        properties={
            **network_properties(lowered.model),
            **description.facts,
            "Class": description.network_class,
            "Format": "description",
            "Release": description.release or Unknown("release of the network", "give it: network: {release: R2025b}"),
        },
        shape_of=lambda _, tensor: types[tensor].shape if tensor in types else None,
        type_of=lambda _, tensor: types[tensor].type if tensor in types else None,
        sources=lambda layer: tuple(
            None if source is None else layers[source[0].name]
            for source in lowered.layers[layer.id].layer.inputs.values()
        ),
        suppressions=of_description(description),
    )


def _view(item: LoweredLayer, scope: Scope, found: Mapping[Node, View]) -> View | None:
    """What a layer's nodes amount to as an operator: a pattern that they are, else the node that it mainly is."""
    node = _principal(item)
    if node is None:
        return None
    whole = found.get(item.nodes[-1])
    return whole if whole is not None and set(whole.nodes) == set(item.nodes) else View(node, scope)


def _layer(description: Description, item: LoweredLayer, view: View | None) -> Layer:
    flat = item.layer
    type = flat.type if flat.type in TYPES else CUSTOM
    line, column = description.document.place(flat.path) or (None, None)
    location = Location(
        id=flat.name,
        pointer="".join(f"/{step}" for step in flat.path),
        layer=flat.name,
        type=type,
        line=line,
        column=column,
    )
    reader = _Reader(item, view)
    return Layer(
        flat.name,
        type,
        reader.load,
        op=view.op if view is not None else "",
        attribute=reader.attribute,
        name=flat.name,
        inputs=tuple(signal.tensor for signal in item.inputs.values()),
        outputs=tuple(signal.tensor for signal in item.outputs.values()),
        location=location,
    )


class _Reader:
    """Reads what a described layer says of itself, and what the node says that it mainly is."""

    __slots__ = ("item", "view")

    def __init__(self, item: LoweredLayer, view: View | None) -> None:
        self.item = item
        self.view = view

    def load(self) -> tuple[dict[str, Value], dict[str, Learnable]]:
        """Properties and learnables; what MATLAB fills in once it knows a layer's input comes from the node."""
        item = self.item
        properties = {name: value for name, value in item.layer.properties.items() if value is not None}
        for name in STATISTICS:
            if name not in properties and (tensor := item.layer.learnable(name)) is not None:
                properties[name] = _plain(tensor)
        if self.view is not None:
            entry = _BY_TYPE.get((item.layer.type, self.view.node.op_type))
            if entry is not None and entry.accepts(self.view):
                for name, read in entry.properties.items():
                    if name not in properties:
                        properties[name] = read(self.view)
        if item.layer.type not in TYPES:
            properties["Class"] = item.layer.type
        if item.nodes:
            properties["Operator"] = "+".join(node.op_type for node in item.nodes)
        return properties, {name: DescribedLearnable(tensor) for name, tensor in item.learnables.items()}

    def attribute(self, name: str) -> Value | None:
        """An attribute of the operator."""
        return None if self.view is None else attribute(self.view, name)


def _plain(tensor: Tensor) -> Value:
    """An array as a property: a number, or a flat list in MATLAB's order."""
    values = tensor.values()
    if isinstance(values, Unknown):
        return values
    flat = [float(value) for value in values.reshape(-1, order="F")]
    return flat[0] if len(flat) == 1 else flat


def _principal(item: LoweredLayer) -> Node | None:
    """The node that a layer mainly is; None where there is none, or only what input normalization is made of."""
    for node in item.nodes:
        if (item.layer.type, node.op_type) in _BY_TYPE:
            return node
    return item.nodes[0] if len(item.nodes) == 1 and item.layer.inputs else None
