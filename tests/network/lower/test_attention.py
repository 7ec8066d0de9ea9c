"""Attention against its equations: head by head, query by query."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from qlint.errors import DescriptionError
from tests.network.lower.describing import Array, close, random
from tests.network.lower.running import data, lowered, one


def attention(query: Array, key: Array, value: Array, heads: int, scale: float, *, causal: bool = False) -> Array:
    """Of one observation, [channels steps] each."""
    d, e = key.shape[0] // heads, value.shape[0] // heads
    out = np.zeros((value.shape[0], query.shape[1]))
    for head in range(heads):
        q, k, v = query[head * d : (head + 1) * d], key[head * d : (head + 1) * d], value[head * e : (head + 1) * e]
        for at in range(query.shape[1]):
            seen = range(at + 1) if causal else range(key.shape[1])
            weights = [math.exp(scale * float(k[:, step] @ q[:, at])) for step in seen]
            for step, weight in zip(seen, weights, strict=True):
                out[head * e : (head + 1) * e, at] += weight / sum(weights) * v[:, step]
    return out


def steps_of(format: str, x: Array, b: int) -> Array:
    """[channels steps] of one observation."""
    return x[:, b].astype(float) if format == "CBT" else x[:, :, b].T.astype(float)


@pytest.mark.parametrize("format", ["CBT", "SCB"])
@pytest.mark.parametrize("mask", ["none", "causal"])
def test_self_attention(format: str, mask: str) -> None:
    x = data(format)
    keys, channels, out = 6, 9, 5
    arrays = {f"{name}Weights": random(keys, 4, seed=k) for k, name in enumerate(("Query", "Key"))}
    arrays |= {"ValueWeights": random(channels, 4, seed=3), "OutputWeights": random(out, channels, seed=4)}
    sizes = {"Query": keys, "Key": keys, "Value": channels, "Output": out}
    arrays |= {f"{name}Bias": random(size, 1, seed=5) for name, size in sizes.items()}
    layer = {
        "type": "selfAttentionLayer",
        "NumHeads": 3,
        "NumKeyChannels": keys,
        "NumValueChannels": channels,
        "OutputSize": out,
        "AttentionMask": mask,
    }
    found = one(layer, (format, x), arrays=arrays)
    for b in range(x.shape[format.index("B")]):
        seen = steps_of(format, x, b)
        q, k, v = (arrays[f"{n}Weights"] @ seen + arrays[f"{n}Bias"] for n in ("Query", "Key", "Value"))
        merged = attention(q, k, v, 3, 1 / math.sqrt(keys / 3), causal=mask == "causal")
        close(steps_of(format, found, b), arrays["OutputWeights"] @ merged + arrays["OutputBias"])


def test_sizes_that_are_left_out() -> None:
    """Values have as many channels as keys, the output as many as the input."""
    made = lowered({"type": "selfAttentionLayer", "NumHeads": 2, "NumKeyChannels": 6}, ("CBT", data("CBT")))
    learnables = made.layers["it"].learnables
    assert learnables["ValueWeights"].shape == (4, 6)
    assert learnables["OutputWeights"].shape == (6, 4)
    assert made.outputs[0].shape == ("N", 4, "T")


@pytest.mark.parametrize("scale", ["auto", 0.3])
def test_attention(scale: Any) -> None:
    query, key, value = random(6, 3, 5, seed=1), random(6, 3, 2, seed=2), random(8, 3, 2, seed=3)
    layer = {"type": "attentionLayer", "NumHeads": 2, "Scale": scale}
    found = one(layer, ("CBT", query), ("CBT", key), ("CBT", value))
    number = 1 / math.sqrt(3) if scale == "auto" else scale
    for b in range(3):
        wanted = attention(*(x[:, b].astype(float) for x in (query, key, value)), 2, number)
        close(found[:, b], wanted)


def test_what_does_not_fit() -> None:
    layer = {"type": "selfAttentionLayer", "NumHeads": 4, "NumKeyChannels": 6}
    with pytest.raises(DescriptionError, match="6 channels do not divide into 4 heads"):
        lowered(layer, ("CBT", data("CBT")))


def test_queries_and_keys_of_different_sizes() -> None:
    inputs = [("CBT", random(channels, 3, 6)) for channels in (4, 6, 6)]
    with pytest.raises(DescriptionError, match="its queries have 4 channels and its keys 6"):
        lowered({"type": "attentionLayer", "NumHeads": 2}, *inputs)
