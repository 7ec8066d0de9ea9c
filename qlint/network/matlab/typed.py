"""A description's layers with their types, properties and ports, in the order in which they compute."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, TypeAlias

from qlint.files.description.order import in_order
from qlint.files.description.records import Body, Connection, Description, End, LayerEntry
from qlint.files.quoting import quoted
from qlint.network.matlab.learnables import check_learnables
from qlint.network.matlab.normal import normal, type_of
from qlint.network.matlab.opaque import NESTING
from qlint.network.matlab.ports import numbered_ports, ports
from qlint.network.matlab.table import MOST_PORTS, LayerType
from qlint.network.network import Value
from qlint.suggest import did_you_mean


@dataclass(frozen=True, slots=True, eq=False)
class TypedLayer:
    """A layer of a description, checked.

    Attributes:
        name: its full name (`outer/inner` inside a networkLayer); arrays and connections to the outside go by it.
        entry: as written.
        type: what is known of its type.
        properties: in normal form; None is not known.
        inputs: its input ports, in MATLAB's order.
        outputs: its output ports.
        sources: for each connected input port, where its data come from (a sibling's own name, and an output port).
        nested: the network inside a networkLayer or projectedLayer, where the description gives it.
    """

    name: str
    entry: LayerEntry
    type: LayerType
    properties: Mapping[str, Value]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    sources: Mapping[str, End]
    nested: TypedBody | None = None

    @property
    def free(self) -> tuple[str, ...]:
        """Input ports that nothing is connected to."""
        return tuple(port for port in self.inputs if port not in self.sources)


@dataclass(frozen=True, slots=True, eq=False)
class TypedBody:
    """The layers of a network or of a networkLayer.

    Attributes:
        layers: by their own names, each after those it reads from, otherwise in the order of the file.
        inputs: what comes from outside: input layers (port "") and free input ports, in the order of the file.
        outputs: what goes outside: output ports that no layer reads, and output layers (port "").
    """

    layers: Mapping[str, TypedLayer]
    inputs: tuple[End, ...]
    outputs: tuple[End, ...]


def typed(description: Description) -> TypedBody:
    """Check a description's layers and connections.

    Raises:
        DescriptionError: a type, property or port that MATLAB does not have, a port that is connected twice or not at
            all, or a cycle, at its place.
    """
    seen: _Seen = {}
    body = _Body(description.body, "", description, seen).typed()
    check_learnables(seen, description)
    return body


_Seen: TypeAlias = dict[str, tuple[LayerEntry, LayerType]]
"""Layers by full name."""


class _Body:
    """Works out one body."""

    def __init__(
        self, body: Body, prefix: str, description: Description, seen: dict[str, tuple[LayerEntry, LayerType]]
    ) -> None:
        self.seen = seen
        self.body = body
        self.prefix = prefix
        self.description = description
        self.into: dict[str, list[Connection]] = {}
        self.out_of: dict[str, list[Connection]] = {}
        for connection in body.connections:
            self.into.setdefault(connection.target.layer, []).append(connection)
            self.out_of.setdefault(connection.source.layer, []).append(connection)

    def typed(self) -> TypedBody:
        order = in_order(self.body, self.description)
        drafts = {name: self.draft(entry) for name, entry in self.body.layers.items()}
        has_input = any(not layer.inputs for layer in drafts.values())
        layers: dict[str, TypedLayer] = {}
        read: set[tuple[str, str]] = set()
        for name in order:
            sources = self.sources(drafts[name], drafts)
            layers[name] = layer = _with_sources(drafts[name], sources)
            self.check_free(layer, is_first=not has_input or name == next(iter(self.body.layers)))
            read.update((end.layer, end.port) for end in sources.values())
        inputs: list[End] = []
        outputs: list[End] = []
        for name in self.body.layers:
            layer = layers[name]
            if not layer.outputs:
                self.check_free(layer, is_first=False)
            inputs += [End(name, port) for port in layer.free] if layer.inputs else [End(name)]
            outputs += [End(name, port) for port in layer.outputs if (name, port) not in read]
            outputs += [] if layer.outputs else [End(name)]
        return TypedBody(layers, tuple(inputs), tuple(outputs))

    def draft(self, entry: LayerEntry) -> TypedLayer:
        """A layer without its sources."""
        type = type_of(entry, self.description)
        properties = normal(entry, self.description)
        full = self.prefix + entry.name
        self.seen[full] = (entry, type)
        nested = None
        if entry.nested is not None:
            if type.name not in NESTING:
                problem = f"layer {quoted(entry.name)} is a {type.name} and holds no network"
                self.refuse((*entry.path, "Network"), problem, "write the network under a networkLayer", key=True)
            nested = _Body(entry.nested, f"{full}/", self.description, self.seen).typed()
            inputs, outputs = numbered_ports("in", len(nested.inputs)), numbered_ports("out", len(nested.outputs))
        elif (type.open and type.opaque) or type.name in NESTING:
            inputs = self.connected("in", entry, properties, [c.target.port for c in self.into.get(entry.name, ())])
            outputs = self.connected("out", entry, properties, [c.source.port for c in self.out_of.get(entry.name, ())])
        else:
            if "NumInputs" in type.properties and properties["NumInputs"] is None:
                properties["NumInputs"] = max(2, len(self.into.get(entry.name, ())))
            inputs, outputs = ports(type.name, properties)
        return TypedLayer(full, entry, type, properties, inputs, outputs, {}, nested)

    def connected(
        self, stem: str, entry: LayerEntry, values: Mapping[str, Value], written: list[str]
    ) -> tuple[str, ...]:
        """Ports of a layer whose type does not tell them: those it names or counts, else those that are connected."""
        named = values.get("InputNames" if stem == "in" else "OutputNames")
        if isinstance(named, list) and all(isinstance(name, str) for name in named):
            return tuple(named)
        noun = "NumInputs" if stem == "in" else "NumOutputs"
        count = values.get(noun)
        if isinstance(count, int):
            if not 0 <= count <= MOST_PORTS:
                problem = f"{noun} of layer {quoted(entry.name)} is {count}"
                self.refuse((*entry.path, noun), problem, f"write a whole number of at most {MOST_PORTS}")
            return numbered_ports(stem, count)
        ports = tuple(dict.fromkeys(port or stem for port in written))
        if len(ports) > 1 and stem in ports and f"{stem}1" not in ports:
            ports = tuple(f"{stem}1" if port == stem else port for port in ports)
        return ports if ports or (stem == "in" and entry.name != next(iter(self.body.layers))) else (stem,)

    def sources(self, layer: TypedLayer, drafts: Mapping[str, TypedLayer]) -> dict[str, End]:
        """Where each connected input port gets its data, by the names of MATLAB's ports."""
        found: dict[str, End] = {}
        for connection in self.into.get(layer.entry.name, ()):
            source = drafts[connection.source.layer]
            free = [port for port in layer.free if port not in found] or [*layer.inputs]
            # A port that is not written is the next one: the connections of an addition need not be numbered.
            port = self.port(connection, 1, layer, layer.inputs if connection.target.port else free)
            if port in found:
                problem = f"input {port} of layer {quoted(layer.entry.name)} is connected twice"
                self.refuse_connection(connection, 1, problem, _further(port, layer))
            found[port] = End(connection.source.layer, self.port(connection, 0, source, source.outputs))
        return found

    def port(self, connection: Connection, side: int, layer: TypedLayer, ports: Sequence[str]) -> str:
        """The port that one end of a connection means."""
        written = (connection.source, connection.target)[side].port
        what = "input" if side else "output"
        name = layer.entry.name
        if not ports:
            remedy = "write connections: with the layers that feed each other" if not connection.path else "remove it"
            self.refuse_connection(connection, side, f"{layer.type.name} {quoted(name)} has no {what}s", remedy)
        stem = "in" if side else "out"
        if written == "" or (written in (stem, f"{stem}1") and ports[0] in (stem, f"{stem}1")):
            return ports[0]
        if written not in ports:
            problem = f"{layer.type.name} {quoted(name)} has no {what} {quoted(written)}"
            has = f"it has {', '.join(ports)}"
            near = did_you_mean(written, ports)
            self.refuse_connection(connection, side, problem, f"{near} {has.capitalize()}" if near else has)
        return written

    def check_free(self, layer: TypedLayer, *, is_first: bool) -> None:
        """Refuse unconnected inputs, except state inputs and those of a layer that is an input of the network."""
        if len(layer.sources) == len(layer.inputs):
            return
        free = [port for port in layer.free if port not in layer.type.optional]
        if not free or (is_first and len(free) + len(layer.type.optional) >= len(layer.inputs)):
            return
        name = layer.entry.name
        remedy = f"connect it: [FROM, {name}/{free[0]}]" if self.body.connections or not self.body.sequential else ""
        if self.body.sequential:
            remedy = "write connections: without them each layer feeds the first input of the next"
        self.refuse(
            (*layer.entry.path, "name"), f"input {free[0]} of {layer.type.name} {quoted(name)} is not connected", remedy
        )

    def refuse_connection(self, connection: Connection, side: int, problem: str, remedy: str) -> NoReturn:
        if connection.path:
            self.refuse((*connection.path, side), problem, remedy)
        end = (connection.source, connection.target)[side]
        self.refuse((*self.body.layers[end.layer].path, "name"), problem, remedy)

    def refuse(self, path: Any, problem: str, remedy: str, *, key: bool = False) -> NoReturn:
        self.description.wrong(path, problem, remedy, key=key)


def _with_sources(draft: TypedLayer, sources: Mapping[str, End]) -> TypedLayer:
    return TypedLayer(
        draft.name, draft.entry, draft.type, draft.properties, draft.inputs, draft.outputs, sources, draft.nested
    )


def _further(port: str, layer: TypedLayer) -> str:
    others = [other for other in layer.inputs if other != port]
    return f"name its other inputs: {', '.join(others)}" if others else "remove one of the two connections"
