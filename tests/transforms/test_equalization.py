"""The arithmetic of equalization by itself."""

from __future__ import annotations

from itertools import pairwise, product
from typing import Any

import numpy as np
import pytest

from qlint.transforms import equalization
from qlint.transforms.equalization import Joint, Layer, equalize

Array = np.ndarray[Any, Any]


def pair(inputs_first: bool, spread: int) -> tuple[list[Joint], list[tuple[Layer, Array]]]:
    """Three fully connected layers in a row, their joints and weights."""
    random = np.random.default_rng(spread)
    sizes = [5, 7, 6, 4]
    layers = []
    for before, after in pairwise(sizes):
        weights = random.standard_normal((before, after) if inputs_first else (after, before)).astype(np.float32)
        weights *= np.exp(random.uniform(-1, 1, (after,) if inputs_first else (after, 1))).astype(np.float32)
        layers.append((Layer(None, weights.shape, 1, inputs_first), weights))  # type: ignore[arg-type]
    joints = []
    for (one, _), (other, _) in pairwise(layers):
        joint = Joint(one, [other], [], np.ones(one.outputs))
        one.after = other.before = joint
        joints.append(joint)
    for layer, weights in layers:
        layer.measure(weights)
    return joints, layers


@pytest.mark.parametrize(("inputs_first", "block"), list(product([False, True], [1, 10, 1 << 16])))
def test_ranges_are_those_of_the_scaled_weights(
    monkeypatch: pytest.MonkeyPatch, inputs_first: bool, block: int
) -> None:
    monkeypatch.setattr(equalization, "BLOCK", block)
    joints, layers = pair(inputs_first, 1)
    equalize(joints, 0.0)
    assert not any(joint.is_level for joint in joints)
    for layer, weights in layers:
        scaled = np.abs(layer.view(layer.scaled(weights)))
        if layer.after is not None:
            np.testing.assert_allclose(layer.output_ranges(), scaled.max(axis=(0, 2, 3)), rtol=1e-6)
        if layer.before is not None:
            np.testing.assert_allclose(layer.input_ranges(), scaled.max(axis=(0, 1, 3)), rtol=1e-6)
    for joint in joints:
        one, other = joint.ranges()
        np.testing.assert_allclose(one, other, rtol=1e-2)


@pytest.mark.parametrize("inputs_first", [False, True])
def test_factors_do_not_depend_on_the_size_of_the_parts(monkeypatch: pytest.MonkeyPatch, inputs_first: bool) -> None:
    found = []
    for block in (1, 10, 1 << 16):
        monkeypatch.setattr(equalization, "BLOCK", block)
        joints, _ = pair(inputs_first, 2)
        equalize(joints, 0.0)
        found.append(np.concatenate([joint.factors for joint in joints]))
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])
