"""Convolutions against sums written out over MATLAB's indices: data [spatial... channels batch (time)]."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from qlint.errors import DescriptionError
from tests.network.lower.describing import Array, apply, close, lowered, random, source

Fill = Callable[[Array, tuple[int, ...]], float]
"""The value at a place that may lie outside of an array."""


def constant(value: float) -> Fill:
    def fill(x: Array, place: tuple[int, ...]) -> float:
        inside = all(0 <= i < n for i, n in zip(place, x.shape, strict=True))
        return float(x[place]) if inside else value

    return fill


ZEROS = constant(0)


def replicate(x: Array, place: tuple[int, ...]) -> float:
    return float(x[tuple(min(max(i, 0), n - 1) for i, n in zip(place, x.shape, strict=True))])


def include_edge(x: Array, place: tuple[int, ...]) -> float:
    """... 2 1 | 1 2 3 | 3 2 ..."""
    return float(
        x[tuple(-i - 1 if i < 0 else 2 * n - 1 - i if i >= n else i for i, n in zip(place, x.shape, strict=True))]
    )


def exclude_edge(x: Array, place: tuple[int, ...]) -> float:
    """... 3 2 | 1 2 3 | 2 1 ..."""
    return float(x[tuple(-i if i < 0 else 2 * n - 2 - i if i >= n else i for i, n in zip(place, x.shape, strict=True))])


def convolved(
    x: Array,
    weights: Array,
    bias: Array,
    *,
    stride: Sequence[int],
    dilation: Sequence[int],
    pads: Sequence[tuple[int, int]],
    fill: Fill = ZEROS,
) -> Array:
    """One observation [spatial... channels] with filters [window... channels filters]."""
    rank = len(stride)
    window = weights.shape[:rank]
    out = [
        (n + sum(pad) - (k - 1) * d - 1) // s + 1
        for n, k, s, d, pad in zip(x.shape, window, stride, dilation, pads, strict=False)
    ]
    y = np.zeros((*out, weights.shape[-1]))
    for position in np.ndindex(*out):
        for tap in np.ndindex(*window):
            place = tuple(
                p * s + t * d - pad[0] for p, s, t, d, pad in zip(position, stride, tap, dilation, pads, strict=True)
            )
            seen = np.array([fill(x[..., c], place) for c in range(x.shape[-1])])
            y[position] += seen @ weights[tap].astype(float)
    return y + bias.reshape(-1)


def batched(x: Array, **rest: Any) -> Array:
    """Data [spatial... channels batch]."""
    return np.stack([convolved(x[..., b], **rest) for b in range(x.shape[-1])], -1)


def layer(rank: int, size: Any, filters: int, **rest: Any) -> dict[str, Any]:
    return {"type": f"convolution{rank}dLayer", "FilterSize": size, "NumFilters": filters, **rest}


def test_everything_unequal() -> None:
    x, w, b = random(7, 9, 3, 2), random(2, 3, 3, 4), random(1, 1, 4)
    told = layer(2, [2, 3], 4, Stride=[2, 1], DilationFactor=[1, 2], Padding=[1, 0, 2, 3])
    format, y = apply(told, "SSCB", x, {"Weights": w, "Bias": b})
    assert format == "SSCB"
    close(y, batched(x, weights=w, bias=b, stride=(2, 1), dilation=(1, 2), pads=[(1, 0), (2, 3)]))


def test_one_dimension_over_space_and_over_time() -> None:
    x, w, b = random(11, 3, 2), random(4, 3, 5), random(1, 5)
    wanted = batched(x, weights=w, bias=b, stride=(2,), dilation=(2,), pads=[(1, 3)])
    told = layer(1, 4, 5, Stride=2, DilationFactor=2, Padding=[1, 3])
    format, y = apply(told, "SCB", x, {"Weights": w, "Bias": b})
    assert format == "SCB"
    close(y, wanted)
    format, y = apply(told, "CBT", x.transpose(1, 2, 0), {"Weights": w, "Bias": b})
    assert format == "CBT"
    close(y, wanted.transpose(1, 2, 0))


def test_causal_padding_is_before_the_data() -> None:
    x, w, b = random(3, 2, 9), random(3, 3, 4), random(1, 4)
    _, y = apply(layer(1, 3, 4, Padding="causal", DilationFactor=2), "CBT", x, {"Weights": w, "Bias": b})
    wanted = batched(x.transpose(2, 0, 1), weights=w, bias=b, stride=(1,), dilation=(2,), pads=[(4, 0)])
    close(y, wanted.transpose(1, 2, 0))
    late = x.copy()
    late[:, :, 5:] = 0  # what comes later changes nothing before it
    _, again = apply(layer(1, 3, 4, Padding="causal", DilationFactor=2), "CBT", late, {"Weights": w, "Bias": b})
    np.testing.assert_array_equal(again[:, :, :5], y[:, :, :5])


def test_three_dimensions() -> None:
    x, w, b = random(4, 5, 6, 2, 2), random(2, 1, 3, 2, 3), random(1, 1, 1, 3)
    told = layer(3, [2, 1, 3], 3, Stride=[1, 2, 1], Padding=[[1, 0, 2], [0, 1, 1]])
    format, y = apply(told, "SSSCB", x, {"Weights": w, "Bias": b})
    assert format == "SSSCB"
    close(y, batched(x, weights=w, bias=b, stride=(1, 2, 1), dilation=(1, 1, 1), pads=[(1, 0), (0, 1), (2, 1)]))


class TestTime:
    """A layer with as many dimensions as there are spatial ones works at each time step alone; with one more, over time."""

    def test_at_each_step(self) -> None:
        x, w, b = random(5, 6, 2, 2, 3), random(2, 3, 2, 4), random(4)
        format, y = apply(
            layer(2, [2, 3], 4, Stride=[1, 2], Padding=[0, 1, 2, 0]), "SSCBT", x, {"Weights": w, "Bias": b}
        )
        assert format == "SSCBT"
        each = [
            batched(x[..., t], weights=w, bias=b, stride=(1, 2), dilation=(1, 1), pads=[(0, 1), (2, 0)])
            for t in range(3)
        ]
        close(y, np.stack(each, -1))

    def test_over_space_and_time(self) -> None:
        x, w, b = random(5, 2, 2, 7), random(2, 3, 2, 4), random(4)
        format, y = apply(
            layer(2, [2, 3], 4, Stride=[1, 2], Padding=[0, 1, 2, 0]), "SCBT", x, {"Weights": w, "Bias": b}
        )
        assert format == "SCBT"
        flat = batched(
            x.transpose(0, 3, 1, 2), weights=w, bias=b, stride=(1, 2), dilation=(1, 1), pads=[(0, 1), (2, 0)]
        )
        close(y, flat.transpose(0, 2, 3, 1))

    def test_three_dimensions_at_each_step(self) -> None:
        x, w, b = random(3, 4, 2, 2, 1, 2), random(2, 1, 2, 2, 3), random(3)
        _, y = apply(layer(3, [2, 1, 2], 3, Padding="same"), "SSSCBT", x, {"Weights": w, "Bias": b})
        each = [
            batched(x[..., t], weights=w, bias=b, stride=(1, 1, 1), dilation=(1, 1, 1), pads=[(0, 1), (0, 0), (0, 1)])
            for t in range(2)
        ]
        close(y, np.stack(each, -1))


class TestSame:
    """ceil(size / stride) outputs; the uneven row and column at the end."""

    @pytest.mark.parametrize(
        ("stride", "dilation", "pads"),
        [
            ([1, 1], [1, 1], [(1, 2), (0, 1)]),
            ([2, 3], [1, 1], [(1, 1), (0, 0)]),  # 8 rows: 3 * 2 + 4 - 8 = 2; 9 columns: 2 * 3 + 2 - 9 < 0
            ([1, 1], [2, 3], [(3, 3), (1, 2)]),
            ([3, 2], [2, 3], [(2, 3), (1, 2)]),  # 2 * 3 + 7 - 8 = 5; 4 * 2 + 4 - 9 = 3
        ],
    )
    @pytest.mark.parametrize("value", [0, 1.5, "replicate"])
    def test_sizes(self, stride: list[int], dilation: list[int], pads: list[tuple[int, int]], value: Any) -> None:
        x, w, b = random(8, 9, 2, 2), random(4, 2, 2, 3), random(1, 1, 3)
        told = layer(2, [4, 2], 3, Stride=stride, DilationFactor=dilation, Padding="same", PaddingValue=value)
        _, y = apply(told, "SSCB", x, {"Weights": w, "Bias": b})
        fill = replicate if value == "replicate" else constant(value)
        assert y.shape[:2] == (-(-8 // stride[0]), -(-9 // stride[1]))
        close(y, batched(x, weights=w, bias=b, stride=stride, dilation=dilation, pads=pads, fill=fill))

    @pytest.mark.parametrize("dilation", [1, 2])
    def test_over_a_time_of_unknown_length(self, dilation: int) -> None:
        x, w, b = random(3, 2, 10), random(4, 3, 5), random(5)
        told = layer(1, 4, 5, Padding="same", Stride=3, DilationFactor=dilation)
        total = 3 * 3 + (3 * dilation + 1) - 10
        pads = [(total // 2, total - total // 2)]
        wanted = batched(x.transpose(2, 0, 1), weights=w, bias=b, stride=(3,), dilation=(dilation,), pads=pads)
        portable = dilation == 1  # onnxruntime has no automatic padding with dilation
        close(apply(told, "CBT", x, {"Weights": w, "Bias": b}, portable=portable)[1], wanted.transpose(1, 2, 0))

    def test_a_value_over_an_unknown_length_keeps_it_with_a_stride_of_1(self) -> None:
        x, w, b = random(3, 2, 10), random(4, 3, 5), random(5)
        told = layer(1, 4, 5, Padding="same", PaddingValue=2)
        wanted = batched(
            x.transpose(2, 0, 1), weights=w, bias=b, stride=(1,), dilation=(1,), pads=[(1, 2)], fill=constant(2)
        )
        close(apply(told, "CBT", x, {"Weights": w, "Bias": b})[1], wanted.transpose(1, 2, 0))


class TestPaddingValue:
    @pytest.mark.parametrize(
        ("value", "fill"),
        [
            (-2.5, constant(-2.5)),
            ("replicate", replicate),
            ("symmetric-include-edge", include_edge),
            ("symmetric-exclude-edge", exclude_edge),
        ],
    )
    @pytest.mark.parametrize("pads", [[(2, 1), (0, 3)], [(0, 0), (4, 0)]])
    def test_two_dimensions(self, value: Any, fill: Fill, pads: list[tuple[int, int]]) -> None:
        x, w, b = random(5, 6, 2, 2), random(2, 3, 2, 3), random(1, 1, 3)
        told = layer(2, [2, 3], 3, Stride=[1, 2], Padding=[n for pad in pads for n in pad], PaddingValue=value)
        _, y = apply(told, "SSCB", x, {"Weights": w, "Bias": b})
        close(y, batched(x, weights=w, bias=b, stride=(1, 2), dilation=(1, 1), pads=pads, fill=fill))

    @pytest.mark.parametrize(("value", "most"), [("symmetric-include-edge", 4), ("symmetric-exclude-edge", 3)])
    def test_mirroring_more_than_there_is(self, value: str, most: int) -> None:
        """What MATLAB does then is not documented: the size is known, the values are not."""
        for pad, computable in ((most, True), (most + 1, False)):
            told = layer(1, 2, 3, Padding=[pad, 0], PaddingValue=value)
            network = lowered([source("SCB", random(4, 2, 1)), {"name": "y", **told}])
            assert network.outputs[0].shape == ("N", 3, 4 + pad - 1)
            assert (network.layers["y"].nodes[-1].domain == "") is computable


class TestGrouped:
    def wanted(self, x: Array, w: Array, b: Array, **rest: Any) -> Array:
        """Group by group; filters [h w channels-per-group filters-per-group groups], bias [1 1 filters groups]."""
        per_group, groups = w.shape[2], w.shape[4]
        parts = [
            batched(x[:, :, g * per_group : (g + 1) * per_group], weights=w[..., g], bias=b[..., g], **rest)
            for g in range(groups)
        ]
        return np.concatenate(parts, 2)

    @pytest.mark.parametrize(("channels", "each", "groups"), [(6, 2, 3), (6, 3, 2), (4, 2, 4)])
    def test_groups(self, channels: int, each: int, groups: int) -> None:
        x, w, b = random(5, 6, channels, 2), random(2, 3, channels // groups, each, groups), random(1, 1, each, groups)
        told = {
            "type": "groupedConvolution2dLayer",
            "FilterSize": [2, 3],
            "NumGroups": groups,
            "NumFiltersPerGroup": each,
            "Stride": [2, 1],
            "Padding": [1, 0, 0, 2],
        }
        rest: Any = {"stride": (2, 1), "dilation": (1, 1), "pads": [(1, 0), (0, 2)]}
        close(apply(told, "SSCB", x, {"Weights": w, "Bias": b})[1], self.wanted(x, w, b, **rest))
        if groups == channels:
            told["NumGroups"] = "channel-wise"
            close(apply(told, "SSCB", x, {"Weights": w, "Bias": b})[1], self.wanted(x, w, b, **rest))

    def test_channels_that_are_no_groups(self) -> None:
        told = {"type": "groupedConvolution2dLayer", "FilterSize": 1, "NumGroups": 4, "NumFiltersPerGroup": 1}
        with pytest.raises(DescriptionError, match="6 channels are not 4 groups"):
            apply(told, "SSCB", random(3, 3, 6, 1))


class TestTransposed:
    """Every input element adds its filter, times itself, to the output; then the output is cropped."""

    def wanted(self, x: Array, w: Array, b: Array, stride: Sequence[int], crops: Sequence[tuple[int, int]]) -> Array:
        """Data [spatial... channels batch], filters [window... filters channels]."""
        rank = len(stride)
        window = w.shape[:rank]
        full = [(n - 1) * s + k for n, s, k in zip(x.shape, stride, window, strict=False)]
        y = np.zeros((*full, w.shape[rank], x.shape[-1]))
        for place in np.ndindex(*x.shape[:rank]):
            for tap in np.ndindex(*window):
                at = tuple(p * s + t for p, s, t in zip(place, stride, tap, strict=True))
                y[at] += w[tap].astype(float) @ x[place]
        for axis, (before, after) in enumerate(crops):
            y = np.take(y, range(before, y.shape[axis] - after), axis)
        return y + b.reshape(-1, 1)

    @pytest.mark.parametrize(
        ("format", "size", "window", "stride", "crop", "crops"),
        [
            ("SCB", (5,), (4,), (3,), [1, 0], [(1, 0)]),
            ("SSCB", (4, 5), (3, 4), (2, 3), [1, 0, 2, 1], [(1, 0), (2, 1)]),
            ("SSCB", (4, 5), (2, 1), (3, 2), 0, [(0, 0), (0, 0)]),
            ("SSCB", (4, 5), (3, 4), (2, 1), "same", [(0, 1), (1, 2)]),
            ("SSCB", (4, 5), (2, 5), (2, 3), "same", [(0, 0), (1, 1)]),
            ("SSSCB", (2, 3, 4), (2, 3, 1), (1, 2, 3), [[1, 0, 2], [0, 1, 1]], [(1, 0), (0, 1), (2, 1)]),
            ("SSSCB", (2, 3, 4), (2, 4, 3), (1, 2, 3), "same", [(0, 1), (1, 1), (0, 0)]),
        ],
    )
    def test_against_the_definition(
        self,
        format: str,
        size: tuple[int, ...],
        window: tuple[int, ...],
        stride: tuple[int, ...],
        crop: Any,
        crops: list[tuple[int, int]],
    ) -> None:
        x, w, b = random(*size, 3, 2), random(*window, 4, 3), random(1, 1, 4)
        told = {
            "type": f"transposedConv{len(size)}dLayer",
            "FilterSize": list(window) if len(window) > 1 else window[0],
            "NumFilters": 4,
            "Stride": list(stride) if len(stride) > 1 else stride[0],
            "Cropping": crop,
        }
        found, y = apply(told, format, x, {"Weights": w, "Bias": b})
        assert found == format
        close(y, self.wanted(x, w, b, stride, crops))
        if crop == "same":
            assert y.shape[: len(size)] == tuple(n * s for n, s in zip(size, stride, strict=True))

    def test_over_time_and_at_each_step(self) -> None:
        x, w, b = random(3, 2, 5), random(4, 6, 3), random(6)
        told: dict[str, Any] = {"type": "transposedConv1dLayer", "FilterSize": 4, "NumFilters": 6, "Stride": 2}
        format, y = apply({**told, "Cropping": "same"}, "CBT", x, {"Weights": w, "Bias": b})
        assert format == "CBT"
        close(y, self.wanted(x.transpose(2, 0, 1), w, b, (2,), [(1, 1)]).transpose(1, 2, 0))
        x = random(5, 3, 2, 4)
        format, y = apply({**told, "Cropping": [1, 2]}, "SCBT", x, {"Weights": w, "Bias": b})
        assert format == "SCBT"
        close(y, np.stack([self.wanted(x[..., t], w, b, (2,), [(1, 2)]) for t in range(4)], -1))

    def test_same_with_a_stride_beyond_the_filter_is_sized_but_not_computed(self) -> None:
        told = {"type": "transposedConv2dLayer", "FilterSize": 2, "NumFilters": 3, "Stride": 3, "Cropping": "same"}
        network = lowered([source("SSCB", random(4, 5, 2, 1)), {"name": "y", **told}])
        assert network.outputs[0].shape == ("N", 3, 12, 15)
        assert network.layers["y"].nodes[-1].domain == "qlint.layer"


class TestRefused:
    """What contradicts itself is refused at the layer's place."""

    @pytest.mark.parametrize(
        ("told", "message"),
        [
            (layer(2, [9, 1], 2), "window reaches over 9 elements, but dimension 1 of its padded input has 5"),
            (layer(2, 1, 2, NumChannels=4), "NumChannels is 4, but its input has 3 channels"),
            (layer(3, 1, 2), "needs 3 spatial dimensions, or 2 and time, but its input is SSCB"),
            (layer(1, 1, 2), "needs 1 spatial dimensions"),
        ],
    )
    def test_layer(self, told: dict[str, Any], message: str) -> None:
        with pytest.raises(DescriptionError, match=message) as caught:
            apply(told, "SSCB", random(5, 6, 3, 2))
        assert caught.value.line == 1
        assert (caught.value.column or 0) > 1

    def test_learnables_of_another_shape(self) -> None:
        x = random(5, 6, 3, 2)
        with pytest.raises(DescriptionError, match=r"Weights is \[2 3 4 3\], but .* ask for \[2 3 3 4\]"):
            apply(layer(2, [2, 3], 4), "SSCB", x, {"Weights": random(2, 3, 4, 3)})
        with pytest.raises(DescriptionError, match=r"Bias is \[1 1 3\], but 4 elements"):
            apply(layer(2, [2, 3], 4), "SSCB", x, {"Weights": random(2, 3, 3, 4), "Bias": random(1, 1, 3)})

    def test_trailing_ones_may_be_missing(self) -> None:
        x, w, b = random(5, 6, 1, 2), random(2, 3), random(1)
        _, y = apply(layer(2, [2, 3], 1), "SSCB", x, {"Weights": w, "Bias": b})
        wanted = batched(x, weights=w[..., None, None], bias=b, stride=(1, 1), dilation=(1, 1), pads=[(0, 0), (0, 0)])
        close(y, wanted)


def test_without_learnables_shapes_are_known() -> None:
    network = lowered([source("SSCB", random(8, 9, 3, 1)), {"name": "y", **layer(2, [2, 3], 4, Stride=[2, 1])}])
    assert network.outputs[0].shape == ("N", 4, 4, 7)


def test_lifts_to_the_layer_it_was() -> None:
    """The nodes are those that qlint reads as the same layer from an ONNX file."""
    network = lowered([source("SSCB", random(8, 9, 3, 1)), {"name": "y", **layer(2, [2, 3], 4, Padding="same")}])
    (node,) = network.layers["y"].nodes
    assert (node.op_type, node.attributes["auto_pad"]) == ("Conv", "SAME_UPPER")
