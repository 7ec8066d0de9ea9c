"""Lifting: from the nodes of an ONNX file to the layers of a network."""

from __future__ import annotations

from collections.abc import Iterator

from qlint.diagnostics import Location
from qlint.files.model import Graph, Model, Node
from qlint.network import inputs, patterns
from qlint.network.attributes import attribute
from qlint.network.catalogue import entry_for
from qlint.network.catalogue.entry import Entry
from qlint.network.facts import network_properties
from qlint.network.network import Layer, Learnable, Network, Shape, Value
from qlint.network.scope import Scope
from qlint.network.source import source_line
from qlint.network.suppressions import of_metadata
from qlint.network.view import View


class _Lifting:
    """State of one lift: layers in topological order, and who makes which tensor in which scope."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.layers: list[Layer] = []
        self.scopes: dict[str, Scope] = {}
        self.makers: dict[Graph, dict[str, Layer]] = {}
        self.inner: dict[str, list[Layer]] = {}

    def graph(self, graph: Graph, outer: Scope | None) -> None:
        """Lift one graph and those below it; recursion is as deep as subgraphs nest, which protobuf bounds."""
        scope = Scope(graph, self.model.opsets.get("", 1), outer)
        makers = self.makers[graph] = {}
        swallowed: set[Node] = set()
        if outer is None:
            for found in inputs.find(scope):
                self._add(_input_layer(found, scope), scope, makers)
                swallowed.update(found.nodes)
                makers[found.name] = makers[found.output]
        views = patterns.find(scope)
        swallowed.update(node for view in views.values() for node in view.nodes[:-1])
        for node in graph.nodes:
            if node in scope.folded or node in swallowed:
                continue
            below = list(_subgraphs_of(node))
            for inner in below:
                self.graph(inner, scope)
            layer = _layer(views.get(node) or View(node, scope), graph)
            self._add(layer, scope, makers)
            if below:
                ends = (self._maker(scope_of_inner, name) for scope_of_inner, name in _ends(below))
                self.inner[layer.id] = [end for end in ends if end is not None]

    def _add(self, layer: Layer, scope: Scope, makers: dict[str, Layer]) -> None:
        self.layers.append(layer)
        self.scopes[layer.id] = scope
        for output in layer.outputs:
            if output:
                makers[output] = layer
        layer.is_output = any(output in scope.outputs for output in layer.outputs)

    def _maker(self, graph: Graph | None, name: str) -> Layer | None:
        while graph is not None:
            layer = self.makers[graph].get(name)
            if layer is not None:
                return layer
            graph = graph.parent.graph if graph.parent is not None else None
        return None

    def sources(self, layer: Layer) -> tuple[Layer | None, ...]:
        """Producers of a layer's data inputs, then of the results of the subgraphs it holds."""
        graph = self.scopes[layer.id].graph
        return (*(self._maker(graph, name) for name in layer.inputs), *self.inner.get(layer.id, ()))


def lift(model: Model) -> Network:
    """The network of layers that a model's nodes amount to."""
    lifting = _Lifting(model)
    lifting.graph(model.graph, None)

    def shape_of(layer: Layer, tensor: str) -> Shape:
        return lifting.scopes[layer.id].shape(tensor)

    def type_of(layer: Layer, tensor: str) -> str | None:
        return lifting.scopes[layer.id].type(tensor).type

    return Network(
        lifting.layers,
        path=model.path,
        digest=model.digest,
        properties=network_properties(model),
        shape_of=shape_of,
        type_of=type_of,
        sources=lifting.sources,
        suppressions=of_metadata(model.metadata),
    )


def _subgraphs_of(node: Node) -> Iterator[Graph]:
    for value in node.attributes.values():
        if isinstance(value, Graph):
            yield value
        elif isinstance(value, list):
            yield from (item for item in value if isinstance(item, Graph))


def _ends(graphs: list[Graph]) -> Iterator[tuple[Graph, str]]:
    return ((graph, name) for graph in graphs for name in graph.outputs)


def _node_id(graph: Graph, node: Node) -> str:
    return f"{graph.path}/{next((output for output in node.outputs if output), f'#{node.index}')}"


def _location(id: str, type: str, node: Node) -> Location:
    return Location(
        id=id,
        pointer=node.pointer,
        layer=node.name or None,
        type=type,
        node_index=node.index,
        node_name=node.name or None,
        op_type=node.op_type,
        byte_span=node.byte_span,
        source=source_line(node.metadata),
    )


def _layer(view: View, graph: Graph) -> Layer:
    node = view.nodes[-1]
    entry = entry_for(view)
    id = _node_id(graph, node)
    type = entry.type if entry is not None else f"onnx:{node.op_type}"
    reader = _Reader(entry, view)
    return Layer(
        id,
        type,
        reader.load,
        op=view.op,
        attribute=reader.attribute,
        name=node.name,
        inputs=(view.roles["x"],) if "x" in view.roles else view.data(),
        outputs=node.outputs,
        location=_location(id, type, node),
    )


class _Reader:
    """Reads what a layer says of itself, when asked."""

    __slots__ = ("entry", "view")

    def __init__(self, entry: Entry | None, view: View) -> None:
        self.entry = entry
        self.view = view

    def load(self) -> tuple[dict[str, Value], dict[str, Learnable]]:
        """Properties and learnables."""
        entry, view = self.entry, self.view
        if entry is None:
            return _custom_properties(view), {}
        learnables: dict[str, Learnable] = {}
        for name, place in entry.learnables.items():
            tensor = view.name(place) if isinstance(place, int) else view.roles.get(place, "")
            parameter = view.scope.parameter(tensor) if tensor else None
            if parameter is not None:
                learnables[name] = parameter
        properties = {name: read(view) for name, read in entry.properties.items()}
        properties["Operator"] = "+".join(node.op_type for node in view.nodes)
        return properties, learnables

    def attribute(self, name: str) -> Value | None:
        """An attribute of the operator."""
        return attribute(self.view, name)


def _custom_properties(view: View) -> dict[str, Value]:
    """What is known of a layer without a MATLAB counterpart: its operator, and whether it may fold to a constant."""
    node = view.node
    return {"Operator": node.op_type, "Domain": node.domain, "Folds": view.scope.undecided.get(node, False)}


def _input_layer(found: inputs.Input, scope: Scope) -> Layer:
    graph = scope.graph

    def load() -> tuple[dict[str, Value], dict[str, Learnable]]:
        properties = {"InputSize": inputs.input_size(found), "NumChannels": inputs.num_channels(found)}
        return {**properties, **inputs.normalization(found, scope)}, {}

    if found.nodes:
        id = _node_id(graph, found.nodes[-1])
        location = _location(id, found.type, found.nodes[-1])
    else:
        id = f"{graph.path}/{found.name}"
        location = Location(id=id, layer=found.name, type=found.type)
    return Layer(id, found.type, load, name=found.name, outputs=(found.output,), location=location)
