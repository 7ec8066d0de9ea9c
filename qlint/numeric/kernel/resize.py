"""Resize and Upsample: each axis by itself, as a weighted sum of few elements per output element."""

from __future__ import annotations

from math import floor

import numpy as np

from qlint.numeric.kernel.precision import widened
from qlint.numeric.kernel.registry import Array, Call, Result, Unsupported, operator
from qlint.numeric.kernel.sampling import Sampling, coordinates, nearest, weighted


@operator("Upsample")
def upsample(call: Call) -> Result:
    """Resize of before opset 10: asymmetric, nearest ones rounded down."""
    x = call.required(0)
    scales = call.attribute("scales") if call.opset < 9 else [float(s) for s in call.required(1)]
    if scales is None:
        raise Unsupported("Upsample of opset 1")
    sizes = [floor(n * s) for n, s in zip(x.shape, scales, strict=True)]
    how = Sampling(call.attribute("mode", "nearest"), "asymmetric", "floor")
    return _resized(x, list(range(x.ndim)), list(scales), sizes, how, None)


@operator("Resize")
def resize(call: Call) -> Result:
    """To `scales` or `sizes`, of all axes or those that `axes` names."""
    x = call.required(0)
    if call.opset < 11:
        scales = [float(s) for s in call.required(1)]
        sizes = [floor(n * s) for n, s in zip(x.shape, scales, strict=True)]
        how = Sampling(call.attribute("mode", "nearest"), "asymmetric", "floor")
        return _resized(x, list(range(x.ndim)), scales, sizes, how, None)
    axes = [axis % x.ndim for axis in call.attribute("axes") or range(x.ndim)]
    how = Sampling(
        call.attribute("mode", "nearest"),
        call.attribute("coordinate_transformation_mode", "half_pixel"),
        call.attribute("nearest_mode", "round_prefer_floor"),
        call.attribute("cubic_coeff_a", -0.75),
        bool(call.attribute("exclude_outside", 0)),
        bool(call.attribute("antialias", 0)),
        call.attribute("extrapolation_value", 0.0),
    )
    scales, sizes = _targets(call, x, axes)
    roi = call.input(1) if how.transformation == "tf_crop_and_resize" else None
    return _resized(x, axes, scales, sizes, how, roi)


def _targets(call: Call, x: Array, axes: list[int]) -> tuple[list[float], list[int]]:
    """Scale and size of each of the axes."""
    given_scales, given_sizes = call.input(2), call.input(3)
    before = [x.shape[axis] for axis in axes]
    if given_scales is not None and given_scales.size:
        scales = [float(s) for s in given_scales]
        # Scales are float32, and so is their product with a size.
        return scales, [int(np.floor(np.float32(n) * np.float32(s))) for n, s in zip(before, scales, strict=True)]
    if given_sizes is None or not given_sizes.size:
        raise Unsupported("neither scales nor sizes")
    sizes = [int(s) for s in given_sizes]
    scales = [size / n for size, n in zip(sizes, before, strict=True)]
    policy = call.attribute("keep_aspect_ratio_policy", "stretch")
    if policy != "stretch":
        scale = min(scales) if policy == "not_larger" else max(scales)
        scales = [scale] * len(scales)
        sizes = [floor(scale * n + 0.5) for n in before]
    return scales, sizes


def _resized(
    x: Array, axes: list[int], scales: list[float], sizes: list[int], how: Sampling, roi: Array | None
) -> Array:
    result = x if how.mode == "nearest" else widened(x)
    outside: list[tuple[int, Array]] = []
    for index, (axis, scale, size) in enumerate(zip(axes, scales, sizes, strict=True)):
        n = x.shape[axis]
        ends = (float(roi[index]), float(roi[index + len(axes)])) if roi is not None else None
        if scale == 1 and size == n and ends in (None, (0.0, 1.0)):
            continue
        at = coordinates(how.transformation, size, n, scale, ends)
        if how.mode == "nearest":
            result = np.take(result, nearest(at, n, how.rounding), axis)
        else:
            result = _mixed(result, axis, *weighted(at, n, scale, how))
        if roi is not None:
            outside.append((axis, (at < 0) | (at > n - 1)))
    for axis, which in outside:
        if which.any():
            result = result.copy() if result is x else result
            result[(slice(None),) * axis + (which,)] = how.extrapolation
    return result.astype(x.dtype, copy=False)


def _mixed(x: Array, axis: int, places: Array, weights: Array) -> Array:
    """Sum over taps of the elements at `places` times `weights`, both (taps, out)."""
    shape = (-1, *(1,) * (x.ndim - axis - 1))
    total: Array | None = None
    for place, weight in zip(places, weights.astype(x.dtype), strict=True):
        part = np.take(x, place, axis)
        part *= weight.reshape(shape)
        total = part if total is None else np.add(total, part, out=total)
    assert total is not None
    return total
