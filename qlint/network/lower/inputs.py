"""Input layers and their normalization.

Source: MATLAB's reference pages of these layers. "zerocenter" subtracts Mean; "zscore" also divides by
StandardDeviation; "rescale-zero-one" brings Min to 0 and Max to 1, "rescale-symmetric" to -1 and 1. Statistics hold
for all elements (one number), per channel, or per element ([height width depth channels]). A division by a statistic
of zero is carried out: the pages make no exception for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from math import prod
from typing import Any

import numpy as np

from qlint.network.lower.base import LayerView, Lowering, Nodes
from qlint.network.lower.opaque import opaque
from qlint.network.lower.signal import Signal, Size, layout

_BATCH, _TIME = "N", "T"

_Values = Mapping[str, np.ndarray]


def _sized(rank: int | None, layer: LayerView, inputs: list[Signal], nodes: Nodes) -> list[Signal]:
    """An input layer with `InputSize` [spatial... channels]; of a sequence input (rank None) as many as it has."""
    size = layer.property("InputSize")
    if size is None and rank is None:
        return [nodes.input("", None)]
    given: list[Size] = [None] * ((rank or 0) + 1) if size is None else size if isinstance(size, list) else [size]
    spatial, timed = len(given) - 1, rank is None
    shape = (_BATCH, given[-1], *given[:-1], *([_TIME] if timed else []))
    return [_normalized(layer, nodes.input(layout(spatial, time=timed), shape), nodes)]


def _formatted(layer: LayerView, inputs: list[Signal], nodes: Nodes) -> list[Signal]:
    """An inputLayer: sizes in the order of its format's letters."""
    size, letters = layer.property("InputSize"), layer.property("InputFormat")
    if size is None or letters is None:
        return [nodes.input("", None)]
    sizes: list[Size] = size if isinstance(size, list) else [size]
    if len(sizes) != len(letters):
        layer.wrong(
            f"InputSize has {len(sizes)} elements, but InputFormat {letters} has {len(letters)} dimensions",
            "give one size for each letter, null where it varies",
            property="InputSize",
        )
    if any(letters.count(letter) > 1 for letter in "CBT"):
        layer.wrong(f"InputFormat {letters} has a dimension twice", "only S and U may repeat", property="InputFormat")
    if "U" in letters or "C" not in letters:
        return [nodes.input("", None)]
    found = dict(zip(letters, sizes, strict=True))
    spatial = [size for letter, size in zip(letters, sizes, strict=True) if letter == "S"]
    batch = (found["B"] or _BATCH) if "B" in found else 1
    time = [found["T"] or _TIME] if "T" in found else []
    return [nodes.input(layout(len(spatial), time=bool(time)), (batch, found["C"], *spatial, *time))]


def _normalized(layer: LayerView, signal: Signal, nodes: Nodes) -> Signal:
    """The input after its normalization: in the forms by which qlint knows it again in ONNX."""
    assert signal.shape is not None
    kind = layer.property("Normalization")
    output = f"{layer.name}/normalized"
    if layer.property("SplitComplexInputs"):  # real and imaginary parts as channels; ONNX has no complex data
        channels = 2 * signal.channels if isinstance(signal.channels, int) else None
        return _closed(layer, signal, nodes, (signal.shape[0], channels, *signal.shape[2:]))
    if kind == "none":
        return signal
    if kind not in _STEPS:  # a function handle, or not known
        return _closed(layer, signal, nodes, signal.shape)
    tensor, steps = signal.tensor, _STEPS[kind]
    for number, (operator, stem, needs, compute) in enumerate(steps, start=1):
        constant = _statistic(layer, signal, nodes, stem, needs, compute)
        last = number == len(steps)
        tensor = nodes.node(operator, [tensor, constant], output=output if last else None)[0]
    return signal.renamed(tensor)


def _closed(layer: LayerView, signal: Signal, nodes: Nodes, shape: tuple[Size, ...]) -> Signal:
    return opaque(layer, [signal], nodes, (signal.format, shape), output=f"{layer.name}/normalized")[0]


def _scaled(width: float, values: _Values) -> np.ndarray:
    found: np.ndarray = width / (values["Max"].astype(np.float64) - values["Min"])
    return found


def _shifted(width: float, low: float, values: _Values) -> np.ndarray:
    found: np.ndarray = low - values["Min"] * _scaled(width, values)
    return found


def _rescaling(width: float, low: float) -> tuple[Any, ...]:
    """[Min, Max] to [low, low + width], as a factor and an offset."""
    limits = ("Min", "Max")
    return (("Mul", "scale", limits, partial(_scaled, width)), ("Add", "offset", limits, partial(_shifted, width, low)))


_MEAN = ("Sub", "Mean", ("Mean",), lambda values: values["Mean"])
_STEPS: dict[str, tuple[tuple[str, str, tuple[str, ...], Callable[[_Values], np.ndarray]], ...]] = {
    "zerocenter": (_MEAN,),
    "zscore": (
        _MEAN,
        ("Div", "StandardDeviation", ("StandardDeviation",), lambda values: values["StandardDeviation"]),
    ),
    "rescale-symmetric": _rescaling(2.0, -1.0),
    "rescale-zero-one": _rescaling(1.0, 0.0),
}


def _statistic(
    layer: LayerView,
    signal: Signal,
    nodes: Nodes,
    stem: str,
    needs: tuple[str, ...],
    compute: Callable[[_Values], np.ndarray],
) -> str:
    """A constant made of statistics, at once where they are properties, else when the arrays are read."""
    written = {name: np.asarray(layer.property(name), np.float64) for name in needs if layer.property(name) is not None}
    missing = [name for name in needs if name not in written]
    arrays = {name: layer.learnable(name) for name in missing}
    shapes = {name: values.shape for name, values in written.items()}
    shapes |= {name: tensor.shape for name, tensor in arrays.items() if tensor is not None}
    forms = {name: _form(layer, signal, name, shape) for name, shape in shapes.items()}
    shape = np.broadcast_shapes(*(forms.get(name, _per_channel(signal)) for name in needs))

    def arrange(*values: np.ndarray) -> np.ndarray:
        given = {**written, **dict(zip(missing, values, strict=True))}
        with np.errstate(all="ignore"):
            found = compute({name: _channels_first(given[name], forms[name]) for name in needs})
        return np.broadcast_to(found, shape).astype(np.float32)

    if not missing:
        return nodes.constant(stem, arrange())
    return nodes.learnable(stem, shape, arrange, of=missing)


def _per_channel(signal: Signal) -> tuple[int, ...]:
    """Shape of a statistic per channel, which broadcasts over the data."""
    assert signal.shape is not None
    channels = signal.channels if isinstance(signal.channels, int) else 1
    return (channels, *[1] * (len(signal.shape) - 2))


def _form(layer: LayerView, signal: Signal, name: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Shape in ONNX's order of a statistic that has `shape` in MATLAB's.

    Raises:
        DescriptionError: it fits neither all elements, nor the channels, nor each element.
    """
    count = prod(shape)
    if count == 1:
        return ()
    if count == signal.channels:
        return _per_channel(signal)
    sizes = (*signal.spatial, signal.channels)
    if (*shape, *[1] * (len(sizes) - len(shape))) == sizes:
        numbers = [size for size in sizes if isinstance(size, int)]
        return (numbers[-1], *numbers[:-1], *[1] * signal.has_time)
    wanted = " ".join("?" if size is None else str(size) for size in sizes)
    layer.wrong(
        f"{name} is [{' '.join(map(str, shape))}]",
        f"give one number, one for each of the {signal.channels} channels, or [{wanted}] for each element",
    )


def _channels_first(values: np.ndarray, form: tuple[int, ...]) -> np.ndarray:
    """A statistic in ONNX's order."""
    if len(form) < 2 or prod(form[1:]) == 1:
        return values.reshape(form)
    return np.moveaxis(values.reshape(*form[1:], form[0]), -1, 0)


LOWERINGS: dict[str, Lowering] = {
    "imageInputLayer": partial(_sized, 2),
    "image3dInputLayer": partial(_sized, 3),
    "featureInputLayer": partial(_sized, 0),
    "sequenceInputLayer": partial(_sized, None),
    "inputLayer": _formatted,
}
