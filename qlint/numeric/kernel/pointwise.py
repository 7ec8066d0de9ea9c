"""Operators that change each element by itself, applied to a result where it was written, and channels last in memory.

A network is full of convolutions that a normalization and an activation follow. Computed one after the other, each
would write all of its result to new memory.

Images are (n, channels, ...), whatever lies where in memory. Depthwise convolutions leave them with the channels of a
place side by side, which those without taps then keep: a matrix product does not care.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from qlint.numeric.kernel.registry import Array, Pointwise

LIMIT = 1 << 18
"""Elements that all functions are applied to before the next: fewer cost more in calls than they save."""

RUN = 1 << 13
"""Elements from which on numpy takes the operands of a product from where they are, and copies neither."""


def last(x: Array) -> bool:
    """Whether images (n, channels, ...) have their channels last in memory, and nothing between."""
    return not x.flags.c_contiguous and x.transpose(0, *range(2, x.ndim), 1).flags.c_contiguous


def empty(shape: tuple[int, ...], dtype: np.dtype[Any], *, channels_last: bool) -> Array:
    """Memory for images (n, channels, ...)."""
    if not channels_last:
        return np.empty(shape, dtype)
    return np.empty((shape[0], *shape[2:], shape[1]), dtype).transpose(0, -1, *range(1, len(shape) - 1))


def applied(x: Array, functions: Sequence[Pointwise]) -> Array:
    """What functions, at least one, make of images (n, channels, ...)."""
    result = empty(x.shape, x.dtype, channels_last=last(x))
    for image, target in zip(x, result, strict=True):
        for piece, channels in _pieces(target):
            functions[0](image[piece], target[piece], channels)
            for function in functions[1:]:
                function(target[piece], target[piece], channels)
    return result


def finish(image: Array, then: Sequence[Pointwise]) -> None:
    """Apply functions in place to an image (channels, ...), or to a part of one that has all channels."""
    if not then:
        return
    for piece, channels in _pieces(image):
        for function in then:
            function(image[piece], image[piece], channels)


def _pieces(image: Array) -> Iterator[tuple[tuple[slice, ...], slice]]:
    """Cut an image (channels, ...) into pieces that each are near one another in memory; which channels they hold."""
    if image.size <= LIMIT:
        yield (), slice(0, len(image))
        return
    axis = 1 if image.strides[0] == image.itemsize and image.ndim > 1 else 0
    length = image.shape[axis]
    step = max(1, LIMIT * length // max(image.size, 1))
    for start in range(0, length, step):
        part = slice(start, min(start + step, length))
        yield ((part,), part) if axis == 0 else ((slice(None), part), slice(0, len(image)))


def turned(image: Array) -> Array:
    """A view with the first axis last. `numpy.moveaxis` takes as long as a small layer does."""
    return image.transpose(*range(1, image.ndim), 0)


class PerChannel:
    """One value for each channel.

    Args:
        values: (channels,).
    """

    def __init__(self, values: Array) -> None:
        self._columns = values[:, None]

    @cached_property
    def _run(self) -> Array:
        """The values over and over, as they lie beside channels that are last in memory."""
        return np.tile(self._columns[:, 0], -(-RUN // max(len(self._columns), 1)))

    def combine(self, function: np.ufunc, source: Array, target: Array, channels: slice) -> None:
        """Combine each element of a piece (channels, ...) with its channel's value; into `target`, perhaps in place."""
        places, out = _places(source), _places(target)
        if places is None or out is None or len(self._columns) != channels.stop - channels.start:
            values = self._columns[channels].reshape(-1, *(1,) * (source.ndim - 1))
            function(source, values, out=target)
            return
        run = self._run.size
        even = places.size // run * run
        if even:
            function(places[:even].reshape(-1, run), self._run, out=out[:even].reshape(-1, run))
        function(places[even:], self._run[: places.size - even], out=out[even:])


def _places(piece: Array) -> Array | None:
    """The elements of a piece (channels, ...) in the order of memory, if its channels are last there."""
    if piece.strides[0] != piece.itemsize:
        return None
    found = turned(piece)
    return found.reshape(-1) if found.flags.c_contiguous else None
