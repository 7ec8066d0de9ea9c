"""Convolutions and fully connected layers.

Source: ONNX operator specification (Conv, ConvTranspose, Gemm, MatMul).
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod

from qlint.network.catalogue.entry import Entry
from qlint.network.catalogue.windows import (
    channels,
    dilation,
    matlab_padding,
    padding_mode,
    padding_size,
    pads,
    per_axis,
    size,
    spatial_rank,
    stride,
)
from qlint.network.network import Value
from qlint.network.view import View
from qlint.tristate import Unknown


def _groups(view: View) -> int:
    return int(view.attribute("group", 1))


def _convolution(rank: int, grouped: bool) -> Callable[[View], bool]:
    def accepts(view: View) -> bool:
        weights = view.parameter(1)
        if weights is None or spatial_rank(view) != rank:
            return False
        return (_groups(view) > 1) is grouped and (not view.has_input(2) or view.parameter(2) is not None)

    return accepts


def num_groups(view: View) -> Value:
    """`group`."""
    return _groups(view)


def input_channels(view: View) -> Value:
    """axis 1 of the weights times `group`."""
    per_group = channels(1, 1)(view)
    return per_group if isinstance(per_group, Unknown) else per_group * _groups(view)


def filters_per_group(view: View) -> Value:
    """axis 0 of the weights over `group`."""
    filters = channels(0, 1)(view)
    return filters if isinstance(filters, Unknown) else filters // _groups(view)


def zero(view: View) -> Value:
    """always 0: Conv pads with zeros."""
    return 0


def transposed_filters(view: View) -> Value:
    """axis 1 of the weights times `group`."""
    return input_channels(view)


def _symmetric_output(view: View) -> bool:
    """MATLAB crops the output; output_padding and output_shape beyond that have no equal."""
    return not any(view.attribute("output_padding") or []) and view.attribute("output_shape") is None


def _transposed(rank: int) -> Callable[[View], bool]:
    def accepts(view: View) -> bool:
        return (
            view.parameter(1) is not None
            and spatial_rank(view) == rank
            and _groups(view) == 1
            and all(spread == 1 for spread in per_axis(view, "dilations"))
            and _symmetric_output(view)
            and (not view.has_input(2) or view.parameter(2) is not None)
        )

    return accepts


def cropping(view: View) -> Value:
    """`pads`: what a transposed convolution cuts off its output."""
    if view.attribute("auto_pad", "NOTSET") not in ("NOTSET", "", "VALID"):
        return Unknown("cropping of a transposed convolution with auto_pad")
    found = pads(view)
    return found if isinstance(found, Unknown) else matlab_padding(found)


def cropping_mode(view: View) -> Value:
    """`auto_pad`: SAME_UPPER and SAME_LOWER are "same"."""
    return "same" if view.attribute("auto_pad", "NOTSET").startswith("SAME") else "manual"


_WINDOW = {
    "FilterSize": size,
    "Stride": stride,
    "DilationFactor": dilation,
    "PaddingMode": padding_mode,
    "PaddingSize": padding_size,
    "PaddingValue": zero,
}
_LEARNABLES = {"Weights": 1, "Bias": 2}


def _constant_matrix(view: View, position: int) -> bool:
    matrix = view.parameter(position)
    return matrix is not None and matrix.shape is not None and len(matrix.shape) == 2


def _gemm(view: View) -> bool:
    return (
        _constant_matrix(view, 1)
        and not view.is_static(0)
        and not view.attribute("transA", 0)
        and (not view.has_input(2) or view.parameter(2) is not None)
    )


def _matmul(view: View) -> bool:
    return _constant_matrix(view, 1) and not view.is_static(0) and view.is_float()


def _sizes(view: View) -> tuple[Value, Value]:
    weights = view.parameter(1)
    shape = weights.shape if weights is not None else None
    if shape is None or len(shape) != 2:
        missing = Unknown(f"shape of {view.name(1)!r}")
        return missing, missing
    rows, columns = (s if isinstance(s, int) else Unknown(f"shape of {view.name(1)!r}") for s in shape)
    return (columns, rows) if view.attribute("transB", 0) else (rows, columns)


def input_size(view: View) -> Value:
    """rows of the weight matrix (columns with `transB`)."""
    return _sizes(view)[0]


def output_size(view: View) -> Value:
    """columns of the weight matrix (rows with `transB`)."""
    return _sizes(view)[1]


def is_bias(view: View, position: int, outputs: Value) -> bool:
    """Whether a constant is added per output feature: a scalar, or [..., n] with every other axis 1."""
    bias = view.parameter(position)
    if bias is None or bias.shape is None or any(not isinstance(s, int) for s in bias.shape):
        return False
    sizes = [s for s in bias.shape if isinstance(s, int)]
    return bool(sizes) and sizes[-1] in (1, outputs) and prod(sizes[:-1]) == 1 and len(sizes) <= 2


ENTRIES = (
    *(
        Entry(
            f"convolution{rank}dLayer",
            ("Conv",),
            _convolution(rank, grouped=False),
            "constant weights, group 1",
            {**_WINDOW, "NumChannels": input_channels, "NumFilters": channels(0, 1)},
            _LEARNABLES,
        )
        for rank in (1, 2, 3)
    ),
    Entry(
        "groupedConvolution2dLayer",
        ("Conv",),
        _convolution(2, grouped=True),
        "constant weights, group > 1; channel-wise where NumChannelsPerGroup is 1",
        {
            **_WINDOW,
            "NumGroups": num_groups,
            "NumChannelsPerGroup": channels(1, 1),
            "NumFiltersPerGroup": filters_per_group,
        },
        _LEARNABLES,
    ),
    *(
        Entry(
            name,
            ("ConvTranspose",),
            _transposed(rank),
            "constant weights, group 1, no dilation, output_padding or output_shape",
            {
                "FilterSize": size,
                "Stride": stride,
                "CroppingMode": cropping_mode,
                "CroppingSize": cropping,
                "NumChannels": channels(0, 1),
                "NumFilters": transposed_filters,
            },
            _LEARNABLES,
        )
        for rank, name in ((1, "transposedConv1dLayer"), (2, "transposedConv2dLayer"), (3, "transposedConv3dLayer"))
    ),
    Entry(
        "fullyConnectedLayer",
        ("Gemm",),
        _gemm,
        "constant second operand, transA 0",
        {"InputSize": input_size, "OutputSize": output_size},
        {"Weights": 1, "Bias": 2},
    ),
    Entry(
        "fullyConnectedLayer",
        ("MatMul",),
        _matmul,
        "constant second operand of rank 2; an Add of a constant vector that alone reads it is its bias",
        {"InputSize": input_size, "OutputSize": output_size},
        {"Weights": 1, "Bias": "bias"},
    ),
)
