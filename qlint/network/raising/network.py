"""What raising makes: a network of entries, and what of the nodes it could not say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from qlint.files.description.records import Body, Connection, End, LayerEntry

if TYPE_CHECKING:
    from qlint.files.model import Node
    from qlint.files.tensors import Tensor
    from qlint.network.raising.axes import Axes

_ALONE = {"in", "out"}


@dataclass(frozen=True, slots=True)
class Beyond:
    """A node or tensor that no layer of MATLAB's stands for.

    Attributes:
        layer: the custom layer that stands in its place; "" where nothing does.
        operator: ONNX's, with its domain; "" of an input.
        reason: why.
    """

    layer: str
    operator: str
    reason: str


@dataclass(slots=True)
class RaisedLayer:
    """A layer that nodes amount to.

    Attributes:
        entry: as it is to be written.
        inputs: what feeds its ports.
        nodes: what it stands on.
        arrays: its learnables in MATLAB's order.
    """

    entry: LayerEntry
    inputs: list[tuple[str, End]]
    nodes: tuple[Node, ...] = ()
    arrays: dict[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Door:
    """An input or output of the network of nodes, and what it is in the description.

    Attributes:
        tensor: its name on the node storey.
        end: the layer's port.
        axes: what the tensor's axes are; None where that is not known.
    """

    tensor: str
    end: End
    axes: Axes | None


@dataclass(frozen=True, slots=True)
class Raised:
    """A network of nodes as a description.

    Attributes:
        layers: by name, in topological order.
        inputs, outputs: of the network.
        beyond: what the description cannot say.
    """

    layers: Mapping[str, RaisedLayer]
    inputs: tuple[Door, ...]
    outputs: tuple[Door, ...]
    beyond: tuple[Beyond, ...]

    def body(self) -> Body:
        """Layers and connections; these are implied where each layer feeds the next."""
        wires = [
            Connection(_written(source), _written(End(name, port)))
            for name, layer in self.layers.items()
            for port, source in layer.inputs
        ]
        chain = [Connection(End(one), End(next)) for one, next in pairwise(self.layers)]
        entries = {name: layer.entry for name, layer in self.layers.items()}
        return Body(entries, tuple(wires), sequential=wires == chain)

    def arrays(self) -> dict[str, Tensor]:
        """All learnables, by `<layer>/<learnable>`."""
        return {f"{name}/{key}": array for name, layer in self.layers.items() for key, array in layer.arrays.items()}


def entry(name: str, type: str, properties: Mapping[str, Any], *, custom: bool = False) -> LayerEntry:
    """A layer's entry that stands in no document yet."""
    return LayerEntry(name, type, properties, {}, (), None, custom)


def _written(end: End) -> End:
    return End(end.layer) if end.port in _ALONE else end
