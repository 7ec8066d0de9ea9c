"""Layers that resize and crop images.

Source: MATLAB's reference pages of resize2dLayer, resize3dLayer and crop2dLayer. Rounding "round" is MATLAB's: halves
go up, as coordinates are not negative; "onnx-10" is what the Resize operator of opset 10 does: up when shrinking, down
when growing. Where the pages leave open what happens, the output's size may be known but not its values: a scale that
gives no whole number of elements, and the middle of an odd remainder.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from qlint.network.lower.base import LayerView, Lowering, Nodes
from qlint.network.lower.opaque import opaque
from qlint.network.lower.operands import ints
from qlint.network.lower.signal import Signal, Size

_ROUNDING = {"round": "round_prefer_ceil", "floor": "floor"}


def _resized(rank: int, layer: LayerView, inputs: list[Signal], nodes: Nodes) -> list[Signal]:
    signal = inputs[0]
    assert signal.shape is not None
    if len(signal.spatial) != rank:
        layer.wrong(f"it needs {rank} spatial dimensions, but its input is {signal.format}", "use a layer that fits it")
    method, geometry, rounding = (
        layer.property(name) for name in ("Method", "GeometricTransformMode", "NearestRoundingMode")
    )
    sizes, scales = _targets(layer, inputs, rank)
    shape = (*signal.shape[:2], *sizes, *signal.shape[2 + rank :])
    nearest = method == "nearest"
    open_rounding = nearest and rounding not in _ROUNDING and not (rounding == "onnx-10" and geometry == "asymmetric")
    if None in (method, geometry) or scales is None or open_rounding:
        return opaque(layer, inputs, nodes, (signal.format, shape))
    attributes: dict[str, Any] = {
        "mode": "nearest" if nearest else "linear",
        "coordinate_transformation_mode": str(geometry).replace("-", "_"),
    }
    if not nearest or rounding in _ROUNDING:
        modes = [(_ROUNDING[rounding] if nearest else None, [*range(rank)])]
    else:  # each way has its rounding, and ONNX's Resize has one for all its axes
        growing = [axis for axis in range(rank) if scales[axis] >= 1]
        shrinking = [axis for axis in range(rank) if scales[axis] < 1]
        modes = [(mode, axes) for mode, axes in (("floor", growing), ("ceil", shrinking)) if axes]
    tensor = signal.tensor
    for number, (mode, axes) in enumerate(modes, start=1):
        tensor = nodes.node(
            "Resize",
            [tensor, "", *_amounts(nodes, [sizes[axis] for axis in axes], [scales[axis] for axis in axes])],
            output=layer.name if number == len(modes) else None,
            attributes={**attributes, "nearest_mode": mode, "axes": [2 + axis for axis in axes]},
        )[0]
    return [Signal(layer.name, signal.format, shape)]


def _targets(layer: LayerView, inputs: list[Signal], rank: int) -> tuple[list[Size], list[float] | None]:
    """Sizes and factors of the spatial axes; no factors where the pages or the input do not tell them."""
    before = inputs[0].spatial
    if len(inputs) > 1:
        sizes = [*inputs[1].spatial]
        if len(sizes) != rank:
            layer.wrong(
                f"its reference is {inputs[1].format}, without {rank} spatial dimensions", "connect another reference"
            )
        return sizes, _factors(before, sizes)
    scale, output = layer.property("Scale"), layer.property("OutputSize")
    if scale is not None:
        products = [n * s if isinstance(n, int) else None for n, s in zip(before, scale, strict=True)]
        sizes = [_whole(product) for product in products]
        told = all(
            size is not None if isinstance(n, int) else float(s).is_integer()
            for n, s, size in zip(before, scale, sizes, strict=True)
        )
        return sizes, [float(s) for s in scale] if told else None
    if output is None:
        return [None] * rank, None
    sizes = [*output]
    if None in sizes:  # keeps the aspect ratio
        ratios = {
            size / n for n, size in zip(before, sizes, strict=True) if isinstance(size, int) and isinstance(n, int)
        }
        ratio = ratios.pop() if len(ratios) == 1 else None
        sizes = [
            size if size is not None else _whole(n * ratio) if isinstance(n, int) and ratio is not None else None
            for n, size in zip(before, sizes, strict=True)
        ]
    return sizes, _factors(before, sizes)


def _factors(before: tuple[Size, ...], after: list[Size]) -> list[float] | None:
    found = [new / old for old, new in zip(before, after, strict=True) if isinstance(old, int) and isinstance(new, int)]
    return found if len(found) == len(before) else None


def _whole(value: float | None) -> int | None:
    """A whole number, up to the rounding of a product; None for others, and for more than a tensor could have."""
    if value is None or not 0.5 <= value < 1 << 31 or abs(value - round(value)) > 1e-6:
        return None
    return round(value)


def _amounts(nodes: Nodes, sizes: list[Size], scales: list[float]) -> list[str]:
    """Inputs of Resize: sizes where they are known, since float32 factors round; else scales."""
    numbers = [size for size in sizes if isinstance(size, int)]
    if len(numbers) == len(sizes):
        return ["", ints(nodes, "sizes", numbers)]
    return [nodes.constant("scales", np.array(scales, np.float32))]


def _cropped(layer: LayerView, inputs: list[Signal], nodes: Nodes) -> list[Signal]:
    """The part of the first input at `Location` [x y], counted from 1, or in its middle; as large as the second."""
    signal, reference = inputs
    assert signal.shape is not None
    if len(signal.spatial) != 2 or len(reference.spatial) != 2:
        layer.wrong(
            f"it crops images by images, but its inputs are {signal.format} and {reference.format}",
            "connect data with two spatial dimensions",
        )
    mode, location = layer.property("Mode"), layer.property("Location")
    shape = (*signal.shape[:2], *reference.spatial, *signal.shape[4:])
    starts = _middle(signal, reference) if mode == "centercrop" else None
    if mode != "centercrop" and isinstance(location, list):
        starts = [location[1] - 1, location[0] - 1]
    sizes = [size for size in reference.spatial if isinstance(size, int)]
    if starts is None or len(sizes) < 2:
        return opaque(layer, inputs, nodes, (signal.format, shape))
    for start, size, length in zip(starts, sizes, signal.spatial, strict=True):
        if isinstance(length, int) and not 0 <= start <= length - size:
            layer.wrong(
                f"{size} elements from the {start + 1}. on do not lie within its input's {length}",
                "crop elsewhere, or by a smaller reference",
            )
    bounds = [starts, [start + size for start, size in zip(starts, sizes, strict=True)], [2, 3]]
    constants = [ints(nodes, stem, values) for stem, values in zip(("starts", "ends", "axes"), bounds, strict=True)]
    nodes.node("Slice", [signal.tensor, *constants], output=layer.name)
    return [Signal(layer.name, signal.format, shape)]


def _middle(signal: Signal, reference: Signal) -> list[int] | None:
    starts = []
    for length, size in zip(signal.spatial, reference.spatial, strict=True):
        if not isinstance(length, int) or not isinstance(size, int) or (length - size) % 2:
            return None
        starts.append((length - size) // 2)
    return starts


LOWERINGS: dict[str, Lowering] = {
    "resize2dLayer": partial(_resized, 2),
    "resize3dLayer": partial(_resized, 3),
    "crop2dLayer": _cropped,
}
