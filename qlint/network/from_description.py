"""Small networks without nodes: what the `examples:` of rule files describe.

A description is a list of layers, each feeding the next, or a mapping with `layers`, `connections` and facts of the
`network`. What is left out or null is unknown; whatever is misspelt is refused.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from typing import Any, NoReturn

from qlint.errors import ModelError
from qlint.files.order import in_turn
from qlint.network.described_learnable import DescribedLearnable
from qlint.network.network import Layer, Network, Shape, Value
from qlint.tristate import Unknown

SCHEMA = "qlint.network/v1"

_PROPERTY = re.compile(r"[A-Z][A-Za-z0-9_]*")
_PORT = re.compile(r"(?:in|out)([1-9][0-9]{0,5})?")
_TOP_KEYS = ("schema", "network", "layers", "connections")
_ATTRIBUTE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LAYER_KEYS = ("name", "type", "id", "shape", "output", "learnables", "op", "attributes")


class _Described:
    """One entry of `layers:`, and what the connections say of it."""

    __slots__ = ("id", "inputs", "layer", "output", "outputs", "position", "shape", "sources")

    def __init__(self, layer: Layer, position: int, shape: Shape, *, output: bool) -> None:
        self.layer = layer
        self.id = layer.id
        self.position = position
        self.shape = shape
        self.output = output
        self.inputs: dict[str, tuple[_Described, str]] = {}  # by port: who makes it, and the tensor
        self.outputs: dict[str, str] = {}
        self.sources: tuple[Layer | None, ...] = ()


def network_from_description(data: Any, *, path: str = "<description>") -> Network:
    """The network a description stands for; rules cannot tell it from one that was read from a file.

    Args:
        data: a list of layers, or a mapping with `layers` and perhaps `network`, `connections`, `schema`; plain data.
        path: the network's path, for messages and reports.

    Raises:
        ModelError: the description is malformed, connects what is not there, or has a cycle.
    """
    if isinstance(data, list):
        data = {"layers": data}
    _check_mapping(data, "a network", _TOP_KEYS)
    if data.get("schema", SCHEMA) != SCHEMA:
        _refuse(f"the schema is {_show(data['schema'])}", f"this qlint reads {SCHEMA}")
    entries = data.get("layers")
    if not isinstance(entries, list) or not (entries or "network" in data):
        _refuse("a network needs a list of layers", "write at least one under layers")
    described = _layers(entries)
    if data.get("connections") is None:
        for before, after in zip(list(described.values()), list(described.values())[1:], strict=False):
            _connect(before, "out", after, "in")
    else:
        _read_connections(data["connections"], described)
    ordered = _in_order(list(described.values()))
    for item in ordered:
        _finish(item)
    tensors = {tensor: item.shape for item in ordered for port, tensor in item.outputs.items() if port == "out"}
    return Network(
        [item.layer for item in ordered],
        path=path,
        digest="sha256:" + hashlib.sha256(json.dumps(data, default=str).encode()).hexdigest(),
        properties=_network_properties(data.get("network")),
        shape_of=lambda _, tensor: tensors.get(tensor),
        type_of=lambda _, tensor: "float" if tensor in tensors else None,
        sources=lambda layer: described[layer.id].sources,
    )


def _refuse(problem: str, remedy: str) -> NoReturn:
    raise ModelError(problem, remedy)


def _show(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _check_mapping(data: Any, what: str, keys: tuple[str, ...], *, properties: bool = False) -> None:
    """Refuse what is no mapping or has keys that mean nothing; `properties` allows MATLAB's names as well."""
    if not isinstance(data, dict):
        _refuse(f"{what} must be a mapping, not {_show(data)}", "write key: value entries")
    for key in data:
        if key not in keys and not (properties and isinstance(key, str) and _PROPERTY.fullmatch(key)):
            also = ", or a property in MATLAB's spelling" if properties else ""
            _refuse(f"{what} has no key {_show(key)}", "it may have " + ", ".join(keys) + also)


def _value(value: Any, what: str) -> Value:
    """A property's value; null is unknown, inside lists too."""
    if value is None:
        return Unknown(what)
    if isinstance(value, list):
        return [_value(item, f"an element of {what}") for item in value]
    if not isinstance(value, str | int | float):
        _refuse(f"{what} is {_show(value)}", "write a text, a number, true, false, null or a list of these")
    return value


def _network_properties(data: Any) -> dict[str, Value]:
    if data is None:
        data = {}
    _check_mapping(data, "network", ("class", "release"), properties=True)
    properties: dict[str, Value] = {"Class": "dlnetwork", "Format": "description"}
    for key, value in data.items():
        name = {"class": "Class", "release": "Release"}.get(key, key)
        if name != key and name in data:
            _refuse(f"network has both {key!r} and {name!r}", "keep one of the two")
        properties[name] = _value(value, f"{name} of the network")
    return properties


def _layers(entries: list[Any]) -> dict[str, _Described]:
    """The layers by id, in the order of the description."""
    found: dict[str, _Described] = {}
    numbers: dict[str, int] = {}
    for position, entry in enumerate(entries):
        _check_mapping(entry, "a layer", _LAYER_KEYS, properties=True)
        op = _text(entry, "op") or ""
        type = _text(entry, "type") or (f"onnx:{op}" if op else None)
        if type is None:
            _refuse(f"layer {position + 1} has no type", "add type: reluLayer, say, or op: Relu")
        number = numbers[type] = numbers.get(type, 0) + 1
        name = _text(entry, "name") or f"{type}_{number}"
        id = _text(entry, "id") or name
        if id in found:
            _refuse(f"two layers are called {id!r}", "rename one, or give it an id")
        output = entry.get("output", False)
        if not isinstance(output, bool):
            _refuse(f"output of layer {id!r} is {_show(output)}", "write true or false")
        properties = {
            key: _value(value, f"{key} of layer {name!r}") for key, value in entry.items() if key[:1].isupper()
        }
        facts = (properties, _learnables(entry.get("learnables"), id))
        attribute = _attributes(entry, op, id)
        layer = Layer(id, type, lambda facts=facts: facts, name=name, op=op, attribute=attribute)  # type: ignore[misc]
        found[id] = _Described(layer, position, _shape(entry.get("shape"), id), output=output)
    return found


def _text(entry: dict[str, Any], key: str) -> str | None:
    value = entry.get(key)
    if key in entry and (not isinstance(value, str) or not value):
        _refuse(f"{key} of a layer is {_show(value)}", "write a text")
    return value


def _shape(data: Any, id: str) -> Shape:
    if data is None:
        return None
    if not isinstance(data, list):
        _refuse(f"shape of layer {id!r} is {_show(data)}", "write a list with a number, a symbol or null for each axis")
    for size in data:
        if isinstance(size, bool) or not isinstance(size, int | str | None) or (isinstance(size, int) and size < 0):
            _refuse(f"shape of layer {id!r} has an axis of {_show(size)}", "write a number, a symbol or null")
    return tuple(data)


def _learnables(data: Any, id: str) -> dict[str, Any]:
    if data is None:
        return {}
    _check_mapping(data, f"learnables of layer {id!r}", (), properties=True)
    return {name: DescribedLearnable.read(values, f"{id}/{name}") for name, values in data.items()}


def _attributes(entry: dict[str, Any], op: str, id: str) -> Callable[[str], Value] | None:
    """Reads the attributes of a layer's operator; those that the description leaves out are unknown."""
    data = entry.get("attributes")
    if not op:
        if data is not None:
            _refuse(f"layer {id!r} has attributes but no op", "add op: Conv, say")
        return None
    if not isinstance(data, dict | None):
        _refuse(f"attributes of layer {id!r} must be a mapping, not {_show(data)}", "write name: value entries")
    known = {name: _value(value, f"{name} of layer {id!r}") for name, value in (data or {}).items()}
    for name in known:
        if not isinstance(name, str) or not _ATTRIBUTE.fullmatch(name):
            _refuse(f"{_show(name)} of layer {id!r} is no attribute's name", "write it as ONNX does")
    return lambda name: known[name] if name in known else Unknown(f"{name} of layer {id!r}")


def _read_connections(data: Any, described: dict[str, _Described]) -> None:
    if not isinstance(data, list):
        _refuse(f"connections is {_show(data)}", "write a list of [from, to] pairs")
    for pair in data:
        if not isinstance(pair, list) or len(pair) != 2 or not all(isinstance(end, str) for end in pair):
            _refuse(f"a connection is {_show(pair)}", "write [from, to]")
        _connect(*_end(pair[0], described, "out"), *_end(pair[1], described, "in"))


def _end(word: str, described: dict[str, _Described], default: str) -> tuple[_Described, str]:
    """The layer and port that one end of a connection names; ids may themselves contain slashes."""
    if word in described:
        return described[word], default
    id, _, port = word.rpartition("/")
    if id not in described or not port:
        _refuse(
            f"a connection names {word!r}, which is no layer",
            "use a layer's name, with /in2 or /out2 for a further port",
        )
    return described[id], default if port == f"{default}1" else port


def _connect(before: _Described, out: str, after: _Described, port: str) -> None:
    if port in after.inputs:
        _refuse(
            f"input {port} of {after.id!r} is connected twice", f"number the inputs: {after.id}/in1, {after.id}/in2"
        )
    tensor = before.id if out == "out" else f"{before.id}/{out}"
    before.outputs[out] = tensor
    after.inputs[port] = (before, tensor)


def _in_order(items: list[_Described]) -> list[_Described]:
    """Topological order, as near to the description's as the connections allow."""
    waiting = [len(item.inputs) for item in items]
    readers: list[list[int]] = [[] for _ in items]
    for item in items:
        for before, _ in item.inputs.values():
            readers[before.position].append(item.position)
    ordered = [items[position] for position in in_turn(waiting, readers)]
    if len(ordered) < len(items):
        stuck = next(item.id for item in items if waiting[item.position])
        _refuse(f"the connections form a cycle through or before {stuck!r}", "a network must be free of cycles")
    return ordered


def _port_number(port: str) -> float:
    """Numbered ports come first, by number; named ones (hidden, cell) follow in the order of the connections."""
    match = _PORT.fullmatch(port)
    return int(match[1] or 1) if match else float("inf")


def _finish(item: _Described) -> None:
    """Tell the layer what the connections say of it."""
    ports = sorted(item.inputs, key=_port_number)
    item.layer.is_output = item.output or not item.outputs
    item.outputs.setdefault("out", item.id)
    item.layer.inputs = tuple(item.inputs[port][1] for port in ports)
    item.layer.outputs = tuple(item.outputs[port] for port in sorted(item.outputs, key=_port_number))
    item.sources = tuple(item.inputs[port][0].layer for port in ports)
