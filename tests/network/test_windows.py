"""Convolutions and pooling: MATLAB's properties from ONNX's attributes."""

from __future__ import annotations

import pytest

from qlint.tristate import Unknown
from tests.network.lifting import network, only, types


def conv(attributes: str, *, x: str = "1,4,9,7", w: str = "6,4,3,2", y: str = "?") -> str:
    rank = x.count(",") + 1
    out = ",".join("abcdef"[:rank])
    return f"""g (float[{x}] x) => (float[{out}] y) <float[{w}] w = {{{",".join("1" for _ in range(_count(w)))}}}>
    {{ y = Conv<{attributes}>(x, w) }}"""


def _count(sizes: str) -> int:
    product = 1
    for size in sizes.split(","):
        product *= int(size)
    return product


def test_convolution_2d_properties() -> None:
    layer = only(network(conv("pads=[1,2,3,4], strides=[2,1], dilations=[1,3]")), "convolution2dLayer")
    assert layer.properties["FilterSize"] == [3, 2]
    assert layer.properties["Stride"] == [2, 1]
    assert layer.properties["DilationFactor"] == [1, 3]
    # ONNX: top, left, bottom, right; MATLAB: top, bottom, left, right
    assert layer.properties["PaddingSize"] == [1, 3, 2, 4]
    assert layer.properties["PaddingMode"] == "manual"
    assert layer.properties["NumChannels"] == 4
    assert layer.properties["NumFilters"] == 6
    assert layer.id == "graph/y"
    assert layer.learnables["Weights"].shape == (6, 4, 3, 2)
    assert "Bias" not in layer.learnables


@pytest.mark.parametrize(
    ("mode", "expected", "matlab_mode"),
    # input 9x7, kernel 3x2, stride 2: rows need 2 in all, columns 1
    [("SAME_UPPER", [1, 1, 0, 1], "same"), ("SAME_LOWER", [1, 1, 1, 0], "manual"), ("VALID", [0, 0, 0, 0], "manual")],
)
def test_auto_pad_is_worked_out(mode: str, expected: list[int], matlab_mode: str) -> None:
    layer = only(network(conv(f'auto_pad="{mode}", strides=[2,2]')), "convolution2dLayer")
    assert layer.properties["PaddingSize"] == expected
    assert layer.properties["PaddingMode"] == matlab_mode


def test_auto_pad_of_unknown_size_is_unknown_and_says_what_would_decide() -> None:
    layer = only(network(conv('auto_pad="SAME_UPPER", strides=[2,2]', x="1,4,H,7")), "convolution2dLayer")
    assert layer.property("PaddingSize") == Unknown("size 'H' of axis 2 of 'x'", "--bind H=1")
    stride_one = only(network(conv('auto_pad="SAME_UPPER"', x="1,4,H,7")), "convolution2dLayer")
    assert stride_one.property("PaddingSize") == [1, 1, 0, 1]


@pytest.mark.parametrize(
    ("x", "w", "type"), [("1,4,9", "6,4,3", "convolution1dLayer"), ("1,4,5,5,5", "2,4,1,1,1", "convolution3dLayer")]
)
def test_convolution_of_other_ranks(x: str, w: str, type: str) -> None:
    layer = only(network(conv("", x=x, w=w)), type)
    assert layer.properties["Stride"] == (1 if type == "convolution1dLayer" else [1, 1, 1])
    if type == "convolution1dLayer":
        assert layer.properties["FilterSize"] == 3
        assert layer.properties["PaddingSize"] == [0, 0]
    else:
        assert layer.properties["PaddingSize"] == [[0, 0, 0], [0, 0, 0]]


def test_grouped_and_channel_wise() -> None:
    grouped = only(network(conv("group=2", w="6,2,3,2")), "groupedConvolution2dLayer")
    assert (
        grouped.properties["NumGroups"],
        grouped.properties["NumChannelsPerGroup"],
        grouped.properties["NumFiltersPerGroup"],
    ) == (2, 2, 3)
    channel_wise = only(network(conv("group=4", w="8,1,3,2")), "groupedConvolution2dLayer")
    assert (channel_wise.properties["NumGroups"], channel_wise.properties["NumChannelsPerGroup"]) == (4, 1)
    # MATLAB has no grouped convolution of one dimension
    assert types(network(conv("group=2", x="1,4,9", w="6,2,3"))) == ["onnx:Conv"]


def test_convolution_with_computed_weights_is_no_matlab_layer() -> None:
    net = network("g (float[1,1,4,4] x, float[1,1,2,2] w) => (float[a,b,c,d] y) { y = Conv(x, w) }")
    assert types(net) == ["onnx:Conv"]


def test_transposed_convolution() -> None:
    text = """g (float[1,2,4,4] x) => (float[a,b,c,d] y) <float[2,3,2,2] w = {{{0}}}>
    {{ y = ConvTranspose<strides=[2,2], pads=[1,0,1,0]{1}>(x, w) }}"""
    weights = ",".join(["1"] * 24)
    layer = only(network(text.format(weights, "")), "transposedConv2dLayer")
    assert layer.properties["CroppingSize"] == [1, 1, 0, 0]
    assert (layer.properties["NumChannels"], layer.properties["NumFilters"]) == (2, 3)
    assert types(network(text.format(weights, ", output_padding=[1,1]"))) == ["onnx:ConvTranspose"]


POOL = "g (float[1,2,{size},{size}] x) => (float[a,b,c,d] y) {{ y = AveragePool<{attributes}>(x) }}"


@pytest.mark.parametrize(
    ("attributes", "size", "expected"),
    [
        ("kernel_shape=[2,2]", "8", 0),
        ("kernel_shape=[3,3], pads=[1,1,1,1]", "8", "mean"),
        ("kernel_shape=[3,3], pads=[1,1,1,1], count_include_pad=1", "8", 0),
        ("kernel_shape=[3,3], pads=[0,0,0,0]", "8", 0),
        ('kernel_shape=[2,2], strides=[2,2], auto_pad="SAME_UPPER"', "8", 0),
        ('kernel_shape=[2,2], strides=[2,2], auto_pad="SAME_UPPER"', "7", "mean"),
        ("kernel_shape=[2,2], strides=[2,2], ceil_mode=1", "8", 0),
    ],
)
def test_average_pooling_padding_value(attributes: str, size: str, expected: object) -> None:
    layer = only(network(POOL.format(attributes=attributes, size=size)), "averagePooling2dLayer")
    assert layer.properties["PaddingValue"] == expected


def test_ceil_mode_overhang_is_unknown() -> None:
    layer = only(
        network(POOL.format(attributes="kernel_shape=[2,2], strides=[2,2], ceil_mode=1", size="7")),
        "averagePooling2dLayer",
    )
    assert isinstance(layer.property("PaddingValue"), Unknown)
    assert isinstance(layer.property("PaddingSize"), Unknown)
    unknown = only(
        network(POOL.format(attributes="kernel_shape=[2,2], strides=[2,2], ceil_mode=1", size="N")),
        "averagePooling2dLayer",
    )
    assert unknown.property("PaddingValue") == Unknown("size 'N' of axis 2 of 'x'", "--bind N=1")


def test_ceil_mode_window_that_starts_in_the_padding_is_dropped() -> None:
    # length 3, kernel 1, stride 3, end padding 1: the second window would start at 3, in the padding
    attributes = "kernel_shape=[1,1], strides=[3,3], pads=[0,0,1,1], ceil_mode=1, count_include_pad=1"
    layer = only(network(POOL.format(attributes=attributes, size="3")), "averagePooling2dLayer")
    assert layer.property("PaddingValue") == 0


def test_max_pooling_with_dilation_is_no_matlab_layer() -> None:
    body = "g (float[1,2,8,8] x) => (float[a,b,c,d] y) {{ y = MaxPool<kernel_shape=[2,2]{}>(x) }}"
    assert types(network(body.format(""))) == ["maxPooling2dLayer"]
    assert types(network(body.format(", dilations=[2,2]"))) == ["onnx:MaxPool"]


def test_global_pooling() -> None:
    assert types(network("g (float[1,2,8] x) => (float[1,2,1] y) { y = GlobalAveragePool(x) }")) == [
        "globalAveragePooling1dLayer"
    ]
    assert types(network("g (float[1,2,8,8,8] x) => (float[a,b,c,d,e] y) { y = GlobalMaxPool(x) }")) == [
        "globalMaxPooling3dLayer"
    ]


@pytest.mark.parametrize(
    ("axes", "type"),
    [
        ("[2,3]", "globalAveragePooling2dLayer"),
        ("[-1,-2]", "globalAveragePooling2dLayer"),
        ("[1,2,3]", "onnx:ReduceMean"),
        ("[1]", "onnx:ReduceMean"),
    ],
)
def test_reduce_mean_over_the_spatial_axes_is_global_pooling(axes: str, type: str) -> None:
    assert types(network(f"g (float[1,2,8,8] x) => (float[a,b,c,d] y) {{ y = ReduceMean<axes={axes}>(x) }}")) == [type]
    values = axes.strip("[]")
    count = values.count(",") + 1
    since_18 = (
        f"g (float[1,2,8,8] x) => (float[a,b,c,d] y) <int64[{count}] axes = {{{values}}}> {{ y = ReduceMean(x, axes) }}"
    )
    assert types(network(since_18, opset=18)) == [type]


def test_mean_of_a_decomposed_layer_normalization_is_not_pooling() -> None:
    net = network("g (float[1,5,8] x) => (float[a,b,c] y) { m = ReduceMean<axes=[2]>(x) y = Sub(x, m) }")
    assert types(net) == ["onnx:ReduceMean", "onnx:Sub"]
