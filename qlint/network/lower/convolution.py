"""Convolutions and transposed convolutions.

Source: MATLAB's reference pages of these layers. A convolution is ONNX's (a correlation, no filter is turned round);
filters stand as [height width depth channels filters], of a grouped convolution [height width channels-per-group
filters-per-group groups], of a transposed one [height width depth filters channels].
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from qlint.network.lower.base import LayerView, Lowering, Nodes, known
from qlint.network.lower.opaque import opaque
from qlint.network.lower.padding import fits, padded
from qlint.network.lower.placing import placed, vector
from qlint.network.lower.signal import Signal, Size
from qlint.network.lower.sliding import Window, axes_of, flat, window
from qlint.network.matlab.windows import listed, pairs

if TYPE_CHECKING:
    from typing import Any

_Weights = Callable[[Nodes, Window], str]


def _plain(rank: int, layer: LayerView, inputs: list[Signal], nodes: Nodes) -> list[Signal]:
    filters = layer.property("NumFilters")
    if filters is None:
        return []
    channels = _channels(layer, inputs[0])

    def weights(nodes: Nodes, slid: Window) -> str:
        return placed(
            layer,
            nodes,
            "Weights",
            (*slid.kernel[:rank], channels, filters),
            order=(rank + 1, rank, *range(rank)),
            into=(filters, channels, *slid.kernel),
        )

    return _convolved(layer, inputs[0], nodes, rank, weights, filters, 1)


def _grouped(layer: LayerView, inputs: list[Signal], nodes: Nodes) -> list[Signal]:
    groups, each = layer.property("NumGroups"), layer.property("NumFiltersPerGroup")
    if groups is None or each is None:
        return []
    channels = known(layer, inputs[0].channels, "number of channels")
    groups = channels if groups == "channel-wise" else groups
    per_group = layer.property("NumChannelsPerGroup")
    if channels % groups or (per_group is not None and per_group * groups != channels):
        layer.wrong(
            f"its input's {channels} channels are not {groups} groups of {per_group or 'equally many'} channels",
            "mend NumGroups or NumChannelsPerGroup, or the layer before it",
        )
    filters = groups * each

    def weights(nodes: Nodes, slid: Window) -> str:
        return placed(
            layer,
            nodes,
            "Weights",
            (*slid.kernel[:2], channels // groups, each, groups),
            order=(4, 3, 2, 0, 1),
            into=(filters, channels // groups, *slid.kernel),
        )

    return _convolved(layer, inputs[0], nodes, 2, weights, filters, groups)


def _convolved(
    layer: LayerView, signal: Signal, nodes: Nodes, rank: int, weights: _Weights, filters: int, groups: int
) -> list[Signal]:
    """A convolution, with its padding before it where that is not of zeros."""
    slid = window(layer, signal, rank, "FilterSize")
    value = layer.property("PaddingValue")
    if slid is None or value is None:
        return []
    shape = (signal.batch, filters, *slid.sizes(layer))
    tensor = signal.tensor
    if value != 0:
        pads = slid.known_pads
        if pads is None or not fits(slid.lengths, pads, value):
            return opaque(layer, [signal], nodes, (signal.format, shape))
        if any(map(any, pads)):
            tensor = padded(nodes, tensor, pads, value)
            slid = slid.unpadded()
    nodes.node(
        "Conv",
        [tensor, weights(nodes, slid), vector(layer, nodes, "Bias", filters)],
        output=layer.name,
        attributes={**slid.attributes(), "group": groups if groups > 1 else None},
    )
    return [Signal(layer.name, signal.format, shape)]


def _transposed(rank: int, layer: LayerView, inputs: list[Signal], nodes: Nodes) -> list[Signal]:
    """ONNX's ConvTranspose; "same" crops to size times stride, what is uneven at the end."""
    signal = inputs[0]
    given = [layer.property(name) for name in ("FilterSize", "Stride", "CroppingMode", "NumFilters")]
    unknown = given[2] == "manual" and layer.property("CroppingSize") is None
    if unknown or any(value is None for value in given) or signal.shape is None:
        return []
    filters: int = given[3]
    channels = _channels(layer, signal)
    rest = [1] * axes_of(layer, signal, rank)
    kernel, strides = listed(given[0], rank), listed(given[1], rank)
    automatic = given[2] == "same"
    surplus = [size - step for size, step in zip(kernel, strides, strict=True)]
    if automatic:
        crops = [(more // 2, more - more // 2) for more in surplus]
    else:
        crops = pairs(layer.property("CroppingSize"), rank)
    sizes = _grown(layer, signal.shape[2:], kernel, strides, crops)
    shape = (signal.batch, filters, *sizes, *signal.shape[2 + rank :])
    if automatic and min(surplus) < 0:  # there is less than that to crop from, and MATLAB's pages do not say what then
        return opaque(layer, [signal], nodes, (signal.format, shape))
    weights = placed(
        layer,
        nodes,
        "Weights",
        (*kernel, filters, channels),
        order=(rank + 1, rank, *range(rank)),
        into=(channels, filters, *kernel, *rest),
    )
    attributes: dict[str, Any] = {
        "kernel_shape": [*kernel, *rest],
        "strides": [*strides, *rest],
        "pads": flat([*crops, *((0, 0) for _ in rest)]),
    }
    bias = vector(layer, nodes, "Bias", filters)
    nodes.node("ConvTranspose", [signal.tensor, weights, bias], output=layer.name, attributes=attributes)
    return [Signal(layer.name, signal.format, shape)]


def _grown(
    layer: LayerView,
    lengths: Sequence[Size],
    kernel: Sequence[int],
    strides: Sequence[int],
    crops: Sequence[tuple[int, int]],
) -> list[Size]:
    """Sizes of a transposed convolution's output.

    Raises:
        DescriptionError: nothing is left.
    """
    sizes: list[Size] = []
    for length, size, step, crop in zip(lengths, kernel, strides, crops, strict=False):
        more = size - step - sum(crop)
        if not isinstance(length, int):
            sizes.append(length if step == 1 and more == 0 else None)
            continue
        if length * step + more < 1:
            layer.wrong("its cropping leaves nothing of its output", "crop less", property="CroppingSize")
        sizes.append(length * step + more)
    return sizes


def _channels(layer: LayerView, signal: Signal) -> int:
    """The input's channels, which `NumChannels` must not contradict.

    Raises:
        DescriptionError: it does, or they are not known.
    """
    told = layer.property("NumChannels")
    channels = known(layer, signal.channels if signal.channels is not None else told, "number of channels")
    if told not in (None, channels):
        layer.wrong(
            f"NumChannels is {told}, but its input has {channels} channels",
            "mend NumChannels, or the layer before it",
            property="NumChannels",
        )
    return channels


LOWERINGS: dict[str, Lowering] = {
    **{f"convolution{rank}dLayer": partial(_plain, rank) for rank in (1, 2, 3)},
    "groupedConvolution2dLayer": _grouped,
    **{f"transposedConv{rank}dLayer": partial(_transposed, rank) for rank in (1, 2, 3)},
}
