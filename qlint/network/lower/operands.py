"""Arrays and numbers that are combined with the data element by element.

They may have any size that expands to the data's. A plain list (one axis, which MATLAB does not have) goes with the
channels; an array of more axes goes axis by axis with the data format, as MATLAB's implicit expansion has it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import TypeAlias

import numpy as np

from qlint.network.lower.base import LayerView, Nodes
from qlint.network.lower.placing import shown, trimmed
from qlint.network.lower.signal import Signal, Size

_Expansion: TypeAlias = tuple[tuple[int, ...], Callable[[np.ndarray], np.ndarray]]

_EXPANDS = "give one number, a plain list with one for each channel, or an array that expands to the input's size"


def ints(nodes: Nodes, stem: str, values: Sequence[int]) -> str:
    """A constant with one axis, such as ONNX takes axes and shapes in."""
    return nodes.constant(stem, np.asarray(values, np.int64))


def number(nodes: Nodes, stem: str, value: float) -> str:
    """A scalar constant."""
    with np.errstate(over="ignore"):  # infinite then, as MATLAB's single
        return nodes.constant(stem, np.asarray(value, np.float32))


def onnx_order(format: str) -> list[int]:
    """For each ONNX axis (B, C, S..., T) its position in the format: "SSCB" gives [3, 2, 0, 1]."""
    axes = [format.index("B"), format.index("C")]
    return axes + [at for at, label in enumerate(format) if label in "ST"]


def sizes_in_format(signal: Signal) -> tuple[Size, ...]:
    """A signal's sizes in MATLAB's order, [h w c n] for "SSCB"."""
    sizes: dict[int, Size] = dict(zip(onnx_order(signal.format), signal.shape or (), strict=True))
    return tuple(sizes[at] for at in sorted(sizes))


def channelwise(signal: Signal, count: int) -> tuple[int, ...]:
    """Shape of one number for each channel, such that it expands to the signal: [c, 1, 1] for images."""
    return (count, *(1 for _ in signal.format[2:]))


def operand(layer: LayerView, nodes: Nodes, name: str, signal: Signal) -> str:
    """A property or learnable that expands to a signal, as a tensor that does the same in ONNX.

    Where the description gives nothing, it is a learnable of one number for each channel, with values not known.

    Raises:
        DescriptionError: its size does not expand to the signal's.
    """
    given, value = layer.learnable(name), layer.property(name)
    if given is not None:
        shape, arrange = _expanding(layer, name, given.shape, signal)
        return nodes.learnable(name, shape, arrange)
    if value is not None:
        values = np.asarray(value, np.float32)
        return nodes.constant(name, _expanding(layer, name, values.shape, signal)[1](values))
    return nodes.learnable(name, channelwise(signal, signal.channels) if isinstance(signal.channels, int) else ())


def _expanding(layer: LayerView, name: str, given: tuple[int, ...], signal: Signal) -> _Expansion:
    """Its shape in ONNX's order, without the batch axis, and what brings its values there."""
    if prod(given) == 1:
        return (), lambda values: values.reshape(())
    if len(given) == 1:
        if isinstance(signal.channels, int) and signal.channels != given[0]:
            layer.wrong(f"{name} has {given[0]} numbers for {signal.channels} channels", _EXPANDS, property=name)
        shape = channelwise(signal, given[0])
        return shape, lambda values: values.reshape(shape)
    whole, kept = sizes_in_format(signal), trimmed(given)
    padded = (*kept, *(1 for _ in whole[len(kept) :]))
    fits = len(padded) == len(whole) and all(
        size in (1, other) or (not isinstance(other, int) and signal.format[at] != "B")
        for at, (size, other) in enumerate(zip(padded, whole, strict=False))
    )
    if not fits:
        layer.wrong(
            f"{name} of size {shown(given)} does not expand to {signal.format} data of size {shown(whole)}",
            _EXPANDS,
            property=name,
        )
    order = onnx_order(signal.format)
    return tuple(padded[at] for at in order)[1:], lambda values: values.reshape(padded).transpose(order)[0]
