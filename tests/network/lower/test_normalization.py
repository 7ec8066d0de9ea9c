"""Normalizations against their equations, in MATLAB's layout."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from qlint.errors import DescriptionError
from tests.network.lower.describing import Array, close, random
from tests.network.lower.running import FORMATS, data, one

EPSILON = 0.013


def affine(channels: int) -> dict[str, Array]:
    return {"Scale": random(channels, 1, seed=1), "Offset": random(1, 1, channels, seed=2)}


def blocks(x: Array, format: str, labels: str, channels: list[list[int]]) -> Iterator[tuple[Any, ...]]:
    """Index of every block of elements that share their statistics: all of `labels`, the channels in groups."""
    choices: list[list[Any]] = []
    for axis, label in enumerate(format):
        if label == "C":
            choices.append(channels)
        elif label in labels:
            choices.append([list(range(x.shape[axis]))])
        else:
            choices.append([[at] for at in range(x.shape[axis])])
    for choice in itertools.product(*choices):
        yield np.ix_(*choice)


def normalized(x: Array, format: str, labels: str, channels: list[list[int]], arrays: dict[str, Array]) -> Array:
    """(x - mean) / sqrt(variance + epsilon) * scale + offset, block by block."""
    wanted = np.empty(x.shape)
    for index in blocks(x, format, labels, channels):
        block = x[index].astype(float)
        mean = sum(block.ravel()) / block.size
        variance = sum((v - mean) ** 2 for v in block.ravel()) / block.size
        wanted[index] = (block - mean) / np.sqrt(variance + EPSILON)
    spread = [x.shape[axis] if label == "C" else 1 for axis, label in enumerate(format)]
    return wanted * arrays["Scale"].reshape(spread) + arrays["Offset"].reshape(spread)


@pytest.mark.parametrize("format", FORMATS)
def test_batch_normalization(format: str) -> None:
    x = data(format)
    axis = format.index("C")
    count = x.shape[axis]
    arrays = affine(count)
    arrays |= {"TrainedMean": random(count, seed=3), "TrainedVariance": np.abs(random(1, 1, count, seed=4)) + 0.1}
    wanted = np.empty(x.shape)
    scale, offset, mean, variance = (arrays[name].ravel().astype(float) for name in arrays)
    for at in np.ndindex(x.shape):
        c = at[axis]
        wanted[at] = (x[at] - mean[c]) / np.sqrt(variance[c] + EPSILON) * scale[c] + offset[c]
    close(one({"type": "batchNormalizationLayer", "Epsilon": EPSILON}, (format, x), arrays=arrays), wanted)


def test_batch_normalization_has_an_epsilon_of_1e_5() -> None:
    x = data("CB")
    count = x.shape[0]
    arrays = {name: np.zeros(count, np.float32) for name in ("Offset", "TrainedMean", "TrainedVariance")}
    arrays["Scale"] = np.ones(count, np.float32)
    close(one({"type": "batchNormalizationLayer"}, ("CB", x), arrays=arrays), x / np.sqrt(1e-5))


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize(
    ("dimension", "labels"),
    [("auto", "S"), ("spatial-channel", "S"), ("channel-only", ""), ("batch-excluded", "ST")],
)
def test_layer_normalization(format: str, dimension: str, labels: str) -> None:
    x = data(format)
    count = x.shape[format.index("C")]
    arrays = affine(count)
    layer = {"type": "layerNormalizationLayer", "Epsilon": EPSILON, "OperationDimension": dimension}
    close(one(layer, (format, x), arrays=arrays), normalized(x, format, labels, [list(range(count))], arrays))


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("groups", [2, "all-channels", "channel-wise"])
def test_group_normalization(format: str, groups: Any) -> None:
    x = data(format)
    count = x.shape[format.index("C")]
    each = {2: count // 2, "all-channels": count, "channel-wise": 1}[groups]
    channels = [list(range(first, first + each)) for first in range(0, count, each)]
    arrays = affine(count)
    layer = {"type": "groupNormalizationLayer", "NumGroups": groups, "Epsilon": EPSILON}
    close(one(layer, (format, x), arrays=arrays), normalized(x, format, "ST", channels, arrays))


@pytest.mark.parametrize("format", [format for format in FORMATS if format != "CB"])
def test_instance_normalization(format: str) -> None:
    x = data(format)
    count = x.shape[format.index("C")]
    arrays = affine(count)
    wanted = normalized(x, format, "ST", [[c] for c in range(count)], arrays)
    close(one({"type": "instanceNormalizationLayer", "Epsilon": EPSILON}, (format, x), arrays=arrays), wanted)


@pytest.mark.parametrize("window", [1, 2, 3, 4, 7])
def test_cross_channel_normalization(window: int) -> None:
    """An even window has floor((w - 1) / 2) channels before and floor(w / 2) after."""
    x = data("SSCB")
    count = x.shape[2]
    wanted = np.empty(x.shape)
    for h, w, c, b in np.ndindex(x.shape):
        near = range(max(0, c - (window - 1) // 2), min(count, c + window // 2 + 1))
        ss = sum(float(x[h, w, k, b]) ** 2 for k in near)
        wanted[h, w, c, b] = x[h, w, c, b] / (1.5 + 0.4 * ss / window) ** 0.6
    layer = {"type": "crossChannelNormalizationLayer", "WindowChannelSize": window, "Alpha": 0.4, "Beta": 0.6, "K": 1.5}
    close(one(layer, ("SSCB", x)), wanted)


@pytest.mark.parametrize(
    ("layer", "problem"),
    [
        ({"type": "batchNormalizationLayer", "NumChannels": 9}, "NumChannels is 9, and its input has 4 channels"),
        ({"type": "groupNormalizationLayer", "NumGroups": 3}, "4 channels do not divide into 3 groups"),
    ],
)
def test_what_does_not_fit(layer: dict[str, Any], problem: str) -> None:
    with pytest.raises(DescriptionError, match=problem):
        one(layer, ("SSCB", data("SSCB")))


def test_a_learnable_of_another_size() -> None:
    with pytest.raises(DescriptionError, match="Scale"):
        one({"type": "batchNormalizationLayer"}, ("CB", data("CB")), arrays={"Scale": np.ones(9, np.float32)})
