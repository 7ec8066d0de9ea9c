"""Random convolutions and pooling, of unequal sizes on all axes, against onnxruntime."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.numeric.running import both, close, values

COMMON = settings(max_examples=120, deadline=None, derandomize=True)


@st.composite
def geometry(draw: Any, *, dilated: bool = True) -> dict[str, Any]:
    """Sizes of an input and of a window that has a position on it."""
    rank = draw(st.integers(1, 3))

    def numbers(low: int, high: int) -> list[int]:
        return [draw(st.integers(low, high)) for _ in range(rank)]

    kernel, strides = numbers(1, 4), numbers(1, 3)
    dilations = numbers(1, 2) if dilated else [1] * rank
    spans = [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]
    size = [span + extra for span, extra in zip(spans, numbers(0, 7), strict=True)]
    pads = [draw(st.integers(0, k - 1)) for k in (*kernel, *kernel)]
    return {"size": size, "kernel": kernel, "strides": strides, "dilations": dilations, "pads": pads}


def placing(made: dict[str, Any], auto: str) -> dict[str, Any]:
    """Attributes of padding; onnxruntime takes no dilations with automatic padding."""
    if auto.startswith("SAME"):
        # onnxruntime pads by negative numbers where strides are larger than the kernel; its MaxPool then refuses.
        strides = [min(pair) for pair in zip(made["strides"], made["kernel"], strict=True)]
        return {"auto_pad": auto, "strides": strides}
    if auto == "NOTSET":
        return {"pads": made["pads"], "strides": made["strides"], "dilations": made["dilations"]}
    return {"auto_pad": auto, "strides": made["strides"]}


AUTO = st.sampled_from(["NOTSET", "NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"])


@COMMON
@given(geometry(), st.integers(1, 2), st.integers(1, 3), st.integers(1, 3), st.integers(1, 3), st.booleans(), AUTO)
def test_conv(made: Any, n: int, groups: int, inner: int, outer: int, biased: bool, auto: str) -> None:
    x = values(n, groups * inner, *made["size"])
    w = values(groups * outer, inner, *made["kernel"])
    given_values = [x, w, values(groups * outer)] if biased else [x, w]
    [(found, wanted)] = both("Conv", given_values, group=groups, **placing(made, auto))
    close(found, wanted, terms=inner * prod(made["kernel"]))


@COMMON
@given(geometry(), st.integers(1, 2), st.integers(17, 20), AUTO)
def test_conv_with_one_filter_per_channel(made: Any, n: int, channels: int, auto: str) -> None:
    x, w = values(n, channels, *made["size"]), values(channels, 1, *made["kernel"])
    [(found, wanted)] = both("Conv", [x, w, values(channels)], group=channels, **placing(made, auto))
    close(found, wanted, terms=prod(made["kernel"]))


@pytest.mark.parametrize("channels", [1, 5, 64])
@pytest.mark.parametrize("multiplier", [1, 2])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_depthwise_conv(channels: int, multiplier: int, stride: int) -> None:
    x, w = values(2, channels, 41, 33), values(channels * multiplier, 1, 3, 5)
    [(found, wanted)] = both(
        "Conv", [x, w, values(channels * multiplier)], group=channels, pads=[1, 2, 0, 3], strides=[stride, 2]
    )
    close(found, wanted, terms=15)


@pytest.mark.parametrize("size", [(300, 70), (70, 300), (7, 7)])
def test_conv_of_many_blocks(size: tuple[int, int]) -> None:
    x, w = values(1, 96, *size), values(130, 96, 3, 3)
    [(found, wanted)] = both("Conv", [x, w, values(130)], pads=[1, 1, 1, 1])
    close(found, wanted, terms=96 * 9)


@COMMON
@given(geometry(), st.integers(1, 2), st.integers(1, 2), st.integers(1, 3), st.integers(1, 3), st.booleans(), st.data())
def test_conv_transpose(
    made: Any, n: int, groups: int, inner: int, outer: int, biased: bool, data: st.DataObject
) -> None:
    x = values(n, groups * inner, *made["size"])
    w = values(groups * inner, outer, *made["kernel"])
    given_values = [x, w, values(groups * outer)] if biased else [x, w]
    extra = [data.draw(st.integers(0, stride - 1)) for stride in made["strides"]]
    spans = [(k - 1) * d + 1 for k, d in zip(made["kernel"], made["dilations"], strict=True)]
    whole = [(s - 1) * t + span for s, t, span in zip(made["size"], made["strides"], spans, strict=True)]
    begin, end = made["pads"][: len(spans)], made["pads"][len(spans) :]
    out = [w + e - b - a for w, e, b, a in zip(whole, extra, begin, end, strict=True)]
    if min(out) < 1:
        return
    [(found, wanted)] = both(
        "ConvTranspose", given_values, group=groups, output_padding=extra, **placing(made, "NOTSET")
    )
    close(found, wanted, terms=inner * prod(made["kernel"]))


@COMMON
@given(geometry(dilated=False), st.sampled_from(["NOTSET", "SAME_UPPER", "SAME_LOWER"]), st.data())
def test_conv_transpose_to_a_shape(made: Any, auto: str, data: st.DataObject) -> None:
    x, w = values(1, 2, *made["size"]), values(2, 3, *made["kernel"])
    axes = zip(made["size"], made["strides"], made["kernel"], strict=True)
    shape = [data.draw(st.integers(max(1, (n - 1) * s + 1), (n - 1) * s + k)) for n, s, k in axes]
    [(found, wanted)] = both("ConvTranspose", [x, w], output_shape=shape, auto_pad=auto, strides=made["strides"])
    close(found, wanted, terms=2 * prod(made["kernel"]))


@COMMON
@given(geometry(), st.integers(1, 2), st.booleans(), st.booleans(), AUTO)
def test_max_pool(made: Any, n: int, ceil: bool, column_major: bool, auto: str) -> None:
    x = np.round(values(n, 3, *made["size"]), 1)  # with ties
    if auto != "NOTSET":
        ceil = False
    attributes = placing(made, auto) | {"kernel_shape": made["kernel"], "ceil_mode": int(ceil)}
    (maxima, places) = both("MaxPool", [x], outputs=2, storage_order=int(column_major), **attributes)
    np.testing.assert_array_equal(*maxima)
    np.testing.assert_array_equal(*places)
    [alone] = both("MaxPool", [x], **attributes)
    np.testing.assert_array_equal(*alone)


@COMMON
@given(geometry(), st.integers(1, 2), st.booleans(), st.booleans(), AUTO)
def test_average_pool(made: Any, n: int, ceil: bool, padding: bool, auto: str) -> None:
    x = values(n, 3, *made["size"])
    if auto != "NOTSET":
        ceil, made["dilations"] = False, [1] * len(made["size"])
    attributes = placing(made, auto) | {"kernel_shape": made["kernel"], "ceil_mode": int(ceil)}
    [(found, wanted)] = both("AveragePool", [x], opset=19, count_include_pad=int(padding), **attributes)
    close(found, wanted, terms=prod(made["kernel"]))


@COMMON
@given(geometry(dilated=False), st.integers(1, 3))
def test_lp_pool(made: Any, p: int) -> None:
    x = values(2, 3, *made["size"])
    [(found, wanted)] = both(
        "LpPool", [x], kernel_shape=made["kernel"], strides=made["strides"], pads=made["pads"], p=p
    )
    close(found, wanted, terms=8 * prod(made["kernel"]))
