"""Flattening and full connection, with the order of elements counted out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from qlint.errors import DescriptionError
from qlint.network.lift import lift
from tests.network.lower.describing import Array, apply, close, lowered, random, source

ONNX = ("nnet.onnx.layer.FlattenLayer", "nnet.onnx.layer.FlattenInto2dLayer")
KERAS = "nnet.keras.layer.FlattenCStyleLayer"


def columns(x: Array) -> list[float]:
    """MATLAB's x(:) of one observation [spatial... channels]: the first index runs fastest."""
    places: list[tuple[int, ...]] = [()]
    for size in reversed(x.shape):
        places = [(i, *place) for place in places for i in range(size)]
    return [float(x[place]) for place in places]


def test_the_reference_counts_as_matlab_does() -> None:
    assert columns(np.array([[1, 2], [3, 4], [5, 6]])) == [1, 3, 5, 2, 4, 6]


@pytest.mark.parametrize(
    ("format", "shape", "dimension", "sum"),
    [
        ("SSCB", (3, 4, 2, 5), 3, "oc,hwcn->hwon"),
        ("SCBT", (3, 2, 5, 4), 2, "oc,hcnt->hont"),
        ("CBT", (2, 5, 4), 1, "oc,cnt->ont"),
        ("CB", (2, 5), 1, "oc,cn->on"),
    ],
)
def test_full_connection_along_the_channels(format: str, shape: tuple[int, ...], dimension: int, sum: str) -> None:
    x, weights, bias = random(*shape), random(3, 2), random(3, 1)
    layer = {"type": "fullyConnectedLayer", "OutputSize": 3, "OperationDimension": dimension}
    found, values = apply(layer, format, x, {"Weights": weights, "Bias": bias})
    wanted = np.einsum(sum, weights, x)
    axis = format.index("C")
    close(values, wanted + bias.reshape([3 if at == axis else 1 for at in range(x.ndim)]))
    assert found == format


def test_full_connection_along_what_is_no_dimension() -> None:
    layer = {"type": "fullyConnectedLayer", "OutputSize": 3, "OperationDimension": 5, "name": "y"}
    with pytest.raises(DescriptionError, match="no dimension 5 of SSCB data; give 1 to 4"):
        lowered([source("SSCB", random(3, 4, 2, 5)), layer])


@pytest.mark.parametrize(
    ("format", "shape"),
    [
        ("SSCB", (3, 4, 2, 2)),
        ("SSCB", (1, 4, 3, 2)),
        ("SSCB", (3, 4, 1, 2)),
        ("SCB", (5, 3, 2)),
        ("SSSCB", (2, 3, 4, 2, 2)),
        ("CB", (5, 3)),
    ],
)
def test_flatten(format: str, shape: tuple[int, ...]) -> None:
    x = random(*shape)
    found, y = apply({"type": "flattenLayer"}, format, x)
    assert found == "CB"
    np.testing.assert_array_equal(y, np.stack([columns(x[..., b]) for b in range(shape[-1])], -1).astype(np.float32))


@pytest.mark.parametrize(("format", "shape"), [("SSCBT", (3, 4, 2, 2, 5)), ("SCBT", (5, 3, 2, 4)), ("CBT", (5, 3, 2))])
def test_flatten_keeps_time(format: str, shape: tuple[int, ...]) -> None:
    x = random(*shape)
    found, y = apply({"type": "flattenLayer"}, format, x)
    assert found == "CBT"
    wanted = [[columns(x[..., b, t]) for t in range(shape[-1])] for b in range(shape[-2])]
    np.testing.assert_array_equal(y, np.array(wanted, np.float32).transpose(2, 0, 1))


@pytest.mark.parametrize("shape", [(3, 4, 2, 2), (3, 1, 2, 2), (1, 1, 4, 2)])
def test_flatten_of_keras_runs_over_channels_first(shape: tuple[int, ...]) -> None:
    x = random(*shape)
    found, y = apply({"type": KERAS}, "SSCB", x)
    assert found == "CB"
    h, w, c, b = shape
    wanted = [[x[i, j, k, n] for i in range(h) for j in range(w) for k in range(c)] for n in range(b)]
    np.testing.assert_array_equal(y, np.array(wanted).T)


@pytest.mark.parametrize("type", ONNX)
def test_flatten_of_onnx_runs_over_columns_first(type: str) -> None:
    x = random(3, 4, 2, 2)
    found, y = apply({"type": type}, "SSCB", x)
    assert found == "CB"
    wanted = [[x[i, j, k, n] for k in range(2) for i in range(3) for j in range(4)] for n in range(2)]
    np.testing.assert_array_equal(y, np.array(wanted).T)


class TestFullyConnected:
    @pytest.mark.parametrize(
        ("format", "shape"), [("CB", (5, 2)), ("SCB", (4, 3, 2)), ("SSCB", (3, 4, 2, 2)), ("SSSCB", (2, 3, 4, 2, 2))]
    )
    def test_weights_times_columns(self, format: str, shape: tuple[int, ...]) -> None:
        x, features = random(*shape), int(np.prod(shape[:-1]))
        w, b = random(6, features), random(6, 1)
        found, y = apply({"type": "fullyConnectedLayer", "OutputSize": 6}, format, x, {"Weights": w, "Bias": b})
        assert found == "CB"
        close(y, np.stack([w.astype(float) @ columns(x[..., n]) + b[:, 0] for n in range(shape[-1])], -1))

    @pytest.mark.parametrize(
        ("format", "shape"), [("CBT", (5, 2, 4)), ("SCBT", (4, 3, 2, 5)), ("SSCBT", (3, 4, 2, 2, 3))]
    )
    def test_at_each_time_step(self, format: str, shape: tuple[int, ...]) -> None:
        x, features = random(*shape), int(np.prod(shape[:-2]))
        w, b = random(6, features), random(6, 1)
        found, y = apply({"type": "fullyConnectedLayer", "OutputSize": 6}, format, x, {"Weights": w, "Bias": b})
        assert found == "CBT"
        wanted = [
            [w.astype(float) @ columns(x[..., n, t]) + b[:, 0] for t in range(shape[-1])] for n in range(shape[-2])
        ]
        close(y, np.array(wanted).transpose(2, 0, 1))

    def test_after_a_flatten_it_is_the_same(self) -> None:
        x, w, b = random(3, 4, 2, 2), random(6, 24), random(6, 1)
        layer = {"name": "y", "type": "fullyConnectedLayer", "OutputSize": 6}
        arrays = {"Weights": w, "Bias": b}
        _, directly = apply(layer, "SSCB", x, arrays)
        _, flat = apply({"type": "flattenLayer"}, "SSCB", x)
        _, behind = apply(layer, "CB", flat, arrays)
        close(directly, behind)

    def test_contradictions(self) -> None:
        layer: dict[str, Any] = {"type": "fullyConnectedLayer", "OutputSize": 6}
        with pytest.raises(DescriptionError, match="InputSize is 25, but its input has 24 elements"):
            apply({**layer, "InputSize": 25}, "SSCB", random(3, 4, 2, 2))
        with pytest.raises(DescriptionError, match=r"Weights is \[24 6\], but .* ask for \[6 24\]"):
            apply(layer, "SSCB", random(3, 4, 2, 2), {"Weights": random(24, 6)})
        with pytest.raises(DescriptionError, match="spatial size of its input is not known"):
            lowered([source("SSCB", random(3, 4, 2, 2), open="SB"), {"name": "y", **layer}])

    @pytest.mark.parametrize("type", ["fullyConnectedLayer", "flattenLayer"])
    def test_more_elements_than_a_tensor_can_have(self, type: str) -> None:
        most = 2**31 - 1
        size = {"name": "x", "type": "inputLayer", "InputSize": [most, most, 1], "InputFormat": "SSC"}
        further = {"OutputSize": 4} if type == "fullyConnectedLayer" else {}
        channel = {"name": "wide", "type": "convolution2dLayer", "FilterSize": 1, "NumFilters": 4}
        with pytest.raises(DescriptionError, match="layer 'wide': its sizes multiply to more elements"):
            lowered([size, channel, {"name": "y", "type": type, **further}])

    @pytest.mark.parametrize(
        ("format", "shape", "types"),
        [("CB", (5, 2), ["fullyConnectedLayer"]), ("SSCB", (3, 4, 2, 2), ["flattenLayer", "fullyConnectedLayer"])],
    )
    def test_qlint_reads_the_nodes_as_the_same_layer(
        self, format: str, shape: tuple[int, ...], types: list[str]
    ) -> None:
        network = lowered(
            [source(format, random(*shape)), {"name": "y", "type": "fullyConnectedLayer", "OutputSize": 6}]
        )
        assert [layer.type for layer in lift(network.model)][1:] == types
