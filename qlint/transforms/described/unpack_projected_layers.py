"""Projected layers become built-in ones.

A projectedLayer becomes the layers of the network that it holds; of two fully connected layers they are called
`<name>_proj_in` and `<name>_proj_out`. An lstmProjectedLayer or gruProjectedLayer becomes an lstmLayer or gruLayer of
the same name, whose weights are the products of the factors. Source: MathWorks' quantization workflow guide
(prepareNetwork unpacks projected layers, and the names); what a recurrent layer becomes is not said there.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from qlint.files.description.records import Connection, End, LayerEntry
from qlint.files.tensors import Tensor
from qlint.transforms.described.base import Outcome, Rewrite
from qlint.transforms.described.draft import Replacement, with_replaced
from qlint.transforms.described.naming import Names
from qlint.transforms.patch import Declined
from qlint.tristate import Unknown

if TYPE_CHECKING:
    import numpy as np

    from qlint.files.description.records import Arrays, Description
    from qlint.network.matlab.typed import TypedLayer

_RECURRENT = {"lstmProjectedLayer": "lstmLayer", "gruProjectedLayer": "gruLayer"}
_FACTORS = {"InputWeights": "InputProjector", "RecurrentWeights": "OutputProjector"}
_ONLY_PROJECTED = {"InputProjectorSize", "OutputProjectorSize"}
_FULLY_CONNECTED = ["fullyConnectedLayer", "fullyConnectedLayer"]


class UnpackProjectedLayers:
    """See the module."""

    name = "unpack-projected-layers"

    def run(self, description: Description) -> Outcome:
        """See `DescribedTransform.run`."""
        done: list[Rewrite] = []
        declined: list[Declined] = []
        names = Names(description)

        def unpack(layer: TypedLayer) -> Replacement | None:
            kind = layer.type.name
            if kind in _RECURRENT:
                found = _multiplied(layer, description.arrays)
                title = f"multiply its factors out, which gives the {_RECURRENT[kind]}"
            elif kind == "projectedLayer" and layer.nested is not None and layer.entry.nested is not None:
                found = _opened(layer, description.arrays, names)
                title = "unpack it into " + ", ".join(entry.name for entry in found.entries)
            elif kind == "projectedLayer":
                reason = "the description does not give the network inside; write it under Network"
                declined.append(Declined(self.name, layer.name, kind, reason))
                return None
            else:
                return None
            done.append(Rewrite(self.name, "equivalent" if kind in _RECURRENT else "exact", layer.name, kind, title))
            return found

        return Outcome(with_replaced(description, unpack), tuple(done), tuple(declined))


def _multiplied(layer: TypedLayer, arrays: Arrays) -> Replacement:
    entry = layer.entry
    properties = {
        key: value for key, value in entry.properties.items() if key not in (*_ONLY_PROJECTED, *_FACTORS.values())
    }
    made: dict[str, Tensor | None] = {}
    for weights, projector in _FACTORS.items():
        stored, factor = arrays.find(layer.name, weights), arrays.find(layer.name, projector)
        if stored is not None and factor is not None and len(stored.shape) == len(factor.shape) == 2:
            made[f"{layer.name}/{weights}"] = _product(f"{layer.name}/{weights}", stored, factor)
        elif stored is not None:
            made[f"{layer.name}/{weights}"] = None
        if factor is not None:
            made[f"{layer.name}/{projector}"] = None
    new = LayerEntry(entry.name, _RECURRENT[layer.type.name], properties, entry.ignore, entry.path)
    inputs = tuple(End(entry.name, port) for port in layer.inputs)
    return Replacement((new,), (), inputs, tuple(End(entry.name, port) for port in layer.outputs), made)


def _product(name: str, stored: Tensor, factor: Tensor) -> Tensor:
    """W Q' of a stored W Q, computed in float64 when it is asked for."""

    def load() -> np.ndarray | Unknown:
        import numpy as np

        left, right = stored.values(), factor.values()
        if isinstance(left, Unknown):
            return left
        if isinstance(right, Unknown):
            return right
        return (left.astype(np.float64) @ right.astype(np.float64).T).astype(np.float32)

    return Tensor.lazy(name, "float", (stored.shape[0], factor.shape[0]), load)


def _opened(layer: TypedLayer, arrays: Arrays, names: Names) -> Replacement:
    entry, nested, body = layer.entry, layer.nested, layer.entry.nested
    assert nested is not None
    assert body is not None
    prefix = layer.name.removesuffix(entry.name)
    inner = list(body.layers.values())
    stems = [f"{entry.name}_{one.name.removeprefix(f'{entry.name}_')}" for one in inner]
    if [one.type for one in inner] == _FULLY_CONNECTED:
        stems = [f"{entry.name}_proj_in", f"{entry.name}_proj_out"]
    renamed = {one.name: names.fresh(layer, stem) for one, stem in zip(inner, stems, strict=True)}
    moved: dict[str, Tensor | None] = {}
    for array in arrays.names():
        if array.startswith(f"{layer.name}/"):
            moved[array] = None
            below, _, learnable = array[len(layer.name) + 1 :].rpartition("/")
            first, slash, rest = below.partition("/")
            found = arrays.find(f"{layer.name}/{below}", learnable)
            if first in renamed and found is not None:
                moved[f"{prefix}{renamed[first]}{slash}{rest}/{learnable}"] = found
    wires = [
        Connection(End(renamed[end.layer], end.port), End(renamed[name], port))
        for name, one in nested.layers.items()
        for port, end in one.sources.items()
    ]
    return Replacement(
        tuple(replace(one, name=renamed[one.name]) for one in inner),
        tuple(Connection(_plain(wire.source), _plain(wire.target)) for wire in wires),
        tuple(End(renamed[end.layer], end.port) for end in nested.inputs),
        tuple(End(renamed[end.layer], end.port) for end in nested.outputs),
        moved,
    )


def _plain(end: End) -> End:
    return End(end.layer) if end.port in ("in", "out") else end


TRANSFORM = UnpackProjectedLayers()
