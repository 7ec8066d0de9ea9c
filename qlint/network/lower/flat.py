"""The layers of a description as one list: networkLayers opened, every port wired, in topological order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from qlint.network.matlab.typed import TypedBody, TypedLayer, typed

if TYPE_CHECKING:
    from qlint.files.description.records import Description, End
    from qlint.files.tensors import Tensor
    from qlint.files.yamlfile import Path

FED = "in"
"""Port of an input layer that stands in a network inside another, where data come to it from outside."""

_OPENED = "networkLayer"


@dataclass(slots=True, eq=False)
class FlatLayer:
    """A layer with its wires; the `LayerView` of lowerings.

    Attributes:
        description: it stands in.
        typed: the layer, checked.
        inputs: ports in order, each with the layer and port it is fed from; None for what comes from outside.
        inner: the network that a projectedLayer stands for.
    """

    description: Description
    typed: TypedLayer
    inputs: dict[str, tuple[FlatLayer, str] | None]
    inner: Flat | None = None

    @property
    def name(self) -> str:
        """Full name: `outer/inner` inside a networkLayer."""
        return self.typed.name

    @property
    def type(self) -> str:
        """MATLAB's layer type."""
        return self.typed.entry.type

    @property
    def properties(self) -> Mapping[str, Any]:
        """In normal form, defaults filled in; None for what is not known."""
        return self.typed.properties

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of its output ports."""
        return self.typed.outputs

    @property
    def path(self) -> Path:
        """Where it stands in the document."""
        return self.typed.entry.path

    def property(self, name: str) -> Any:
        """See `qlint.network.lower.base.LayerView.property`."""
        return self.properties.get(name)

    def learnable(self, name: str) -> Tensor | None:
        """See `qlint.network.lower.base.LayerView.learnable`."""
        return self.description.arrays.find(self.name, name)

    def wrong(self, problem: str, remedy: str, *, property: str | None = None) -> NoReturn:
        """See `qlint.network.lower.base.LayerView.wrong`."""
        path = self.path if property is None else (*self.path, property)
        self.description.wrong(path, f"layer {self.name!r}: {problem}", remedy)


@dataclass(slots=True, eq=False)
class Flat:
    """A network without networks inside.

    Attributes:
        layers: in topological order.
        inputs: ports that are fed from outside, in the order of the file; `FED` of an input layer.
        outputs: ports that feed the outside, in the order of the file.
    """

    layers: list[FlatLayer]
    inputs: list[tuple[FlatLayer, str]]
    outputs: list[tuple[FlatLayer, str]]


def flatten(description: Description) -> Flat:
    """Open the networks inside a description's network.

    Raises:
        DescriptionError: a layer, a property or a connection is wrong (see `qlint.network.matlab.typed.typed`).
    """
    return _flat(description, typed(description))


def _flat(description: Description, body: TypedBody) -> Flat:
    """One body, with what is nested in it; recursion is as deep as descriptions may nest."""
    layers: list[FlatLayer] = []
    made: dict[str, FlatLayer | Flat] = {}
    for name, layer in body.layers.items():
        nested = None if layer.nested is None else _flat(description, layer.nested)
        sources = {port: _source(made, layer.sources.get(port)) for port in layer.inputs}
        if nested is not None and layer.type.name == _OPENED:
            made[name] = nested
            layers += nested.layers
            for inside, source in zip(nested.inputs, sources.values(), strict=True):
                if source is not None or inside[1] in inside[0].inputs:
                    inside[0].inputs[inside[1]] = source
            continue
        made[name] = flat = FlatLayer(description, layer, sources, inner=nested)
        layers.append(flat)
    outputs = [found for end in body.outputs if (found := _output(made, end)) is not None]
    inputs = [_input(made, end) for end in body.inputs]
    return Flat(layers, inputs, outputs)


def _source(made: Mapping[str, FlatLayer | Flat], end: End | None) -> tuple[FlatLayer, str] | None:
    if end is None:
        return None
    layer = made[end.layer]
    if isinstance(layer, FlatLayer):
        return layer, end.port
    return layer.outputs[_number(end.port)]


def _output(made: Mapping[str, FlatLayer | Flat], end: End) -> tuple[FlatLayer, str] | None:
    """What leaves the network at an end; at an output layer, what that receives."""
    layer = made[end.layer]
    if end.port or not isinstance(layer, FlatLayer):
        return _source(made, end)
    return next(iter(layer.inputs.values()), None)


def _input(made: Mapping[str, FlatLayer | Flat], end: End) -> tuple[FlatLayer, str]:
    layer = made[end.layer]
    if isinstance(layer, FlatLayer):
        return layer, end.port or FED
    return layer.inputs[_number(end.port)]


def _number(port: str) -> int:
    """Which of a networkLayer's ports: `in` and `in1` are the first."""
    digits = port.lstrip("inout")
    return int(digits) - 1 if digits else 0
