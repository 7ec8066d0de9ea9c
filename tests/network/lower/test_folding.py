"""Sequence folding and unfolding: what stands between sees single time steps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from qlint.errors import DescriptionError
from tests.network.lower.describing import close, computed, lowered, random, source

FOLD: dict[str, Any] = {"name": "fold", "type": "sequenceFoldingLayer"}
UNFOLD: dict[str, Any] = {"name": "unfold", "type": "sequenceUnfoldingLayer"}
SIZES = ("fold/miniBatchSize", "unfold/miniBatchSize")


def test_a_layer_between_sees_each_time_step_alone() -> None:
    """An instance normalization takes its statistics over time too, if there is any."""
    x = random(4, 5, 3, 2, 6)
    layers = [source("SSCBT", x), FOLD, {"name": "norm", "type": "instanceNormalizationLayer"}, UNFOLD]
    ones, zeros = np.ones(3, np.float32), np.zeros(3, np.float32)
    connections = [("x", "fold"), ("fold/out", "norm"), ("norm", "unfold/in"), SIZES]
    network = lowered(layers, {"norm/Scale": ones, "norm/Offset": zeros}, connections)
    ((format, found),) = computed(network, {"x": ("SSCBT", x)}).values()
    assert format == "SSCBT"
    wide = x.astype(np.float64)
    mean, variance = wide.mean((0, 1), keepdims=True), wide.var((0, 1), keepdims=True)
    close(found, (wide - mean) / np.sqrt(variance + 1e-5))


@pytest.mark.parametrize(
    ("format", "connections", "words"),
    [
        ("SSCB", [("x", "fold"), ("fold", "unfold"), SIZES], "folds sequences, but its input is SSCB"),
        ("SSCBT", [("x", "fold"), ("x", "unfold/in"), SIZES], "unfolds single time steps, but its input is SSCBT"),
        ("SSCBT", [("x", "fold"), ("fold", "unfold"), ("x", "unfold/miniBatchSize")], "connect that layer's output"),
    ],
)
def test_what_cannot_be_folded(format: str, connections: list[tuple[str, str]], words: str) -> None:
    x = random(*(4, 5, 3, 2, 6)[: len(format)])
    with pytest.raises(DescriptionError, match=words):
        lowered([source(format, x), FOLD, UNFOLD], None, connections)
