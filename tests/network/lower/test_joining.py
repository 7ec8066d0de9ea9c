"""Concatenation, permutation, indexing and embedding in MATLAB's layout."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from qlint.errors import DescriptionError
from tests.network.lower.describing import Array, random
from tests.network.lower.running import FORMATS, data, one, run


@pytest.mark.parametrize(
    ("format", "dimension"), [(format, at + 1) for format in FORMATS for at in range(len(format)) if format[at] in "SC"]
)
def test_concatenation(format: str, dimension: int) -> None:
    parts = [data(format), np.take(data(format, seed=1), [0], axis=dimension - 1)]
    layer = {"type": "concatenationLayer", "Dim": dimension, "NumInputs": 2}
    found = one(layer, *((format, part) for part in parts))
    assert found.shape[dimension - 1] == parts[0].shape[dimension - 1] + 1
    assert np.array_equal(found, np.concatenate(parts, axis=dimension - 1))


def test_concatenation_in_time() -> None:
    parts = [data("CBT"), random(4, 3, 2)]
    layer = {"type": "concatenationLayer", "Dim": 3, "NumInputs": 2}
    assert np.array_equal(one(layer, *(("CBT", part) for part in parts)), np.concatenate(parts, axis=2))


def test_depth_concatenation() -> None:
    parts = [random(2, 5, channels, 3) for channels in (4, 1, 2)]
    layer = {"type": "depthConcatenationLayer", "NumInputs": 3}
    assert np.array_equal(one(layer, *(("SSCB", part) for part in parts)), np.concatenate(parts, axis=2))


@pytest.mark.parametrize(
    ("layer", "inputs", "problem"),
    [
        ({"type": "concatenationLayer", "Dim": 5}, [("SSCB", (2, 5, 4, 3))] * 2, "Dim is 5, and its input is SSCB"),
        (
            {"type": "concatenationLayer", "Dim": 3},
            [("SSCB", (2, 5, 4, 3)), ("SSCB", (2, 6, 4, 3))],
            r"SSCB \[2 5 4 N\] and SSCB \[2 6 4 N\]",
        ),
        ({"type": "depthConcatenationLayer"}, [("SSCB", (2, 5, 4, 3)), ("CB", (4, 3))], r"and CB \[4 N\]"),
    ],
)
def test_what_does_not_fit(layer: dict[str, Any], inputs: list[tuple[str, tuple[int, ...]]], problem: str) -> None:
    with pytest.raises(DescriptionError, match=problem):
        one({"NumInputs": 2, **layer}, *((format, random(*shape)) for format, shape in inputs))


class TestPermutation:
    def test_rows_for_columns(self) -> None:
        x = data("SSCB")
        found = one({"type": "permuteLayer", "DimensionOrder": [0, 1, 3, 2]}, ("SSCB", x))
        assert np.array_equal(found, x.transpose(1, 0, 2, 3))

    @pytest.mark.parametrize("order", [[0, 1, 2], [0, 1, 2, 2]])
    def test_no_order(self, order: Any) -> None:
        with pytest.raises(DescriptionError, match="no order of the 4 axes of SSCB data"):
            one({"type": "permuteLayer", "DimensionOrder": order}, ("SSCB", data("SSCB")))


@pytest.mark.parametrize("format", ["CBT", "SCB"])
@pytest.mark.parametrize(("index", "at"), [("first", 0), ("last", -1)])
def test_indexing(format: str, index: str, at: int) -> None:
    x = data(format)
    wanted: Array = x[:, :, at] if format == "CBT" else x[at]
    assert np.array_equal(one({"type": "indexing1dLayer", "Index": index}, (format, x), format="CB"), wanted)


class TestWordEmbedding:
    WEIGHTS = random(5, 7)

    def test_of_a_sequence(self) -> None:
        words = np.array([[[1, 7, 3], [2, 2, 6]]], np.float32)  # one channel, two observations, three steps
        found = one({"type": "wordEmbeddingLayer"}, ("CBT", words), arrays={"Weights": self.WEIGHTS})
        assert found.shape == (5, 2, 3)
        for b, t in np.ndindex(2, 3):
            assert np.array_equal(found[:, b, t], self.WEIGHTS[:, int(words[0, b, t]) - 1])

    def test_of_one_word(self) -> None:
        words = np.array([[4, 1, 6]], np.float32)
        layer = {"type": "wordEmbeddingLayer", "Dimension": 5, "NumWords": 7}
        assert np.array_equal(one(layer, ("CB", words), arrays={"Weights": self.WEIGHTS}), self.WEIGHTS[:, [3, 0, 5]])

    def test_an_input_of_several_channels(self) -> None:
        with pytest.raises(DescriptionError, match=r"its input is CBT \[4 N T\]"):
            run({"type": "wordEmbeddingLayer"}, ("CBT", data("CBT")), arrays={"Weights": self.WEIGHTS})

    def test_weights_of_another_size(self) -> None:
        with pytest.raises(DescriptionError, match=r"Weights is \[5 7\], but the layer.*ask for \[5 9\]"):
            run({"type": "wordEmbeddingLayer", "NumWords": 9}, ("CB", random(1, 3)), arrays={"Weights": self.WEIGHTS})
