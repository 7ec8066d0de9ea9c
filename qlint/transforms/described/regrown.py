"""The layer that nodes of a described layer amount to, after transforms have changed them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from qlint.files.description.records import End
from qlint.network import inputs
from qlint.network.raising.axes import Axes, Unfit, canonical
from qlint.network.raising.doors import normalization
from qlint.network.raising.network import RaisedLayer, entry
from qlint.network.raising.raising import Raising

if TYPE_CHECKING:
    from qlint.files.model import Node
    from qlint.network.lower.assemble import LoweredLayer


def regrown(
    raising: Raising, nodes: Sequence[Node], arriving: Mapping[str, tuple[str, Axes | None]], item: LoweredLayer
) -> RaisedLayer:
    """Raise the nodes of one layer.

    Args:
        raising: of the prepared model.
        nodes: all that is left of the layer's, or stands in their place.
        arriving: for each tensor that comes in from outside its port, and what its axes are.
        item: the layer as it was lowered.

    Raises:
        Unfit: they are not one layer with the same ports.
    """
    raising.begin()
    if not item.layer.inputs:
        return _input(raising, item)
    for tensor, (port, axes) in arriving.items():
        raising.place(tensor, End("", port), axes)
    for node in nodes:
        raising.raise_node(node)
    if raising.beyond:
        raise Unfit(raising.beyond[0].reason)
    signals = [*item.outputs.values()]
    if len(raising.layers) != 1 or len(signals) != 1:
        raise Unfit("what became of it is not one layer")
    (found,) = raising.layers.values()
    (last,) = (name for name in nodes[-1].outputs[:1])
    placed, signal = raising.where.get(last), signals[0]
    expected = canonical(signal.format.count("S"), time=signal.has_time)
    if placed is None or placed.end.layer not in raising.layers or placed.axes != expected:
        raise Unfit("what became of it puts out data in another layout")
    if [end for _, end in found.inputs] != [End("", port) for port in item.layer.inputs]:
        raise Unfit("what became of it reads other data than before")
    return found


def _input(raising: Raising, item: LoweredLayer) -> RaisedLayer:
    """An input layer, whose nodes are its normalization."""
    name = item.layer.name
    signal = item.outputs["out"]
    found = next((each for each in inputs.find(raising.scope) if each.name == name), None)
    if found is None:
        raise Unfit("its input is gone")
    placed = raising.place(name, End(name, "out"), canonical(signal.format.count("S"), time=signal.has_time))
    layer = RaisedLayer(entry(name, item.layer.type, {"Normalization": "none"}), [])
    if found.nodes:
        properties, arrays = normalization(found, raising.scope, placed)
        layer.entry = entry(name, item.layer.type, properties)
        layer.arrays = {key: array.tensor(f"{name}/{key}") for key, array in arrays.items()}
    return layer
