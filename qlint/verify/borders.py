"""Values for the border tensors of a region: those of a run, else random ones of the shape that is known or guessed."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any

import numpy as np

from qlint.files.model import Graph, Node, ValueType
from qlint.verify.cut import Region, Values, is_float
from qlint.verify.inputs import MOST_ELEMENTS, OPEN_SIZES, channels, random_values
from qlint.verify.recorder import Recorder

Array = np.ndarray[Any, Any]

_SMALL_SIZES = (8, *OPEN_SIZES[:3])
_RANKS = (4, 3, 5, 2)


def borders(graph: Graph, before: Region, after: Region, seen: Recorder) -> Iterator[dict[str, Array]]:
    """Border values to try: those that were seen, and random ones of the shape that is known or guessed."""
    known = {**after.border, **before.border}
    fixed: dict[str, Array] = {}
    open: dict[str, ValueType] = {}
    random = np.random.default_rng(7)
    for name, type in known.items():
        value, shape = seen.find(graph, name)
        if value is not None:
            fixed[name] = value
        elif shape is not None:
            fixed[name] = random_values(type, shape, random)
        elif type.shape is not None and all(isinstance(size, int) for size in type.shape):
            fixed[name] = random_values(type, tuple(int(size) for size in type.shape if isinstance(size, int)), random)
        else:
            open[name] = type
    if not open:
        if _is_local(before) and _is_local(after):
            yield {name: _lively(_cropped(value), random) for name, value in fixed.items()}
        yield {name: _lively(value, random) for name, value in fixed.items()}
        return
    width = {name: found for name in open if (found := _channels(name, before, after)) is not None}
    for rank in _RANKS if any(type.shape is None for type in open.values()) else _RANKS[:1]:
        for size in _SMALL_SIZES:
            shapes = {name: _guessed(type, rank, size, width.get(name)) for name, type in open.items()}
            if any(prod(shape) > MOST_ELEMENTS for shape in shapes.values()):
                continue
            values = {name: _lively(value, random) for name, value in fixed.items()}
            values |= {name: random_values(open[name], shape, random) for name, shape in shapes.items()}
            yield values


_SHIFTABLE = {"Conv", "ConvTranspose", "AveragePool", "MaxPool"}
_ELEMENTWISE = {"Add", "Clip", "Div", "Dropout", "Identity", "LeakyRelu", "Mul", "PRelu", "Relu", "Sub"}
_LOCAL = {"BatchNormalization", "Concat", "Constant"} | _SHIFTABLE | _ELEMENTWISE
"""Operators that do the same everywhere in an image: a corner of it, with its borders, shows what they do."""

_CORNER = 7


def _is_local(region: Region) -> bool:
    return all(not node.domain and node.op_type in _LOCAL and not _ends_padded(node) for node in region.nodes)


def _ends_padded(node: Node) -> bool:
    """Whether it depends on the size of an image what an average pooling does: does a window reach its padding?"""
    pads = node.attributes.get("pads", ())
    automatic = node.attributes.get("auto_pad", "NOTSET")
    return node.op_type == "AveragePool" and (any(pads[len(pads) // 2 :]) or automatic not in ("NOTSET", "VALID"))


def is_elementwise(region: Region) -> bool:
    """Whether a region treats each element by itself, so that its shapes do not matter."""
    return all(not node.domain and node.op_type in _ELEMENTWISE for node in region.nodes)


def _cropped(value: Array) -> Array:
    """A corner of images; what is no image does not fit any more, and is tried as a whole next."""
    return value[(slice(None), slice(None), *[slice(_CORNER)] * (value.ndim - 2))] if value.ndim > 2 else value


def _channels(name: str, *regions: Region) -> tuple[int, int, int] | None:
    """What the layers of the regions say of a border tensor (see `inputs.channels`)."""
    for region in regions:
        holder = Graph("graph", initializers={**region.constants, **_constants(region)})
        for node in region.nodes:
            found = channels(node, name, holder)
            if found is not None:
                return found
    return None


def _constants(region: Region) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for node in region.nodes:
        value = node.attributes.get("value")
        if node.op_type == "Constant" and hasattr(value, "shape"):
            found[node.outputs[0]] = Values(node.outputs[0], value) if isinstance(value, np.ndarray) else value
    return found


def _guessed(type: ValueType, rank: int, size: int, width: tuple[int, int, int] | None) -> tuple[int, ...]:
    shape = type.shape if type.shape is not None else (None,) * ((width[0] if width else 0) or rank)
    sizes = [found if isinstance(found, int) else (1 if axis == 0 else size) for axis, found in enumerate(shape)]
    if width is not None and width[1] < len(sizes) and not isinstance(shape[width[1]], int):
        sizes[width[1]] = width[2]
    return tuple(sizes)


def _lively(value: Array, random: np.random.Generator) -> Array:
    """Seen values with something in place of zeros, NaN and infinities, behind which mistakes could hide."""
    if not is_float(value.dtype) or not value.size:
        return value
    wide = value.astype(np.float64)
    dead = ~np.isfinite(wide) | (wide == 0)
    if not dead.any():
        return value
    alive = wide[~dead]
    scale = float(np.abs(alive).mean()) if alive.size else 1.0
    filled = random.standard_normal(value.shape) * scale
    if alive.size and alive.min() >= 0:
        filled = np.abs(filled)
    result: Array = np.where(dead, filled, wide).astype(value.dtype)
    return result
