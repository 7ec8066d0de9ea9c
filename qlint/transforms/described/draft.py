"""Replacing layers of a description: wires are kept, arrays added and taken away."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from qlint.files.description.records import Body, Connection, End, LayerEntry
from qlint.network.matlab.typed import TypedBody, TypedLayer, typed

if TYPE_CHECKING:
    from qlint.files.description.records import Arrays, Description
    from qlint.files.tensors import Tensor
    from qlint.files.yamlfile import Path

_ALONE = {"in", "out"}
"""Ports that a connection need not name."""


class EditedArrays:
    """The arrays of a description, some replaced, added or taken away; an `Arrays`."""

    __slots__ = ("_base", "_changed")

    def __init__(self, base: Arrays, changed: Mapping[str, Tensor | None]) -> None:
        """`changed` gives arrays by `<layer>/<learnable>`; None takes one away."""
        self._base = base
        self._changed = changed

    def find(self, layer: str, learnable: str) -> Tensor | None:
        """See `Arrays.find`."""
        name = f"{layer}/{learnable}"
        return self._changed[name] if name in self._changed else self._base.find(layer, learnable)

    def names(self) -> tuple[str, ...]:
        """See `Arrays.names`."""
        kept = {name for name in self._base.names() if name not in self._changed}
        return tuple(sorted(kept | {name for name, tensor in self._changed.items() if tensor is not None}))

    def place(self, layer: str, learnable: str) -> Path:
        """See `Arrays.place`."""
        return () if f"{layer}/{learnable}" in self._changed else self._base.place(layer, learnable)


@dataclass(frozen=True, slots=True)
class Replacement:
    """What comes in the place of one layer.

    Attributes:
        entries: the new layers, in order; none where the layer goes and its input is its output.
        inside: connections among them.
        inputs: what takes the data of each of the old layer's input ports, in order.
        outputs: what gives the data of each of its output ports, in order.
        arrays: new arrays, by the full name of their layer and their own; None takes one away.
    """

    entries: tuple[LayerEntry, ...] = ()
    inside: tuple[Connection, ...] = ()
    inputs: tuple[End, ...] = ()
    outputs: tuple[End, ...] = ()
    arrays: Mapping[str, Tensor | None] = field(default_factory=dict)


def with_replaced(description: Description, ask: Callable[[TypedLayer], Replacement | None]) -> Description:
    """The description with layers replaced; the very same where there is nothing to replace.

    Args:
        description: is not changed.
        ask: called with every layer, those of nested networks too; None leaves it as it is.

    Raises:
        DescriptionError: the description contradicts itself.
    """
    arrays: dict[str, Tensor | None] = {}

    def rewritten(body: Body, known: TypedBody) -> Body:
        found: dict[str, Replacement] = {}
        nested: dict[str, Body] = {}
        for name, layer in known.layers.items():
            replacement = ask(layer)
            if replacement is not None:
                found[name] = replacement
                arrays.update(replacement.arrays)
            elif layer.nested is not None and layer.entry.nested is not None:
                inner = rewritten(layer.entry.nested, layer.nested)
                if inner is not layer.entry.nested:
                    nested[name] = inner
        if not found:
            if not nested:
                return body
            layers = {n: replace(e, nested=nested[n]) if n in nested else e for n, e in body.layers.items()}
            return replace(body, layers=layers)
        return _replaced(body, known, found, nested)

    body = rewritten(description.body, typed(description))
    if body is description.body:
        return description
    return replace(description, body=body, arrays=EditedArrays(description.arrays, arrays))


def _replaced(body: Body, known: TypedBody, found: Mapping[str, Replacement], nested: Mapping[str, Body]) -> Body:
    layers: dict[str, LayerEntry] = {}
    wires: list[Connection] = []
    for name, entry in body.layers.items():
        replacement = found.get(name)
        if replacement is None:
            layers[name] = replace(entry, nested=nested[name]) if name in nested else entry
        else:
            layers.update({new.name: new for new in replacement.entries})
            wires += replacement.inside
        for target, source in _wires(known.layers[name], found):
            giver = _giver(source, known, found)
            if giver is not None:
                wires.append(Connection(_written(giver), _written(target)))
    names = list(layers)
    chain = [Connection(End(one), End(next)) for one, next in pairwise(names)]
    # Only a list that was left out may be left out again: someone may have written it for the reader.
    if body.sequential and sorted(map(_key, wires)) == sorted(map(_key, chain)):
        return Body(layers, tuple(chain), sequential=True)
    position = {name: number for number, name in enumerate(names)}
    wires.sort(key=lambda wire: (position[wire.source.layer], position[wire.target.layer]))
    return Body(layers, tuple(wires), sequential=False)


def _wires(layer: TypedLayer, found: Mapping[str, Replacement]) -> Iterator[tuple[End, End]]:
    """What feeds a layer: the input that takes it in the new network, and the output that gave it in the old one."""
    replacement = found.get(layer.entry.name)
    for position, port in enumerate(layer.inputs):
        source = layer.sources.get(port)
        if source is None or (replacement is not None and not replacement.entries):
            continue
        yield (End(layer.entry.name, port) if replacement is None else replacement.inputs[position]), source


def _giver(source: End, known: TypedBody, found: Mapping[str, Replacement]) -> End | None:
    """What gives in the new network what `source` gave in the old one; None for what comes from outside."""
    while (replacement := found.get(source.layer)) is not None:
        layer = known.layers[source.layer]
        if replacement.entries:
            return replacement.outputs[layer.outputs.index(source.port)]
        before = layer.sources.get(layer.inputs[0])
        if before is None:
            return None
        source = before
    return source


def _written(end: End) -> End:
    return End(end.layer) if end.port in _ALONE else end


def _key(wire: Connection) -> tuple[str, str, str, str]:
    return wire.source.layer, wire.source.port, wire.target.layer, wire.target.port
