"""Where the elements of a resized axis come from, and with what weights."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import numpy as np

from qlint.numeric.kernel.registry import Array, Unsupported


@dataclass(frozen=True, slots=True)
class Sampling:
    """How to resize; attributes of Resize under shorter names."""

    mode: str
    transformation: str
    rounding: str
    cubic: float = -0.75
    exclude_outside: bool = False
    antialias: bool = False
    extrapolation: float = 0.0


def coordinates(transformation: str, size: int, n: int, scale: float, ends: tuple[float, float] | None) -> Array:
    """Where each of `size` output elements lies in the `n` input elements of an axis.

    Raises:
        Unsupported: for an unknown transformation.
    """
    out = np.arange(size, dtype=np.float64)
    if transformation == "half_pixel":
        return (out + 0.5) / scale - 0.5
    if transformation == "half_pixel_symmetric":
        # As if the output had scale * n elements, of which `size` in the middle are taken.
        adjustment = size / (scale * n)
        return n / 2 * (1 - adjustment) + (out + 0.5) / scale - 0.5
    if transformation == "pytorch_half_pixel":
        return (out + 0.5) / scale - 0.5 if size > 1 else np.full(size, -0.5)
    if transformation == "align_corners":
        return out * (n - 1) / (scale * n - 1) if size > 1 else np.zeros(size)
    if transformation == "asymmetric":
        return out / scale
    if transformation == "tf_crop_and_resize" and ends is not None:
        start, end = ends
        if size > 1:
            return start * (n - 1) + out * (end - start) * (n - 1) / (size - 1)
        return np.full(size, 0.5 * (start + end) * (n - 1))
    raise Unsupported(f"coordinate transformation {transformation}")


def nearest(at: Array, n: int, rounding: str) -> Array:
    """The element at each coordinate.

    Raises:
        Unsupported: for an unknown rounding.
    """
    if rounding == "round_prefer_floor":
        place = np.ceil(at - 0.5)
    elif rounding == "round_prefer_ceil":
        place = np.floor(at + 0.5)
    elif rounding == "floor":
        place = np.floor(at)
    elif rounding == "ceil":
        place = np.ceil(at)
    else:
        raise Unsupported(f"nearest_mode {rounding}")
    return np.clip(place, 0, n - 1).astype(np.int64)


def _cubic(distance: Array, a: float) -> Array:
    x = np.abs(distance)
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = ((x - 5) * x + 8) * x * a - 4 * a
    return np.where(x <= 1, near, np.where(x < 2, far, 0.0))


def weighted(at: Array, n: int, scale: float, how: Sampling) -> tuple[Array, Array]:
    """Elements and weights of each output element of a linear or cubic axis.

    Args:
        at: coordinates, (out,).
        n: elements of the input.
        scale: size of the output by that of the input.
        how: how to resize.

    Returns:
        Places and weights, (taps, out) each; places outside of the input are those of its edges.

    Raises:
        Unsupported: for an unknown mode.
    """
    if how.mode not in ("linear", "cubic"):
        raise Unsupported(f"mode {how.mode}")
    reach = 1 if how.mode == "linear" else 2
    stretch = max(1.0, 1 / scale) if how.antialias else 1.0  # shrinking widens the filter
    half = ceil(reach * stretch)
    base = np.floor(at)
    places = base + np.arange(1 - half, half + 1)[:, None]
    distance = (places - at) / stretch
    weights = np.maximum(1 - np.abs(distance), 0) if how.mode == "linear" else _cubic(distance, how.cubic)
    if how.exclude_outside:
        weights = np.where((places >= 0) & (places < n), weights, 0)
    if how.exclude_outside or how.antialias:
        weights = weights / weights.sum(0)
    return np.clip(places, 0, n - 1).astype(np.int64), weights
