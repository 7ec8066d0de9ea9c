"""Readers shared by layers that slide a window: filter and pool sizes, strides, padding.

Source: ONNX operator specification (Conv, ConvTranspose, MaxPool, AveragePool); MATLAB's property order is
[height width depth], padding [top bottom left right] in 2-D, [left right] in 1-D and [t l f; b r k] in 3-D.
"""

from __future__ import annotations

from typing import Any

from qlint.network.network import Shape, Value
from qlint.network.view import View
from qlint.tristate import Unknown


def matlab_sizes(sizes: list[int]) -> Value:
    """MATLAB keeps 1-D sizes as scalars."""
    return sizes[0] if len(sizes) == 1 else sizes


def _weights(view: View) -> tuple[str, Shape]:
    """The weights' tensor and its shape, which is known of constants and may be of others; () where there are none."""
    position = 3 if view.node.op_type == "QLinearConv" else 1
    parameter = view.parameter(position)
    return view.name(position), view.shape(position) if parameter is None else parameter.shape


def spatial_rank(view: View) -> int | None:
    """Number of spatial axes: from the weights, the kernel, or the input."""
    _, weights = _weights(view)
    if weights is not None:
        return len(weights) - 2
    kernel = view.attribute("kernel_shape")
    if kernel:
        return len(kernel)
    rank = view.rank()
    return None if rank is None else rank - 2


def kernel(view: View) -> list[int] | Unknown:
    """Kernel sizes: the attribute, or the weights' spatial axes."""
    given = view.attribute("kernel_shape")
    if given:
        return list(given)
    name, shape = _weights(view)
    if shape is None or any(not isinstance(size, int) for size in shape[2:]):
        return Unknown(f"shape of {name!r}")
    return [size for size in shape[2:] if isinstance(size, int)]


def per_axis(view: View, attribute: str) -> list[int]:
    """An attribute with one number per spatial axis; 1 where absent."""
    return list(view.attribute(attribute) or [1] * (spatial_rank(view) or 2))


def size(view: View) -> Value:
    """`kernel_shape`, or the spatial axes of the weights."""
    found = kernel(view)
    return found if isinstance(found, Unknown) else matlab_sizes(found)


def stride(view: View) -> Value:
    """`strides`."""
    return matlab_sizes(per_axis(view, "strides"))


def dilation(view: View) -> Value:
    """`dilations`."""
    return matlab_sizes(per_axis(view, "dilations"))


def padding_mode(view: View) -> Value:
    """`auto_pad`: SAME_UPPER is "same"; MATLAB has no SAME_LOWER, which is "manual" with its computed sizes."""
    return "same" if view.attribute("auto_pad", "NOTSET") == "SAME_UPPER" else "manual"


def pads(view: View) -> list[int] | Unknown:
    """ONNX's pads [begin..., end...], with `auto_pad` worked out from the input's size."""
    mode = view.attribute("auto_pad", "NOTSET")
    rank = spatial_rank(view) or 2
    if mode in ("NOTSET", ""):
        return list(view.attribute("pads") or [0] * (2 * rank))
    if mode == "VALID":
        return [0] * (2 * rank)
    window = kernel(view)
    if isinstance(window, Unknown):
        return window
    begins, ends = [], []
    for axis, (width, step, spread) in enumerate(
        zip(window, per_axis(view, "strides"), per_axis(view, "dilations"), strict=True)
    ):
        reach = (width - 1) * spread + 1
        length = view.size(axis + 2)
        if isinstance(length, Unknown):
            if step != 1:
                return length
            length = reach  # with a stride of 1 the padding does not depend on the length
        total = max((-(-length // step) - 1) * step + reach - length, 0)
        small, large = total // 2, total - total // 2
        begins.append(small if mode == "SAME_UPPER" else large)
        ends.append(large if mode == "SAME_UPPER" else small)
    return begins + ends


def matlab_padding(values: list[int]) -> Value:
    """ONNX's [begin..., end...] in MATLAB's order."""
    rank = len(values) // 2
    begins, ends = values[:rank], values[rank:]
    if rank <= 2:
        return [pad for pair in zip(begins, ends, strict=True) for pad in pair]
    return [begins, ends]


def padding_size(view: View) -> Value:
    """`pads` or `auto_pad`; a ceil_mode overhang has no MATLAB equal and is unknown."""
    over = overhang(view)
    if isinstance(over, Unknown):
        return over
    if over:
        return Unknown("padding of a ceil_mode overhang, for which MATLAB has no equal")
    found = pads(view)
    return found if isinstance(found, Unknown) else matlab_padding(found)


def overhang(view: View) -> bool | Unknown:
    """Whether `ceil_mode` lets the last window reach past the padded input."""
    if not view.attribute("ceil_mode", 0) or view.attribute("auto_pad", "NOTSET") not in ("NOTSET", ""):
        return False
    window, edges = kernel(view), pads(view)
    if isinstance(window, Unknown) or isinstance(edges, Unknown):
        return window if isinstance(window, Unknown) else False
    rank = len(window)
    steps, spreads = per_axis(view, "strides"), per_axis(view, "dilations")
    unknown: Unknown | None = None
    for axis in range(rank):
        if steps[axis] == 1:
            continue
        length = view.size(axis + 2)
        if isinstance(length, Unknown):
            unknown = unknown or length
            continue
        reach = (window[axis] - 1) * spreads[axis] + 1
        rest = (length + edges[axis] + edges[axis + rank] - reach) % steps[axis]
        # A window that would start in the end padding is dropped (specification of MaxPool and AveragePool).
        starts = -(-(length + edges[axis] + edges[axis + rank] - reach) // steps[axis]) * steps[axis]
        if rest and starts < length + edges[axis]:
            return True
    return unknown if unknown is not None else False


def padding_value(view: View) -> Value:
    """`count_include_pad`: 1 is 0, 0 is "mean"; 0 where no padding is in effect; unknown with a ceil_mode overhang."""
    over = overhang(view)
    if over is True:
        return Unknown("padding value of a ceil_mode overhang, for which MATLAB has no equal")
    edges = pads(view)
    if isinstance(over, Unknown):
        return over
    if view.attribute("count_include_pad", 0):
        return 0
    if isinstance(edges, Unknown):
        return edges
    return "mean" if any(edges) else 0


def channels(axis: int, position: int) -> Any:
    """A reader of one axis of the weights."""

    def read(view: View) -> Value:
        weights = view.parameter(position)
        shape = weights.shape if weights is not None else None
        if shape is None or not isinstance(shape[axis], int):
            return Unknown(f"shape of {view.name(position)!r}")
        return shape[axis]

    read.__doc__ = f"axis {axis} of the weights."
    return read
