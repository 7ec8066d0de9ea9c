"""What layers that slide a window share: which axes it moves over, and what comes out.

A layer of as many dimensions as its input has spatial axes slides over these, at each time step alone; one with a
dimension more slides over the time axis too, the last of its dimensions. Source: the input formats that the reference
pages of MATLAB's convolution and pooling layers list.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from qlint.network.lower.base import LayerView
from qlint.network.lower.signal import Signal, Size
from qlint.network.matlab.windows import listed, pairs, same


@dataclass(frozen=True, slots=True)
class Window:
    """A window over all axes after batch and channels; one entry per axis in each.

    Attributes:
        lengths: sizes of the axes.
        kernel, strides, dilations: as in ONNX; 1 along a time axis that is not slid over.
        pads: (before, after); None for an axis whose padding "same" needs a size that is not known.
        same: whether the padding is "same".
    """

    lengths: tuple[Size, ...]
    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    pads: tuple[tuple[int, int] | None, ...]
    same: bool

    @property
    def rank(self) -> int:
        """Number of axes."""
        return len(self.kernel)

    @property
    def known_pads(self) -> list[tuple[int, int]] | None:
        """The padding; None where it needs a size that is not known."""
        found = [pad for pad in self.pads if pad is not None]
        return found if len(found) == self.rank else None

    def unpadded(self) -> Window:
        """The same window over an input that is padded already; the padding must be known."""
        return replace(
            self,
            lengths=tuple(_longer(length, pad) for length, pad in zip(self.lengths, self.pads, strict=True)),
            pads=((0, 0),) * self.rank,
            same=False,
        )

    def sizes(self, layer: LayerView) -> tuple[Size, ...]:
        """Sizes of the output's axes.

        Raises:
            DescriptionError: the window does not fit into an axis.
        """
        return tuple(self._size(layer, axis) for axis in range(self.rank))

    def _size(self, layer: LayerView, axis: int) -> Size:
        length, stride, pad = self.lengths[axis], self.strides[axis], self.pads[axis]
        reach = (self.kernel[axis] - 1) * self.dilations[axis] + 1
        if pad is not None and stride == 1 and sum(pad) == reach - 1:
            return length
        if not isinstance(length, int) or pad is None:
            return None
        room = length + sum(pad) - reach
        if room < 0:
            layer.wrong(
                f"its window reaches over {reach} elements, but dimension {axis + 1} of its padded input has "
                f"{length + sum(pad)}",
                "make the window smaller, or the input or its padding larger",
            )
        return room // stride + 1

    def attributes(self) -> dict[str, Any]:
        """Attributes of ONNX's Conv, MaxPool and AveragePool.

        "same" stays automatic, which holds for every size; but not with dilation, where onnxruntime cannot do it.
        """
        pads = self.known_pads
        automatic = self.same and (pads is None or set(self.dilations) == {1})
        dilated = set(self.dilations) != {1}
        return {
            "kernel_shape": list(self.kernel),
            "strides": list(self.strides),
            "dilations": list(self.dilations) if dilated else None,
            "auto_pad": "SAME_UPPER" if automatic else None,
            "pads": None if automatic or pads is None else flat(pads),
        }


def axes_of(layer: LayerView, signal: Signal, rank: int) -> int:
    """How many axes follow those a layer of `rank` dimensions slides over: 1 where time is left alone, else 0.

    Raises:
        DescriptionError: the input has another number of dimensions.
    """
    spatial = signal.format.count("S")
    if spatial == rank:
        return int(signal.has_time)
    if spatial == rank - 1 and signal.has_time:
        return 0
    layer.wrong(
        f"it needs {rank} spatial dimensions, or {rank - 1} and time, but its input is {signal.format}",
        "use a layer that fits the data, or another input",
    )


def window(layer: LayerView, signal: Signal, rank: int, size: str) -> Window | None:
    """The window that a layer's properties describe on its input; None where they are not known.

    Args:
        layer: a convolution or pooling layer.
        signal: its input.
        rank: number of dimensions of the layer.
        size: name of the property with the window's size.
    """
    needed = [size, "Stride", "PaddingMode", *(["DilationFactor"] if size == "FilterSize" else [])]
    needed += ["PaddingSize"] if layer.property("PaddingMode") == "manual" else []
    given = [layer.property(name) for name in needed]
    if any(value is None for value in given):
        return None
    kernel, strides = listed(given[0], rank), listed(given[1], rank)
    dilations = listed(layer.property("DilationFactor") or 1, rank)
    rest = axes_of(layer, signal, rank)
    assert signal.shape is not None
    lengths = signal.shape[2:]
    pads: list[tuple[int, int] | None]
    if given[2] == "same":
        pads = [_same(*axis) for axis in zip(lengths, kernel, strides, dilations, strict=False)]
    elif given[2] == "causal":
        pads = [((kernel[0] - 1) * dilations[0], 0)]
    else:
        pads = [*pairs(layer.property("PaddingSize"), rank)]
    return Window(
        lengths,
        (*kernel, *[1] * rest),
        (*strides, *[1] * rest),
        (*dilations, *[1] * rest),
        (*pads, *[(0, 0)] * rest),
        given[2] == "same",
    )


def flat(pads: Sequence[tuple[int, int]]) -> list[int]:
    """ONNX's order of a padding: all beginnings, then all ends."""
    return [before for before, _ in pads] + [after for _, after in pads]


def _same(length: Size, kernel: int, stride: int, dilation: int) -> tuple[int, int] | None:
    if isinstance(length, int):
        return same(length, kernel, stride, dilation)
    return same(1, kernel, 1, dilation) if stride == 1 else None  # with a stride of 1 the length does not matter


def _longer(length: Size, pad: tuple[int, int] | None) -> Size:
    return length + sum(pad) if isinstance(length, int) and pad is not None else None
