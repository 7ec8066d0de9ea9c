"""Activations against their formulas, number by number."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from qlint.errors import DescriptionError
from tests.network.lower.describing import close
from tests.network.lower.running import FORMATS, data, one

FORMULAS: dict[str, Any] = {
    "reluLayer": ({}, lambda x: max(x, 0.0)),
    "leakyReluLayer": ({"Scale": 0.3}, lambda x: x if x >= 0 else 0.3 * x),
    "clippedReluLayer": ({"Ceiling": 0.7}, lambda x: 0.0 if x < 0 else min(x, 0.7)),
    "eluLayer": ({"Alpha": 1.7}, lambda x: x if x >= 0 else 1.7 * (math.exp(x) - 1)),
    "geluLayer": ({}, lambda x: x / 2 * (1 + math.erf(x / math.sqrt(2)))),
    "swishLayer": ({}, lambda x: x / (1 + math.exp(-x))),
    "sigmoidLayer": ({}, lambda x: 1 / (1 + math.exp(-x))),
    "tanhLayer": ({}, math.tanh),
    "softplusLayer": ({}, lambda x: math.log(1 + math.exp(x))),
    "dlhdl.layer.mishLayer": ({}, lambda x: x * math.tanh(math.log(1 + math.exp(x)))),
}


@pytest.mark.parametrize("type", FORMULAS)
@pytest.mark.parametrize("format", ["SSCB", "CBT"])
def test_formula(type: str, format: str) -> None:
    properties, formula = FORMULAS[type]
    x = data(format) * 2
    close(one({"type": type, **properties}, (format, x)), np.vectorize(formula)(x.astype(float)))


def test_defaults() -> None:
    x = data("CB")
    close(one({"type": "leakyReluLayer"}, ("CB", x)), np.where(x >= 0, x, 0.01 * x))
    close(one({"type": "eluLayer"}, ("CB", x)), np.where(x >= 0, x, np.expm1(x)))


def test_gelu_by_tanh() -> None:
    x = data("CB") * 2
    wanted = [0.5 * v * (1 + math.tanh(math.sqrt(2 / math.pi) * (v + 0.044715 * v**3))) for v in x.ravel().tolist()]
    close(one({"type": "geluLayer", "Approximation": "tanh"}, ("CB", x)), np.reshape(wanted, x.shape))


@pytest.mark.parametrize("format", FORMATS)
def test_softmax_is_over_channels(format: str) -> None:
    x = data(format)
    axis = format.index("C")
    e = np.exp(x.astype(float))
    close(one({"type": "softmaxLayer"}, (format, x)), e / e.sum(axis, keepdims=True))


class TestPrelu:
    @pytest.mark.parametrize("format", FORMATS)
    def test_a_slope_for_each_channel(self, format: str) -> None:
        x = data(format)
        channels = x.shape[format.index("C")]
        alpha = np.linspace(-0.5, 2, channels).astype(np.float32)
        spread = alpha.reshape([channels if label == "C" else 1 for label in format])
        close(one({"type": "preluLayer"}, (format, x), arrays={"Alpha": alpha}), np.where(x > 0, x, spread * x))

    def test_a_slope_for_each_place_of_an_image(self) -> None:
        x = data("SSCB")
        alpha = np.arange(x.shape[0] * x.shape[1], dtype=np.float32).reshape(x.shape[:2])
        wanted = np.empty_like(x)
        for h, w, c, b in np.ndindex(x.shape):
            value = x[h, w, c, b]
            wanted[h, w, c, b] = value if value > 0 else alpha[h, w] * value
        close(one({"type": "preluLayer"}, ("SSCB", x), arrays={"Alpha": alpha}), wanted)

    def test_one_slope(self) -> None:
        x = data("CBT")
        close(
            one({"type": "preluLayer"}, ("CBT", x), arrays={"Alpha": np.float32([[0.25]])}), np.where(x > 0, x, x / 4)
        )

    def test_a_slope_that_does_not_expand(self) -> None:
        with pytest.raises(DescriptionError, match=r"Alpha of size \[5 1\] does not expand to SSCB"):
            one({"type": "preluLayer"}, ("SSCB", data("SSCB")), arrays={"Alpha": np.ones((5, 1), np.float32)})
