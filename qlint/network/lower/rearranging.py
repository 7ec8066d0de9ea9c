"""Layers that give the same elements another shape.

Source: MATLAB's reference pages of reshapeLayer, depthToSpace2dLayer and spaceToDepthLayer. Reshaping keeps MATLAB's
order of elements, in which the first dimension varies fastest.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from math import prod

from qlint.network.lower.base import LayerView, Lowering, Nodes, known
from qlint.network.lower.opaque import opaque
from qlint.network.lower.operands import ints
from qlint.network.lower.signal import Signal, Size


def _reshaped(layer: LayerView, inputs: list[Signal], nodes: Nodes) -> list[Signal]:
    """`OutputSize` for all dimensions, or with OperationDimension "spatial-channel" for those but batch and time.

    A size for another number of dimensions would change the format, of which the page does not tell.
    """
    signal, target, part = inputs[0], layer.property("OutputSize"), layer.property("OperationDimension")
    if not isinstance(target, list) or signal.shape is None:
        return []
    spatial = len(signal.spatial)
    inner = part == "spatial-channel"
    if part not in ("spatial-channel", "all") or len(target) != (spatial + 1 if inner else len(signal.shape)):
        return []
    # MATLAB's dimensions S..., C, B, T, the last one first: then rows hold what MATLAB's columns hold.
    order = [*([len(signal.shape) - 1] if signal.has_time else []), 0, 1, *range(1 + spatial, 1, -1)]
    kept = len(order) - 1 - spatial
    sizes = [size if size is not None else -1 for size in reversed(target)]
    before = [signal.shape[axis] for axis in order]
    after = [*before[:kept], *_filled(layer, before[kept:], sizes)] if inner else _filled(layer, before, sizes)
    shape = ints(nodes, "shape", [0] * kept + sizes if inner else sizes)
    turned = nodes.node("Transpose", [signal.tensor], attributes={"perm": order})[0]
    reshaped = nodes.node("Reshape", [turned, shape])[0]
    back = [order.index(axis) for axis in range(len(order))]
    nodes.node("Transpose", [reshaped], output=layer.name, attributes={"perm": back})
    return [Signal(layer.name, signal.format, tuple(after[place] for place in back))]


def _filled(layer: LayerView, before: Sequence[Size], sizes: Sequence[int]) -> list[Size]:
    """Sizes after a reshape, with the one that is left open worked out where that can be.

    Raises:
        DescriptionError: the number of elements would change.
    """
    numbers = [size for size in before if isinstance(size, int)]
    fixed = prod(size for size in sizes if size != -1)
    if len(numbers) < len(before):
        symbols = [size for size in before if not isinstance(size, int)]
        rest = symbols[0] if len(symbols) == 1 and prod(numbers) == fixed else None
        return [rest if size == -1 else size for size in sizes]
    total = prod(numbers)
    if total % fixed or (-1 not in sizes and total != fixed):
        layer.wrong(f"its input's {total} elements do not fill OutputSize", "mend OutputSize", property="OutputSize")
    return [total // fixed if size == -1 else size for size in sizes]


def _blocks(into_depth: bool, layer: LayerView, inputs: list[Signal], nodes: Nodes) -> list[Signal]:
    """Blocks of [height width] to channels, or back.

    A block's elements become groups of channels, by rows ("dcr"), or each channel becomes a group ("crd", one way
    only). What fills no block is dropped.
    """
    signal, block = inputs[0], layer.property("BlockSize")
    mode = "dcr" if into_depth else layer.property("Mode")
    if block is None or mode is None or signal.shape is None:
        return []
    if len(signal.spatial) != 2:
        layer.wrong(f"it needs two spatial dimensions, but its input is {signal.format}", "use it on images")
    channels, (tall, wide) = known(layer, signal.channels, "number of channels"), block
    area = tall * wide
    if not into_depth and channels % area:
        layer.wrong(f"its input's {channels} channels are not blocks of {tall} by {wide}", "mend BlockSize")
    if into_depth and any(isinstance(n, int) and n < step for n, step in zip(signal.spatial, block, strict=True)):
        layer.wrong(f"its input holds no block of {tall} by {wide}", "make the blocks smaller", property="BlockSize")
    if into_depth:
        spatial = [_floored(size, step) for size, step in zip(signal.spatial, block, strict=True)]
        channels *= area
    else:
        spatial = [
            size * step if isinstance(size, int) else None for size, step in zip(signal.spatial, block, strict=True)
        ]
        channels //= area
    shape = (signal.batch, channels, *spatial, *signal.shape[4:])
    tensor = _whole_blocks(nodes, signal, block) if into_depth else signal.tensor
    if tall == wide and not signal.has_time:
        attributes = {"blocksize": tall, "mode": None if into_depth else mode.upper()}
        nodes.node("SpaceToDepth" if into_depth else "DepthToSpace", [tensor], output=layer.name, attributes=attributes)
        return [Signal(layer.name, signal.format, shape)]
    high, broad = spatial if into_depth else signal.spatial
    if not isinstance(high, int) or not isinstance(broad, int):
        return opaque(layer, inputs, nodes, (signal.format, shape))
    rest = [-1] if signal.has_time else []
    last = [6] if signal.has_time else []
    if into_depth:  # [B, C, H, tall, W, wide] -> [B, tall, wide, C, H, W]
        split, order = [0, channels // area, high, tall, broad, wide], [0, 3, 5, 1, 2, 4]
    elif mode == "dcr":  # [B, tall, wide, C, H, W] -> [B, C, H, tall, W, wide]
        split, order = [0, tall, wide, channels, high, broad], [0, 3, 4, 1, 5, 2]
    else:  # [B, C, tall, wide, H, W] -> [B, C, H, tall, W, wide]
        split, order = [0, channels, tall, wide, high, broad], [0, 1, 4, 2, 5, 3]
    parts = nodes.node("Reshape", [tensor, ints(nodes, "parts", split + rest)])[0]
    moved = nodes.node("Transpose", [parts], attributes={"perm": order + last})[0]
    joined = [0, channels, *(size for size in spatial if isinstance(size, int)), *rest]
    nodes.node("Reshape", [moved, ints(nodes, "shape", joined)], output=layer.name)
    return [Signal(layer.name, signal.format, shape)]


def _floored(size: Size, step: int) -> Size:
    return size // step if isinstance(size, int) else None


def _whole_blocks(nodes: Nodes, signal: Signal, block: Sequence[int]) -> str:
    """The data without the rows and columns that fill no block."""
    ends = {
        axis: size - size % step
        for axis, (size, step) in enumerate(zip(signal.spatial, block, strict=True), start=2)
        if isinstance(size, int) and size % step
    }
    if not ends:
        return signal.tensor
    bounds = ([0] * len(ends), [*ends.values()], [*ends])
    constants = [ints(nodes, stem, values) for stem, values in zip(("starts", "ends", "axes"), bounds, strict=True)]
    return nodes.node("Slice", [signal.tensor, *constants])[0]


LOWERINGS: dict[str, Lowering] = {
    "reshapeLayer": _reshaped,
    "depthToSpace2dLayer": partial(_blocks, False),
    "spaceToDepthLayer": partial(_blocks, True),
}
