"""The batch of a network: which sizes count observations, so that amounts can be told for one of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qlint.network.network import Layer, Network, Shape

_FIRST = ("imageInputLayer", "image3dInputLayer", "featureInputLayer")
"""Inputs whose first axis is the batch."""

_RECURRENT = frozenset(("LSTM", "GRU", "RNN"))
_CONVOLUTIONS = frozenset(("Conv", "ConvTranspose"))


@dataclass(frozen=True, slots=True)
class Batch:
    """A network's batch.

    Attributes:
        size: observations in it where the file fixes them, else 1; None where it is not known which axis it is.
        symbols: names that open batch axes go by.
        leads: any open first axis stands for observations, since no input of the network is a sequence of its own.
    """

    size: int | None
    symbols: frozenset[str]
    leads: bool

    def part(self, amount: int) -> int:
        """What of an amount belongs to one observation; all of it where it is no multiple of the batch."""
        return amount // self.size if self.size and amount % self.size == 0 else amount


def find_batch(network: Network) -> Batch:
    """The batch of a network, as its inputs show it, or what reads them; linear in its layers.

    ONNX has the batch first in images, features and what is convolved, and second in what recurrent layers read. A
    sequence that goes elsewhere may have it first or second.
    """
    if network.properties.get("Format") == "description":  # their data have the batch first, whatever it is
        return _batch(set(_sizes(network, (layer for layer in network if not layer.sources))), leads=True)
    images = set(_sizes(network, (layer for layer in network if layer.type in _FIRST and not layer.sources)))
    if images:
        return _batch(images, leads=True)
    read = set(_read(network))
    if read:
        return _batch(read, leads=False)
    shapes = [_shape(network, layer) for layer in network if layer.type == "sequenceInputLayer"]
    leading = {shape[:2] for shape in shapes if shape}
    if any(1 in sizes for sizes in leading) or not leading:
        return Batch(1, frozenset(), leads=not leading)
    if all(isinstance(size, int) for sizes in leading for size in sizes):
        return Batch(None, frozenset(), leads=False)
    return _batch({sizes[0] for sizes in leading}, leads=False)


def _read(network: Network) -> Iterator[int | str | None]:
    """The batch axes of what convolutions read of the inputs, and of what recurrent layers read."""
    for layer in network:
        shape = network.shape(layer, layer.inputs[0]) if layer.inputs and layer.inputs[0] else None
        if layer.op in _RECURRENT and shape and len(shape) > 1:
            yield shape[1]
        elif layer.op in _CONVOLUTIONS and shape and all(s and s.type == "sequenceInputLayer" for s in layer.sources):
            yield shape[0]


def _batch(sizes: set[int | str | None], *, leads: bool) -> Batch:
    fixed = {size for size in sizes if isinstance(size, int)}
    symbols = frozenset(size for size in sizes if isinstance(size, str))
    return Batch(fixed.pop() if len(fixed) == 1 else 1, symbols, leads)


def _sizes(network: Network, layers: Iterable[Layer]) -> Iterator[int | str | None]:
    yield from (shape[0] for layer in layers if (shape := _shape(network, layer)))


def _shape(network: Network, layer: Layer) -> Shape:
    return network.shape(layer, layer.outputs[0]) if layer.outputs and layer.outputs[0] else None
