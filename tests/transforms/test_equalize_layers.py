"""Neighbouring layers get ranges that are alike, and the network computes what it did."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import numpy_helper

from qlint.transforms.equalize_layers import TRANSFORM
from tests.transforms.equalizing import UNEVEN, done, expect_equalized, image, ranges, weights
from tests.transforms.rewriting import rewrite
from tests.transforms.traps import Net

BETWEEN: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "nothing": [],
    "relu": [("Relu", {})],
    "leaky": [("LeakyRelu", {"alpha": 0.2})],
    "leaky, negative": [("LeakyRelu", {"alpha": -1.5})],
    "max": [("MaxPool", {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "strides": [2, 2]})],
    "average": [("AveragePool", {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]})],
    "average of zeros": [("AveragePool", {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "count_include_pad": 1})],
    "global": [("GlobalAveragePool", {})],
    "several": [("Relu", {}), ("Identity", {}), ("MaxPool", {"kernel_shape": [2, 2]}), ("Dropout", {})],
}


@pytest.mark.parametrize("between", BETWEEN)
@pytest.mark.parametrize("hold", ["initializer", "node", "identity"])
def test_what_may_lie_between(between: str, hold: str) -> None:
    net, x = image(hold=hold)
    for op, attributes in BETWEEN[between]:
        x = net.node(op, x, **attributes)
    net.node("Conv", x, net.values(5, 4, 1, 1), net.values(5), to="y")
    found = done(net, "y")
    expect_equalized(found)
    one, other = weights(found)
    np.testing.assert_allclose(ranges(one, 0), ranges(other, 1), rtol=1e-3)


PADS: dict[str, tuple[list[Any], dict[str, Any], int]] = {
    "zeros": ([np.array([0, 0, 1, 2, 0, 0, 0, 1])], {}, 17),
    "written out": ([np.array([0, 0, 1, 2, 0, 0, -1, 1]), np.array(0, np.float32)], {"mode": "constant"}, 17),
    "of some axes": ([np.array([1, 2, 0, 1]), np.array(0, np.float32), np.array([-1, 2])], {}, 18),
    "copies": ([np.array([0, 0, 1, 2, 0, 0, 0, 1]), np.array(3, np.float32)], {"mode": "reflect"}, 17),
    "in attributes": ([], {"pads": [0, 0, 1, 2, 0, 0, 0, 1]}, 9),
}


@pytest.mark.parametrize("pads", PADS)
def test_padding_between(pads: str) -> None:
    inputs, attributes, opset = PADS[pads]
    net, x = image(opset=opset)
    x = net.node("Pad", net.node("Relu", x), *inputs, **attributes)
    net.node("Conv", x, net.values(5, 4, 3, 3), net.values(5), to="y")
    expect_equalized(done(net, "y"))


@pytest.mark.parametrize(
    "form", ["reshape, rows kept", "reshape, rows left open", "squeeze", "mean", "mean, axes kept"]
)
def test_fully_connected_layer_after_other_changes_of_shape(form: str) -> None:
    net, x = image()
    x = net.node("Relu", x)
    width = 4
    if form.startswith("reshape"):
        x = net.node("MaxPool", x, kernel_shape=[4, 4], strides=[4, 4])
        x = net.node("Reshape", x, np.array([0, -1] if form == "reshape, rows kept" else [-1, 16]))
        width = 16
    elif form == "squeeze":
        x = net.node("Squeeze", net.node("GlobalMaxPool", x), np.array([2, 3]))
    else:
        kept = form == "mean, axes kept"
        x = net.node("ReduceMean", x, axes=[2, 3], keepdims=int(kept))
        x = net.node("Flatten", x) if kept else x
    net.node("Gemm", x, net.values(width, 3), to="y")
    found = done(net, "y")
    expect_equalized(found)
    one, other = weights(found)
    np.testing.assert_allclose(ranges(one, 0), np.abs(other).reshape(4, -1).max(axis=1), rtol=1e-3)


def test_channels_that_are_mixed_by_a_change_of_shape_are_left() -> None:
    net, x = image()
    x = net.node("Reshape", net.node("Relu", x), np.array([-1, 16]))
    net.node("Gemm", x, net.values(16, 3), to="y")
    assert done(net, "y").unchanged()


@pytest.mark.parametrize("slope", [(), (4, 1, 1), (4, 8, 8)])
def test_prelu_of_any_slope(slope: tuple[int, ...]) -> None:
    net, x = image()
    x = net.node("PRelu", x, net.values(*slope) * 2)
    net.node("Conv", x, net.values(2, 4, 3, 3), to="y")
    expect_equalized(done(net, "y"))


def test_one_patch_around_a_depthwise_layer() -> None:
    net, x = image()
    x = net.node("Relu", x)
    x = net.node("Conv", x, net.values(4, 1, 3, 3) * UNEVEN[::-1].reshape(4, 1, 1, 1).astype("f"), group=4)
    x = net.node("Relu", x)
    net.node("Conv", x, net.values(6, 4, 1, 1), to="y")
    found = done(net, "y")
    expect_equalized(found)
    one, depthwise, other = weights(found)
    np.testing.assert_allclose(ranges(one, 0), ranges(depthwise, 0), rtol=2e-3)
    np.testing.assert_allclose(ranges(depthwise, 0), ranges(other, 1), rtol=2e-3)


@pytest.mark.parametrize("group", [1, 2, 4])
def test_groups(group: int) -> None:
    net, x = image()
    x = net.node("Conv", x, net.values(8, 4 // group, 3, 3), net.values(8), group=group)
    x = net.node("ConvTranspose", x, net.values(8, 4 // group, 2, 2), net.values(4), group=group, strides=[2, 2])
    net.node("Conv", x, net.values(8, 4 // group, 3, 3), group=group, to="y")
    expect_equalized(done(net, "y"), 1e-4)


@pytest.mark.parametrize("extra", [{}, {"strides": [2, 2], "output_padding": [1, 1]}])
def test_transposed_convolution(extra: dict[str, Any]) -> None:
    net = Net(1, 3, 5, 5, dtype=np.float32)
    x = net.node("ConvTranspose", "x", net.values(3, 4, 3, 3) * UNEVEN.reshape(1, 4, 1, 1).astype("f"), **extra)
    net.node("ConvTranspose", x, net.values(4, 2, 2, 2), to="y")
    found = done(net, "y")
    expect_equalized(found)
    one, other = weights(found)
    np.testing.assert_allclose(ranges(one, 1), ranges(other, 0), rtol=1e-3)


def test_all_readers_are_scaled() -> None:
    net, x = image()
    x = net.node("Relu", x)
    uneven = np.array([9, 1, 9, 1], np.float32).reshape(1, 4, 1, 1)
    y = net.node("Conv", x, net.values(2, 4, 1, 1) * uneven)
    z = net.node("Conv", net.node("MaxPool", x, kernel_shape=[2, 2]), net.values(3, 4, 1, 1) * (10 - uneven))
    found = done(net, y, z)
    expect_equalized(found)
    one, *others = weights(found)
    np.testing.assert_allclose(ranges(one, 0), np.maximum(*(ranges(other, 1) for other in others)), rtol=1e-3)


@pytest.mark.parametrize("transposed", [0, 1])
@pytest.mark.parametrize("c", [(), (1,), (4,), (3, 1), (3, 4), None])
def test_gemm(transposed: int, c: tuple[int, ...] | None) -> None:
    net = Net(3, 5, dtype=np.float32)
    one = net.values(5, 4) * UNEVEN.astype(np.float32)
    other = net.values(4, 2)
    bias = [] if c is None else [net.values(*c)]
    x = net.node("Gemm", "x", one.T.copy() if transposed else one, *bias, transB=transposed, alpha=0.5, beta=2.0)
    x = net.node("Relu", x)
    net.node("Gemm", x, other.T.copy() if transposed else other, net.values(2), transB=transposed, to="y")
    expect_equalized(done(net, "y"))


@pytest.mark.parametrize("shape", [(3, 5), (2, 3, 5)])
@pytest.mark.parametrize("bias", [None, (4,), (1,), ()])
def test_matmul(shape: tuple[int, ...], bias: tuple[int, ...] | None) -> None:
    net = Net(*shape, dtype=np.float32)
    x = net.node("MatMul", "x", net.values(5, 4) * UNEVEN.astype(np.float32))
    if bias is not None:
        x = net.node("Add", net.values(*bias), x)
    x = net.node("MatMul", net.node("Relu", x), net.values(4, 3))
    net.node("Add", x, net.values(3), to="y")
    expect_equalized(done(net, "y"))


@pytest.mark.parametrize("axis", [1, -3])
def test_fully_connected_layer_after_flatten(axis: int) -> None:
    net, x = image()
    x = net.node("Flatten", net.node("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2]), axis=axis)
    net.node("Gemm", x, net.values(64, 3), to="y")
    found = done(net, "y")
    expect_equalized(found)
    one, other = weights(found)
    blocks = np.abs(other).reshape(4, -1).max(axis=1)
    np.testing.assert_allclose(ranges(one, 0), blocks, rtol=1e-3)


def test_shared_weights_are_split() -> None:
    net = Net(1, 4, 5, 5, dtype=np.float32)
    shared = net.const(net.values(4, 4, 1, 1) * UNEVEN.reshape(4, 1, 1, 1).astype(np.float32))
    x = net.node("Conv", net.node("Relu", net.node("Conv", "x", shared)), shared)
    z = net.node("Sigmoid", net.node("Conv", "x", shared))
    found = done(net, x, z)
    expect_equalized(found)
    assert len({node.input[1] for node in found.result.graph.node if node.op_type == "Conv"}) == 3


def test_channels_without_a_usable_range_keep_their_weights() -> None:
    net = Net(1, 3, 5, 5, dtype=np.float32)
    one = net.values(4, 3, 1, 1) * UNEVEN.reshape(4, 1, 1, 1).astype(np.float32)
    other = net.values(2, 4, 1, 1)
    one[0], other[:, 1], one[3, 0] = 0, 0, np.inf
    x = net.node("Conv", "x", one, net.values(4))
    net.node("Conv", x, other, to="y")
    found = done(net, "y")
    assert len(found.applied) == 1
    for before, after, axis in zip((one, other), weights(found), (0, 1), strict=True):
        for channel in (0, 1, 3):
            np.testing.assert_array_equal(before.take(channel, axis), after.take(channel, axis))
        assert (before.take(2, axis) != after.take(2, axis)).all()


def test_factors_are_bounded_and_spent_once() -> None:
    """`rewrite` runs a second time on the result, and finds nothing though the ranges still differ."""
    net = Net(1, 3, 5, 5, dtype=np.float32)
    one, other = net.values(2, 3, 1, 1), net.values(2, 2, 1, 1)
    one[0] *= 1e8
    one[1] *= 1e-8
    net.node("Conv", net.node("Relu", net.node("Conv", "x", one)), other, to="y")
    found = done(net, "y")
    expect_equalized(found)
    after, _ = weights(found)
    expected = np.array([[64.0] * 3, [1 / 64] * 3])
    np.testing.assert_allclose((one / after).reshape(2, 3), expected, rtol=1e-6)
    assert "the bound of 64 reached" in found.applied[0].title
    assert record(found.result, "t0") == [64.0, 1 / 64]


def record(model: onnx.ModelProto, output: str) -> list[float]:
    """The factors of all runs that a model records for a layer."""
    (value,) = (entry.value for entry in model.metadata_props if entry.key == f"pkg.qlint.equalized.graph/{output}")
    found: list[float] = json.loads(value)
    return found


def test_a_later_run_counts_what_an_earlier_one_spent() -> None:
    """Weights that have changed since are equalized again, by what is left of the bound."""
    net = Net(1, 3, 5, 5, dtype=np.float32)
    net.node("Conv", net.node("Relu", net.node("Conv", "x", net.values(2, 3, 1, 1))), net.values(2, 2, 1, 1), to="y")
    first = done(net, "y")
    spent = record(first.result, "t0")
    model = onnx.ModelProto.FromString(first.result.SerializeToString())
    one, other = weights(first)
    trained = one * np.array([1e8, 4], np.float32).reshape(2, 1, 1, 1)
    name = model.graph.node[0].input[1]
    (held,) = (tensor for tensor in model.graph.initializer if tensor.name == name)
    held.CopyFrom(numpy_helper.from_array(trained, name))
    second = rewrite(model, TRANSFORM)
    second.compare(1e-5)
    factors = (trained / weights(second)[0]).reshape(2, 3)[:, 0]
    np.testing.assert_allclose(factors, [64 / spent[0], 2], rtol=1e-3)
    np.testing.assert_allclose(record(second.result, "t0"), [64, spent[1] * 2], rtol=1e-3)
    assert np.abs(other).max() > 0


@pytest.mark.parametrize("value", ["[1]", "[65, 1]", "[NaN, 1]", "no", "[[1], [1]]", f"[1{'0' * 400}, 1]", "{}"])
def test_a_damaged_record_is_no_reason_to_start_anew(value: str) -> None:
    net = Net(1, 3, 5, 5, dtype=np.float32)
    one = net.values(2, 3, 1, 1) * np.array([10, 1], np.float32).reshape(2, 1, 1, 1)
    net.node("Conv", net.node("Conv", "x", one), net.values(2, 2, 1, 1), to="y")
    model = net.proto("y")
    model.metadata_props.add(key="pkg.qlint.equalized.graph/t0", value=value)
    found = rewrite(model, TRANSFORM)
    assert not found.applied and "remove 'pkg.qlint.equalized.graph/t0' from the model's metadata" in found.reason


def test_a_clip_without_ceiling_is_a_relu() -> None:
    net, x = image()
    x = net.node("Clip", x, np.array(0, np.float32))
    net.node("Conv", x, net.values(2, 4, 1, 1), to="y")
    expect_equalized(done(net, "y"))


def test_half_precision_stays_half_precision() -> None:
    net, x = image(dtype=np.float16)
    net.node("Conv", net.node("Relu", x), net.values(2, 4, 1, 1), to="y")
    found = done(net, "y")
    expect_equalized(found, 0.01)
    assert {values.dtype for values in weights(found)} == {np.dtype(np.float16)}


def test_half_precision_does_not_lose_digits() -> None:
    """Channels of 1e-3 and 1e-6 would meet at 3e-5, where float16 has fewer digits than at 1e-3."""
    net = Net(1, 3, 4, 4, dtype=np.float16)
    one, other = net.values(2, 3, 1, 1), net.values(2, 2, 1, 1)
    one[0], other[:, 0] = 1e-3, 1e-6
    net.node("Conv", net.node("Conv", "x", one), other, to="y")
    after, _ = weights(done(net, "y"))
    np.testing.assert_array_equal(after[0], one[0])
    assert (after[1] != one[1]).all()


def test_layers_that_are_level_already_bound_the_patch() -> None:
    net = Net(1, 3, 4, 4, dtype=np.float32)
    first = np.sign(net.values(4, 3, 1, 1)) * np.array([0.5, 0.01, 0.3, 0.05], np.float32).reshape(4, 1, 1, 1)
    x = net.node("LeakyRelu", net.node("Conv", "x", first, net.values(4)))
    x = net.node("Conv", x, np.sign(net.values(4, 4, 1, 1)) * np.float32(0.5), net.values(4), to="level")
    last = np.sign(net.values(2, 4, 1, 1)) * np.float32(0.505)
    net.node("Conv", net.node("LeakyRelu", x), last, to="y")
    found = done(net, "y")
    expect_equalized(found, 1e-5)
    assert (found.applied[0].inputs, found.applied[0].outputs) == (("x",), ("level",))
    np.testing.assert_array_equal(weights(found)[-1], last)


def test_inside_a_subgraph() -> None:
    found = rewrite(
        """g (float[1,1,4] x, bool[1] c) => (float[1,1,4] y) <float[2,1,1] w = {4, 0.1}, float[1,2,1] v = {1, 1}> {
            y = If (c) <then_branch = t () => (float[1,1,4] p) { q = Conv (x, w)  r = Relu (q)  p = Conv (r, v) },
                        else_branch = e () => (float[1,1,4] s) { s = Identity (x) }>
        }""",
        TRANSFORM,
    )
    assert len(found.applied) == 1
    found.compare(1e-5, c=np.array([True]))


STEPS = (
    "conv",
    "conv",
    "depthwise",
    "transposed",
    "relu",
    "leaky",
    "prelu",
    "max",
    "average",
    "clip",
    "branch",
    "output",
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(STEPS), min_size=2, max_size=12), st.integers(0, 2**16))
def test_random_chains(steps: list[str], seed: int) -> None:
    net = Net(1, 4, 4, 4, dtype=np.float32, seed=seed)
    x, outputs = "x", list[str]()
    for step in steps:
        uneven = net.random.uniform(0.05, 2, 4).astype(np.float32)
        if step == "conv":
            x = net.node("Conv", x, net.values(4, 4, 1, 1) * uneven.reshape(4, 1, 1, 1), net.values(4))
        elif step == "depthwise":
            x = net.node("Conv", x, net.values(4, 1, 3, 3), group=4, pads=[1] * 4)
        elif step == "transposed":
            x = net.node("ConvTranspose", x, net.values(4, 2, 1, 1), net.values(4), group=2)
        elif step == "relu":
            x = net.node("Relu", x)
        elif step == "leaky":
            x = net.node("LeakyRelu", x, alpha=0.3)
        elif step == "prelu":
            x = net.node("PRelu", x, net.values(4, 1, 1))
        elif step == "max":
            x = net.node("MaxPool", x, kernel_shape=[3, 3], pads=[1] * 4)
        elif step == "average":
            x = net.node("AveragePool", x, kernel_shape=[3, 3], pads=[1] * 4)
        elif step == "clip":
            x = net.node("Clip", x, np.array(0, np.float32), np.array(6, np.float32))
        elif step == "branch":
            outputs.append(net.node("Conv", x, net.values(1, 4, 1, 1)))
        elif x != "x" and x not in outputs:
            outputs.append(x)
    net.node("Abs", x, to="y")
    done(net, *outputs, "y").compare(1e-4)
