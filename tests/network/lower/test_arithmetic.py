"""Addition, multiplication, constants: element by element in MATLAB's layout."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from qlint.errors import DescriptionError
from tests.network.lower import describing
from tests.network.lower.describing import close, random, source
from tests.network.lower.running import FORMATS, data, lowered, one


@pytest.mark.parametrize("count", [2, 3, 5])
@pytest.mark.parametrize("format", ["SSCB", "CBT"])
def test_addition_and_multiplication(count: int, format: str) -> None:
    parts = [data(format, seed=k) for k in range(count)]
    inputs = [(format, part) for part in parts]
    close(one({"type": "additionLayer", "NumInputs": count}, *inputs), sum(parts))
    close(one({"type": "multiplicationLayer", "NumInputs": count}, *inputs), np.prod(parts, axis=0))


def test_operators() -> None:
    """A product is a chain, as a MATLAB network with two-input layers has it; a sum is one node."""
    inputs = [("CB", data("CB", seed=k)) for k in range(4)]
    product = lowered({"type": "multiplicationLayer", "NumInputs": 4}, *inputs).layers["it"]
    assert [node.op_type for node in product.nodes] == ["Mul"] * 3
    addition = lowered({"type": "additionLayer", "NumInputs": 4}, *inputs).layers["it"]
    assert [node.op_type for node in addition.nodes] == ["Sum"]


def test_axes_of_size_one_expand() -> None:
    x, gate, row = data("SSCB"), random(1, 1, 4, 3), random(1, 5, 1, 3)
    wanted = np.empty(x.shape)
    for h, w, c, b in np.ndindex(x.shape):
        wanted[h, w, c, b] = x[h, w, c, b] * gate[0, 0, c, b] * row[0, w, 0, b]
    layer = {"type": "multiplicationLayer", "NumInputs": 3}
    close(one(layer, ("SSCB", gate), ("SSCB", x), ("SSCB", row)), wanted)


def test_labels_are_aligned() -> None:
    x, once, image, signal = data("SSCBT"), random(4, 3), random(2, 5, 4, 3), random(4, 3, 6)
    wanted = np.empty(x.shape)
    for h, w, c, b, t in np.ndindex(x.shape):
        wanted[h, w, c, b, t] = once[c, b] + x[h, w, c, b, t] + image[h, w, c, b] + signal[c, b, t]
    layer = {"type": "additionLayer", "NumInputs": 4}
    close(one(layer, ("CB", once), ("SSCBT", x), ("SSCB", image), ("CBT", signal), format="SSCBT"), wanted)


def test_sizes_of_aligned_labels() -> None:
    sources = [source(format, data(format), format, open="") for format in ("CBT", "SSCBT")]
    ends = [("CBT", "it/in1"), ("SSCBT", "it/in2")]
    made = describing.lowered([*sources, {"name": "it", "type": "additionLayer", "NumInputs": 2}], {}, ends)
    assert made.outputs[0].shape == (3, 4, 2, 5, 6)


def test_sizes_that_do_not_fit() -> None:
    with pytest.raises(DescriptionError, match=r"SSCB \[2 5 4 N\] and SSCB \[2 3 4 N\]"):
        one({"type": "additionLayer", "NumInputs": 2}, ("SSCB", data("SSCB")), ("SSCB", random(2, 3, 4, 3)))


class TestAffine:
    @pytest.mark.parametrize("format", FORMATS)
    def test_per_channel(self, format: str) -> None:
        x = data(format)
        channels = x.shape[format.index("C")]
        scale, offset = random(channels, seed=1), random(channels, seed=2)
        spread = [channels if label == "C" else 1 for label in format]
        wanted = x * scale.reshape(spread) + offset.reshape(spread)
        layer = {"type": "nnet.onnx.layer.ElementwiseAffineLayer"}
        close(one(layer, (format, x), arrays={"Scale": scale, "Offset": offset}), wanted)

    def test_per_element_and_inline(self) -> None:
        x = data("SSCB")
        scale = random(2, 5, 4, seed=1)
        wanted = np.empty(x.shape)
        for h, w, c, b in np.ndindex(x.shape):
            wanted[h, w, c, b] = scale[h, w, c] * x[h, w, c, b] - 0.5
        layer = {"type": "scalingLayer", "Scale": scale.tolist(), "Offset": -0.5}
        close(one(layer, ("SSCB", x)), wanted)

    def test_the_older_name_of_the_offset(self) -> None:
        x, bias = data("CBT"), random(4, 1)
        close(one({"type": "scalingLayer"}, ("CBT", x), arrays={"Bias": bias}), x + bias[:, :, None])
        close(one({"type": "scalingLayer", "Bias": [1, 2, 3, 4]}, ("CBT", x)), x + np.reshape([1, 2, 3, 4], (4, 1, 1)))

    def test_an_array_that_follows_time(self) -> None:
        x = data("CBT")
        with pytest.raises(DescriptionError, match="does not expand"):
            one({"type": "scalingLayer"}, ("CBT", x), arrays={"Scale": random(4, 3, 6)})

    @pytest.mark.parametrize(
        ("properties", "operators"),
        [
            ({}, ["Identity"]),
            ({"Scale": 2}, ["Mul"]),
            ({"Offset": 2}, ["Add"]),
            ({"Scale": 2, "Offset": 2}, ["Mul", "Add"]),
        ],
    )
    def test_operators(self, properties: dict[str, Any], operators: list[str]) -> None:
        made = lowered({"type": "scalingLayer", **properties}, ("CB", data("CB"))).layers["it"]
        assert [node.op_type for node in made.nodes] == operators


UNDOING: dict[str, Any] = {
    "zerocenter": lambda y, mean, std, low, high: y + mean,
    "zscore": lambda y, mean, std, low, high: y * std + mean,
    "rescale-symmetric": lambda y, mean, std, low, high: (y + 1) / 2 * (high - low) + low,
    "rescale-zero-one": lambda y, mean, std, low, high: y * (high - low) + low,
    "none": lambda y, mean, std, low, high: y,
}


@pytest.mark.parametrize("mode", UNDOING)
@pytest.mark.parametrize("inline", [False, True])
def test_inverse_normalization(mode: str, inline: bool) -> None:
    y = data("CB")
    names = ("Mean", "StandardDeviation", "Min", "Max")
    arrays = {name: random(4, seed=k) + 3 * k for k, name in enumerate(names)}
    wanted = UNDOING[mode](y, *(array[:, None] for array in arrays.values()))
    layer: dict[str, Any] = {"type": "inverseNormalizationLayer", "Normalization": mode}
    if inline:
        layer |= {name: array.tolist() for name, array in arrays.items()}
    close(one(layer, ("CB", y), arrays={} if inline else arrays), wanted)
