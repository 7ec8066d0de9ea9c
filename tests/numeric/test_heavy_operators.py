"""Normalization, recurrent layers, products and resizing against onnxruntime, and the semantics of older opsets."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qlint.numeric.kernel import Call, find
from tests.numeric.running import both, close, values
from tests.numeric.single import run

COMMON = settings(max_examples=80, deadline=None, derandomize=True)


def statistics(channels: int, dtype: Any = np.float32) -> list[np.ndarray]:
    scale, bias, mean = (values(channels, dtype=dtype, seed=seed) for seed in (1, 2, 3))
    return [scale, bias, mean, np.abs(values(channels, dtype=dtype, seed=4)) + dtype(0.1)]


@pytest.mark.parametrize("opset", [7, 8, 9, 13, 14, 15])
@pytest.mark.parametrize("shape", [(2, 5), (3, 5, 4), (2, 5, 6, 7), (1, 5, 2, 3, 4)])
def test_batch_normalization(opset: int, shape: tuple[int, ...]) -> None:
    x = values(*shape)
    given_values = [x, *statistics(5)]
    found = run("BatchNormalization", *given_values, opset=opset, epsilon=0.01)
    scale, bias, mean, var = (v.astype(np.float64).reshape(-1, *(1,) * (len(shape) - 2)) for v in given_values[1:])
    close(found, ((x - mean) / np.sqrt(var + 0.01) * scale + bias).astype(np.float32))


def test_batch_normalization_per_activation() -> None:
    x = values(4, 2, 3)
    parameters = [v.reshape(2, 3) for v in statistics(6)]
    scale, bias, mean, var = parameters
    found = run("BatchNormalization", x, *parameters, opset=8, spatial=0)
    close(found, ((x - mean) / np.sqrt(var + 1e-5) * scale + bias).astype(np.float32))


def test_batch_normalization_in_training() -> None:
    x = values(4, 3, 5)
    scale, bias, mean, var = statistics(3)
    y, new_mean, new_var = run(
        "BatchNormalization", x, scale, bias, mean, var, opset=15, training_mode=1, momentum=0.75, outputs=3
    )
    batch_mean, batch_var = x.mean((0, 2)), x.var((0, 2))
    close(new_mean, 0.75 * mean + np.float32(0.25) * batch_mean)
    close(new_var, 0.75 * var + np.float32(0.25) * batch_var)
    normal = (x - batch_mean[:, None]) / np.sqrt(batch_var[:, None] + 1e-5)
    close(y, (normal * scale[:, None] + bias[:, None]).astype(np.float32), terms=20)


def test_batch_normalization_of_float16_keeps_float32_statistics() -> None:
    x = values(2, 3, 8, dtype=np.float16)
    scale, bias, mean, var = statistics(3)
    mean = mean + np.float32(1e-5)  # lost in float16
    found = run("BatchNormalization", x, scale, bias, mean, var, opset=15)
    exact = (x.astype(np.float64) - mean[:, None]) / np.sqrt(var[:, None] + 1e-5) * scale[:, None] + bias[:, None]
    assert found.dtype == np.float16
    np.testing.assert_array_equal(found, exact.astype(np.float32).astype(np.float16))


@pytest.mark.parametrize("variance", [0.0, np.inf])
def test_batch_normalization_of_odd_variances(variance: float) -> None:
    x = np.ones((1, 1, 2), np.float32)
    one = np.ones(1, np.float32)
    found = run("BatchNormalization", x, one, one, 0 * one, np.float32(variance) * one, epsilon=0.25)
    np.testing.assert_array_equal(found, np.full((1, 1, 2), 1 + 1 / np.sqrt(variance + 0.25), np.float32))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("op_type", "shapes", "attributes"),
    [
        ("InstanceNormalization", [(2, 3, 4, 5), (3,), (3,)], {"epsilon": 0.01}),
        ("LayerNormalization", [(2, 3, 8), (8,), (8,)], {}),
        ("LayerNormalization", [(2, 3, 8), (3, 8), (3, 8)], {"axis": 1, "epsilon": 0.125}),
        ("LpNormalization", [(3, 4, 5)], {"axis": 1, "p": 1}),
        ("LpNormalization", [(3, 4, 5)], {"axis": 0}),
    ],
)
def test_normalization(dtype: Any, op_type: str, shapes: Any, attributes: Any) -> None:
    if (dtype, op_type) == (np.float64, "InstanceNormalization"):
        dtype = np.float16  # the other type that onnxruntime has
    given_values = [values(*shape, dtype=dtype, seed=k) for k, shape in enumerate(shapes)]
    for found, wanted in both(op_type, given_values, opset=17, **attributes):
        close(found, wanted, terms=64)


@pytest.mark.parametrize("opset", [18, 21])
def test_group_normalization(opset: int) -> None:
    x, groups = values(2, 6, 3, 4), 3
    count = groups if opset == 18 else 6
    scale, bias = values(count, seed=1), values(count, seed=2)
    function = find("GroupNormalization")
    assert function is not None
    # Not through a model: ONNX has withdrawn the version of opset 18, so that readers refuse it.
    found: Any = function(Call("GroupNormalization", opset, [x, scale, bias], 1, {"num_groups": groups}))
    grouped = x.reshape(2, groups, -1).astype(np.float64)
    centred = grouped - grouped.mean(2, keepdims=True)
    normal = (centred / np.sqrt(grouped.var(2, keepdims=True) + 1e-5)).reshape(x.shape)
    scale, bias = (v.repeat(6 // count).reshape(6, 1, 1) for v in (scale, bias))
    close(found, (normal * scale + bias).astype(np.float32), terms=24)


@pytest.mark.parametrize("size", [1, 3, 4, 5])
def test_lrn(size: int) -> None:
    x = values(2, 7, 3, 3)
    if size % 2:
        for pair in both("LRN", [x], size=size, alpha=0.1, beta=0.6, bias=2.0):
            close(*pair, terms=16)
    found = run("LRN", x, size=size, alpha=0.1, beta=0.6, bias=2.0)
    around = [x[:, max(0, c - (size - 1) // 2) : c + size // 2 + 1] for c in range(7)]
    square = np.stack([(part.astype(np.float64) ** 2).sum(1) for part in around], 1)
    close(found, (x / (2 + 0.1 / size * square) ** 0.6).astype(np.float32), terms=16)


@pytest.mark.parametrize("op_type", ["Softmax", "LogSoftmax", "Hardmax"])
@pytest.mark.parametrize(("opset", "axis"), [(11, 0), (11, 1), (11, 2), (13, 0), (13, 1), (13, -1)])
def test_softmax(op_type: str, opset: int, axis: int) -> None:
    for found, wanted in both(op_type, [10 * values(3, 4, 5)], opset=opset, axis=axis):
        close(found, wanted, terms=20)


def test_softmax_of_infinities() -> None:
    x = np.array([[1, -np.inf, 2], [-np.inf, -np.inf, 0]], np.float32)
    np.testing.assert_allclose(run("Softmax", x).sum(1), 1, rtol=1e-6)


SHAPES = {"RNN": 1, "GRU": 3, "LSTM": 4}


@COMMON
@given(st.sampled_from(sorted(SHAPES)), st.sampled_from(["forward", "reverse", "bidirectional"]), st.data())
def test_recurrent(op_type: str, direction: str, data: st.DataObject) -> None:
    gates, directions = SHAPES[op_type], 1 + (direction == "bidirectional")
    steps, batch, inputs, hidden = (data.draw(st.integers(1, 4)) for _ in range(4))
    x = values(steps, batch, inputs)
    w, r = values(directions, gates * hidden, inputs, seed=1), values(directions, gates * hidden, hidden, seed=2)
    b = values(directions, 2 * gates * hidden, seed=3) if data.draw(st.booleans()) else None
    lengths = None
    if data.draw(st.booleans()):
        lengths = np.array([data.draw(st.integers(1, steps)) for _ in range(batch)], np.int32)
    state = values(directions, batch, hidden, seed=4) if data.draw(st.booleans()) else None
    given_values: list[Any] = [x, w, r, b, lengths, state]
    attributes: dict[str, Any] = {"hidden_size": hidden, "direction": direction}
    if op_type == "LSTM":
        given_values += [state, values(directions, 3 * hidden, seed=5) if data.draw(st.booleans()) else None]
        attributes["input_forget"] = int(data.draw(st.booleans()))
    if op_type == "GRU":
        attributes["linear_before_reset"] = int(data.draw(st.booleans()))
    if data.draw(st.booleans()):
        attributes["clip"] = 0.5
    while given_values[-1] is None:
        given_values.pop()
    outputs = 3 if op_type == "LSTM" else 2
    for found, wanted in both(op_type, given_values, opset=14, outputs=outputs, **attributes):
        close(found, wanted, terms=256)


@COMMON
@given(st.booleans(), st.booleans(), st.sampled_from([None, (), (1,), (4,), (3, 1), (3, 4)]), st.integers(0, 2))
def test_gemm(trans_a: bool, trans_b: bool, summand: Any, which: int) -> None:
    a = values(*((5, 3) if trans_a else (3, 5)))
    b = values(*((4, 5) if trans_b else (5, 4)))
    c = values(*summand, seed=9) if summand is not None else None
    factors = [{}, {"alpha": 0.5, "beta": 0.25}, {"alpha": 2.0, "beta": 0.0}][which]
    given_values = [a, b] if c is None else [a, b, np.asarray(c)]
    [(found, wanted)] = both("Gemm", given_values, transA=int(trans_a), transB=int(trans_b), **factors)
    close(found, wanted, terms=5)


@pytest.mark.parametrize(
    "shapes", [((3, 4), (4, 5)), ((4,), (4,)), ((2, 3, 4), (4,)), ((4,), (2, 4, 3)), ((2, 1, 3, 4), (5, 4, 2)),
               ((6, 3, 4), (4, 5)), ((300, 200), (200, 310)), ((2, 300, 200), (200, 310)),
               ((0, 3), (3, 0)), ((2, 0), (0, 4))]
)  # fmt: skip
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32])
def test_matmul(shapes: Any, dtype: Any) -> None:
    a, b = ((10 * values(*shape)).astype(dtype) for shape in shapes)
    [(found, wanted)] = both("MatMul", [a, b])
    if dtype is np.int32:
        np.testing.assert_array_equal(found, wanted)
    else:
        close(found, wanted, terms=shapes[0][-1])


@COMMON
@given(
    st.sampled_from(["half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel"]),
    st.sampled_from(["nearest", "linear", "cubic"]),
    st.sampled_from(["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"]),
    st.lists(st.integers(1, 9), min_size=4, max_size=4),
)
def test_resize(transformation: str, mode: str, rounding: str, sizes: list[int]) -> None:
    x = values(1, 2, *sizes[:2])
    to = np.array([1, 2, *sizes[2:]], np.int64)
    attributes = {"mode": mode, "coordinate_transformation_mode": transformation}
    if mode == "nearest":
        attributes["nearest_mode"] = rounding
    [(found, wanted)] = both("Resize", [x, None, None, to], opset=18, **attributes)
    assert found.shape == wanted.shape
    if mode == "nearest":
        # Coordinates that are exactly halfway in theory fall to either side in float32.
        assert (found == wanted).mean() > 0.5 or found.size < 16
        assert np.isin(found, x).all()
    else:
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-4)


def test_upsample() -> None:
    x = values(1, 2, 3, 4)
    for opset in (7, 9):
        given_values = [x] if opset == 7 else [x, np.array([1, 1, 2, 3], np.float32)]
        attributes = {"scales": [1.0, 1.0, 2.0, 3.0]} if opset == 7 else {}
        found = run("Upsample", *given_values, opset=opset, mode="nearest", **attributes)
        np.testing.assert_array_equal(found, x.repeat(2, 2).repeat(3, 3))


@pytest.mark.parametrize("op_type", ["Conv", "MatMul", "AveragePool", "InstanceNormalization"])
def test_float16_is_rounded_once(op_type: str) -> None:
    half = np.float16
    x = values(2, 4, 9, 9, dtype=half)
    more = {
        "Conv": [values(5, 4, 3, 3, dtype=half), values(5, dtype=half)],
        "MatMul": [values(9, 7, dtype=half)],
        "AveragePool": [],
        "InstanceNormalization": [values(4, dtype=half), values(4, dtype=half)],
    }[op_type]
    attributes = {"kernel_shape": [3, 2]} if op_type == "AveragePool" else {}
    found = run(op_type, x, *more, **attributes)
    wide = run(op_type, *(value.astype(np.float32) for value in (x, *more)), **attributes)
    assert found.dtype == half
    np.testing.assert_array_equal(found, wide.astype(half))
