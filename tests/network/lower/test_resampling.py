"""Resizing and cropping against loops over coordinates, and against the Resize operator of opset 10."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper

from qlint.errors import DescriptionError
from tests.network.lower.describing import Array, apply, close, computed, lowered, random, source

ROUND: dict[str, Callable[[Fraction], int]] = {"round": lambda at: math.floor(at + Fraction(1, 2)), "floor": math.floor}


def places(n: int, new: int, geometry: str) -> list[Fraction]:
    """Where each new element lies among the old ones, counted from 0."""
    scale = Fraction(new, n)
    if geometry == "asymmetric":
        return [i / scale for i in range(new)]
    return [(i + Fraction(1, 2)) / scale - Fraction(1, 2) for i in range(new)]


def nearest(x: Array, axis: int, new: int, geometry: str, rounding: str) -> Array:
    n = x.shape[axis]
    return np.take(x, [min(max(ROUND[rounding](at), 0), n - 1) for at in places(n, new, geometry)], axis)


def linear(x: Array, axis: int, new: int, geometry: str) -> Array:
    n = x.shape[axis]
    found = []
    for at in places(n, new, geometry):
        at = min(max(at, Fraction(0)), Fraction(n - 1))
        low = math.floor(at)
        part = float(at - low)
        found.append((1 - part) * x.take(low, axis).astype(float) + part * x.take(min(low + 1, n - 1), axis))
    return np.stack(found, axis)


SIZES = [
    ({"Scale": [2, 3]}, (8, 15)),
    ({"Scale": 2}, (8, 10)),
    ({"Scale": [0.5, 1.2]}, (2, 6)),
    ({"OutputSize": [7, 3]}, (7, 3)),
    ({"OutputSize": [8, None]}, (8, 10)),
]


@pytest.mark.parametrize(("told", "after"), SIZES)
@pytest.mark.parametrize("geometry", ["half-pixel", "asymmetric"])
class TestResize:
    @pytest.mark.parametrize("rounding", ["round", "floor"])
    def test_nearest(self, told: dict[str, Any], after: tuple[int, int], geometry: str, rounding: str) -> None:
        x = random(4, 5, 3, 2)
        layer = {"type": "resize2dLayer", **told, "GeometricTransformMode": geometry, "NearestRoundingMode": rounding}
        format, y = apply(layer, "SSCB", x)
        assert format == "SSCB"
        for axis, new in enumerate(after):
            x = nearest(x, axis, new, geometry, rounding)
        np.testing.assert_array_equal(y, x)

    def test_bilinear(self, told: dict[str, Any], after: tuple[int, int], geometry: str) -> None:
        x = random(4, 5, 3, 2)
        layer = {"type": "resize2dLayer", **told, "Method": "bilinear", "GeometricTransformMode": geometry}
        _, y = apply(layer, "SSCB", x)
        for axis, new in enumerate(after):
            x = linear(x, axis, new, geometry)
        close(y, x)


def test_three_dimensions_and_time() -> None:
    x = random(2, 3, 4, 2, 1)
    layer = {"type": "resize3dLayer", "Scale": [2, 1, 0.5], "Method": "trilinear"}
    wanted = linear(linear(x, 0, 4, "half-pixel"), 2, 2, "half-pixel")
    format, y = apply(layer, "SSSCB", x)
    assert format == "SSSCB"
    close(y, wanted)
    x = random(4, 5, 2, 1, 3)
    format, y = apply({"type": "resize2dLayer", "OutputSize": [6, 7], "Method": "bilinear"}, "SSCBT", x)
    assert format == "SSCBT"
    close(y, linear(linear(x, 0, 6, "half-pixel"), 1, 7, "half-pixel"))


def test_defaults_are_half_pixel_and_round() -> None:
    x = random(5, 4, 1, 1)
    _, y = apply({"type": "resize2dLayer", "OutputSize": [3, 7]}, "SSCB", x)
    np.testing.assert_array_equal(y, nearest(nearest(x, 0, 3, "half-pixel", "round"), 1, 7, "half-pixel", "round"))


@pytest.mark.parametrize("scale", [[2.0, 3.0], [0.5, 0.6], [1.5, 0.4], [0.75, 2.4]])
def test_onnx_10_is_what_opset_10_does(scale: list[float]) -> None:
    x = random(4, 5, 2, 1)
    layer = {
        "type": "resize2dLayer",
        "Scale": scale,
        "GeometricTransformMode": "asymmetric",
        "NearestRoundingMode": "onnx-10",
    }
    node = helper.make_node("Resize", ["x", "s"], ["y"], mode="nearest")
    graph = helper.make_graph(
        [node],
        "g",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1, 2, 4, 5])],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, None)],
        [helper.make_tensor("s", onnx.TensorProto.FLOAT, [4], [1, 1, *scale])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 10)], ir_version=7)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (wanted,) = session.run(None, {"x": x.transpose(3, 2, 0, 1)})
    np.testing.assert_array_equal(apply(layer, "SSCB", x)[1], wanted.transpose(2, 3, 1, 0))


class TestReference:
    def two(self, layer: dict[str, Any], x: Array, ref: Array, *, open: str = "BT") -> tuple[str, Array]:
        network = lowered(
            [source("SSCB", x), source("SSCB", ref, "r", open=open), {"name": "y", **layer}],
            connections=[("x", "y/in"), ("r", "y/ref")],
        )
        ((format, y),) = computed(network, {"x": ("SSCB", x), "r": ("SSCB", ref)}).values()
        return format, y

    def test_resize(self) -> None:
        x, ref = random(4, 5, 3, 2), random(7, 3, 1, 2)
        format, y = self.two({"type": "resize2dLayer", "EnableReferenceInput": True}, x, ref)
        assert format == "SSCB"
        np.testing.assert_array_equal(y, nearest(nearest(x, 0, 7, "half-pixel", "round"), 1, 3, "half-pixel", "round"))

    @pytest.mark.parametrize(("location", "x0", "y0"), [([3, 2], 2, 1), ([1, 1], 0, 0), ([5, 4], 4, 3)])
    def test_crop_at_x_and_y(self, location: list[int], x0: int, y0: int) -> None:
        x, ref = random(7, 9, 3, 2), random(4, 5, 1, 2)
        format, y = self.two({"type": "crop2dLayer", "Location": location}, x, ref)
        assert format == "SSCB"
        np.testing.assert_array_equal(y, x[y0 : y0 + 4, x0 : x0 + 5])

    def test_crop_of_the_middle(self) -> None:
        x, ref = random(8, 9, 3, 2), random(4, 3, 1, 2)
        _, y = self.two({"type": "crop2dLayer", "Mode": "centercrop"}, x, ref)
        np.testing.assert_array_equal(y, x[2:6, 3:6])

    def test_crop_beyond_the_input(self) -> None:
        with pytest.raises(DescriptionError, match=r"5 elements from the 6\. on do not lie within its input's 9"):
            self.two({"type": "crop2dLayer", "Location": [6, 1]}, random(7, 9, 3, 2), random(4, 5, 1, 2))


class TestOpen:
    """What the pages leave open is sized as far as it can be, and not computed."""

    @pytest.mark.parametrize(
        ("layer", "size"),
        [
            ({"type": "resize2dLayer", "Scale": [2, 0.3]}, (8, None)),
            ({"type": "resize2dLayer", "OutputSize": [7, None]}, (7, None)),
            ({"type": "resize2dLayer", "Scale": 2, "NearestRoundingMode": "onnx-10"}, (8, 10)),
        ],
    )
    def test_resize(self, layer: dict[str, Any], size: tuple[Any, Any]) -> None:
        network = lowered([source("SSCB", random(4, 5, 3, 2)), {"name": "y", **layer}])
        assert network.outputs[0].shape == ("N", 3, *size)
        assert network.layers["y"].nodes[-1].domain == "qlint.layer"

    def test_the_middle_of_an_odd_remainder(self) -> None:
        network = lowered(
            [
                source("SSCB", random(8, 9, 3, 2)),
                source("SSCB", random(5, 3, 1, 2), "r"),
                {"name": "y", "type": "crop2dLayer", "Mode": "centercrop"},
            ],
            connections=[("x", "y/in"), ("r", "y/ref")],
        )
        assert network.outputs[0].shape == ("N", 3, 5, 3)
        assert network.layers["y"].nodes[-1].domain == "qlint.layer"


def test_whole_factors_of_an_unknown_size() -> None:
    x = random(4, 5, 3, 2)
    network = lowered([source("SSCB", x, open="SB"), {"name": "y", "type": "resize2dLayer", "Scale": [2, 3]}])
    ((_, y),) = computed(network, {"x": ("SSCB", x)}).values()
    np.testing.assert_array_equal(y, x.repeat(2, 0).repeat(3, 1))


def test_wrong_dimensions() -> None:
    with pytest.raises(DescriptionError, match="needs 2 spatial dimensions, but its input is SCB"):
        apply({"type": "resize2dLayer", "Scale": 2}, "SCB", random(4, 3, 2))
