"""Operators that are applied where a result was written, and images with their channels last in memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper

from qlint.errors import ExecutionError
from qlint.numeric.kernel import convolution
from qlint.numeric.kernel import pointwise as joined
from qlint.numeric.plan import plan
from tests.numeric.running import close, executor, network, values
from tests.numeric.single import run_ort

Array = np.ndarray[Any, Any]

STATISTICS = {
    "scale": values(6, seed=1),
    "bias": values(6, seed=2),
    "shift": values(6, seed=5),
    "mean": values(6, seed=3),
    "variance": np.abs(values(6, seed=4)) + 1,
    "low": np.array(-0.5, np.float32),
    "high": np.array(0.5, np.float32),
}


@pytest.fixture(autouse=True)
def few_channels_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(convolution, "MANY", 2)


def behind(weights: Array, **attributes: Any) -> list[onnx.NodeProto]:
    """A convolution, batch normalization, clipping."""
    return [
        helper.make_node("Conv", ["x", "w", "bias"], ["c"], **attributes),
        helper.make_node("BatchNormalization", ["c", "scale", "shift", "mean", "variance"], ["b"]),
        helper.make_node("Clip", ["b", "low", "high"], ["y"]),
    ]


CONVOLUTIONS = {
    "pointwise": (values(2, 4, 5, 7), values(6, 4, 1, 1), {}),
    "pointwise, strided": (values(2, 4, 5, 7), values(6, 4, 1, 1), {"strides": [2, 2]}),
    "pointwise, padded to the size it had": (
        values(2, 4, 5, 7),
        values(6, 4, 1, 1),
        {"strides": [2, 2], "pads": [2, 3, 2, 3]},
    ),
    "unrolled": (values(2, 4, 5, 7), values(6, 4, 3, 3), {"pads": [1, 1, 1, 1]}),
    "grouped": (values(2, 4, 5, 7), values(6, 2, 3, 3), {"group": 2}),
    "grouped, pointwise": (values(2, 4, 5, 7), values(6, 2, 1, 1), {"group": 2}),
    "depthwise": (values(2, 6, 5, 7), values(6, 1, 3, 3), {"group": 6, "pads": [1, 1, 1, 1]}),
    "depthwise, strided": (values(2, 6, 5, 7), values(6, 1, 3, 3), {"group": 6, "strides": [2, 2]}),
    "depthwise, multiplied": (values(2, 3, 5, 7), values(6, 1, 3, 3), {"group": 3}),
    "one axis": (values(2, 6, 9), values(6, 1, 3), {"group": 6, "pads": [1, 2]}),
    "three axes": (values(1, 6, 5, 4, 3), values(6, 1, 3, 2, 2), {"group": 6, "dilations": [2, 1, 1]}),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16])
@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_joined_or_one_by_one_the_result_is_the_same(name: str, dtype: Any) -> None:
    x, w, attributes = CONVOLUTIONS[name]
    x = x.astype(dtype)
    weights = {key: value.astype(dtype) for key, value in {"w": w, **STATISTICS}.items()}
    made = executor(network(behind(w, **attributes), {"x": x}, ["y"], initializers=weights))
    one_by_one = made.run({"x": x}, keep=["c", "b"])
    np.testing.assert_array_equal(made.run({"x": x})["y"], one_by_one["y"])
    np.testing.assert_array_equal(made.run({"x": x}, keep=["b"])["y"], one_by_one["y"])
    if dtype is np.float32:
        close(one_by_one["c"], run_ort("Conv", x, w, weights["bias"], **attributes), terms=36)


def test_large_images_are_finished_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joined, "LIMIT", 16)
    monkeypatch.setattr(joined, "RUN", 10)
    for x, w, attributes in CONVOLUTIONS.values():
        made = executor(network(behind(w, **attributes), {"x": x}, ["y"], initializers={"w": w, **STATISTICS}))
        np.testing.assert_array_equal(made.run({"x": x})["y"], made.run({"x": x}, keep=["c", "b"])["y"])


def test_what_is_joined() -> None:
    x, w, attributes = CONVOLUTIONS["unrolled"]
    made = executor(network(behind(w, **attributes), {"x": x}, ["y"], initializers={"w": w, **STATISTICS}))
    graph = made.model.graph

    def groups(*wanted: str) -> list[list[str]]:
        return [[node.op_type for node in step.nodes] for step in plan(graph, wanted).steps]

    assert groups("y") == [["Conv", "BatchNormalization", "Clip"]]
    assert groups("y", "c") == [["Conv"], ["BatchNormalization", "Clip"]]
    assert groups("y", "b") == [["Conv", "BatchNormalization"], ["Clip"]]
    assert groups("c") == [["Conv"]]


def test_values_with_other_readers_are_not_written_over() -> None:
    x, w, attributes = CONVOLUTIONS["unrolled"]
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], **attributes),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("Add", ["c", "r"], ["y"]),
    ]
    found = executor(network(nodes, {"x": x}, ["y"], initializers={"w": w})).run({"x": x})["y"]
    c = run_ort("Conv", x, w, **attributes)
    close(found, c + np.maximum(c, 0), terms=36)


def test_constants_behind_the_convolution_are_waited_for() -> None:
    x, w, attributes = CONVOLUTIONS["unrolled"]
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], **attributes),
        helper.make_node("Constant", [], ["low"], value=onnx.numpy_helper.from_array(np.array(0, np.float32))),
        helper.make_node("Neg", ["negative"], ["high"]),
        helper.make_node("Clip", ["c", "low", "high"], ["y"]),
    ]
    negative = np.array(-1, np.float32)
    made = executor(network(nodes, {"x": x, "negative": negative}, ["y"], initializers={"w": w}))
    assert [len(step.nodes) for step in plan(made.model.graph, ["y"]).steps] == [1, 1, 2]
    for bound in (-1, -2):  # what follows from an input is not kept from one run to the next
        found = made.run({"x": x, "negative": negative * -bound})["y"]
        close(found, np.clip(run_ort("Conv", x, w, **attributes), 0, -bound), terms=36)


def test_initializers_that_a_caller_overrides_count_in_each_run() -> None:
    x, w, attributes = CONVOLUTIONS["unrolled"]
    inputs = {"x": x, "high": STATISTICS["high"]}
    made = executor(network(behind(w, **attributes), inputs, ["y"], initializers={"w": w, **STATISTICS}))
    assert made.run({"x": x})["y"].max() == np.float32(0.5)
    assert made.run({"x": x, "high": np.array(0.25, np.float32)})["y"].max() == np.float32(0.25)
    assert made.run({"x": x})["y"].max() == np.float32(0.5)


def test_the_node_that_does_not_fit_is_named() -> None:
    x, w, attributes = CONVOLUTIONS["unrolled"]
    inputs = {"x": x, "shape": np.array([5], np.int64)}
    constants = {"w": w, **STATISTICS, "few": values(5)}
    constants.pop("mean")
    nodes = [helper.make_node("Reshape", ["few", "shape"], ["mean"]), *behind(w, **attributes)]
    made = executor(network(nodes, inputs, ["y"], initializers=constants))
    with pytest.raises(ExecutionError, match="BatchNormalization node 'b' cannot be computed"):
        made.run(inputs)


def test_normalization_with_statistics_of_the_data_is_followed_too() -> None:
    x = values(2, 6, 3, 4)
    nodes = [
        helper.make_node("BatchNormalization", ["x", "scale", "bias", "mean", "variance"], ["b"], training_mode=1),
        helper.make_node("Relu", ["b"], ["y"]),
    ]
    found = executor(network(nodes, {"x": x}, ["y"], initializers=STATISTICS)).run({"x": x})["y"]
    axes = (0, 2, 3)
    normal = (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + 1e-5)
    scale, bias = (STATISTICS[name].reshape(-1, 1, 1) for name in ("scale", "bias"))
    close(found, np.maximum(normal * scale + bias, 0), terms=24)


@pytest.mark.parametrize("shape", [(3, 6), (0, 6, 3, 4), (2, 6, 3, 0)])
def test_normalization_of_other_than_images_is_followed_too(shape: tuple[int, ...]) -> None:
    x = values(*shape)
    nodes = [
        helper.make_node("BatchNormalization", ["x", "scale", "bias", "mean", "variance"], ["b"]),
        helper.make_node("Relu", ["b"], ["y"]),
    ]
    made = executor(network(nodes, {"x": x}, ["y"], initializers=STATISTICS))
    np.testing.assert_array_equal(made.run({"x": x})["y"], np.maximum(made.run({"x": x}, keep=["b"])["b"], 0))


def test_nan_passes_relu_and_clip() -> None:
    x = values(1, 1, 2, 2)
    x[0, 0, 0, 0] = np.nan
    for op_type in ("Relu", "Clip"):
        nodes = [
            helper.make_node("Conv", ["x", "w"], ["c"]),
            helper.make_node(op_type, ["c", "low", "high"][: 3 if op_type == "Clip" else 1], ["y"]),
        ]
        one = {"w": np.ones((1, 1, 1, 1), np.float32), "low": STATISTICS["low"], "high": STATISTICS["high"]}
        found = executor(network(nodes, {"x": x}, ["y"], initializers=one)).run({"x": x})["y"]
        assert np.isnan(found[0, 0, 0, 0])
        assert np.isfinite(found.reshape(-1)[1:]).all()


@pytest.mark.parametrize("bounds", [("low", ""), ("", "high"), ("", "")])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_bounds_that_a_clip_leaves_out(bounds: tuple[str, str], dtype: Any) -> None:
    x = np.array([np.nan, np.inf, -np.inf, -0.0, 0.0, 2, -2, 0.25], dtype).reshape(1, 1, 8)
    nodes = [helper.make_node("Conv", ["x", "w"], ["c"]), helper.make_node("Clip", ["c", *bounds], ["y"])]
    constants = {"w": np.ones((1, 1, 1), dtype), "low": np.array(0, dtype), "high": np.array(0, dtype)}
    made = executor(network(nodes, {"x": x}, ["y"], initializers=constants))
    found, one_by_one = made.run({"x": x})["y"], made.run({"x": x}, keep=["c"])
    wanted = one_by_one["c"]
    wanted = np.maximum(wanted, 0) if bounds[0] else wanted
    wanted = np.minimum(wanted, 0) if bounds[1] else wanted
    np.testing.assert_array_equal(found, wanted)
    np.testing.assert_array_equal(np.signbit(found), np.signbit(one_by_one["y"]))


@pytest.mark.parametrize("count", [1, 5, 8])
@pytest.mark.parametrize("name", ["pointwise", "grouped", "depthwise"])
def test_statistics_for_other_channels_are_refused(name: str, count: int) -> None:
    x, w, attributes = CONVOLUTIONS[name]
    few = {key: values(count) for key in ("a", "b", "c", "d")}
    inputs = {"x": x, "shape": np.array([count], np.int64)}
    names = ["scale", "shift", "mean", "variance"]
    nodes = [helper.make_node("Reshape", [old, "shape"], [new]) for old, new in zip(few, names, strict=True)]
    nodes += [
        helper.make_node("Conv", ["x", "w"], ["conv"], **attributes),
        helper.make_node("BatchNormalization", ["conv", *names], ["y"]),
    ]
    made = executor(network(nodes, inputs, ["y"], initializers={"w": w, **few}))
    if count == 1:  # numpy's broadcasting lets these through, one by one as well
        np.testing.assert_array_equal(made.run(inputs)["y"], made.run(inputs, keep=["conv"])["y"])
        return
    with pytest.raises(ExecutionError, match="BatchNormalization node 'y' cannot be computed"):
        made.run(inputs)


@pytest.mark.parametrize("wrong", ["x", "bias", "low"])
def test_sequences_where_tensors_belong_are_refused(wrong: str) -> None:
    x, w, attributes = CONVOLUTIONS["unrolled"]
    nodes = [helper.make_node("SequenceConstruct", ["x"], ["s"]), *behind(w, **attributes)]
    for node in nodes[1:]:
        node.input[:] = ["s" if name == wrong else name for name in node.input]
    made = executor(network(nodes, {"x": x}, ["y"], initializers={"w": w, **STATISTICS, "variance": values(6)}))
    with pytest.raises(ExecutionError, match="cannot be computed from"):
        made.run({"x": x})


@pytest.mark.parametrize("group", [1, 6])
def test_convolutions_without_filters_and_with_weights_of_another_width(group: int) -> None:
    x = values(2, 6, 5, 7)
    nodes = [helper.make_node("Conv", ["x", "w"], ["c"], group=group), helper.make_node("Relu", ["c"], ["y"])]
    for w in (values(0, 6 // group, 3, 3), values(6, 6 // group, 3, 3, dtype=np.float64)):
        found = executor(network(nodes, {"x": x}, ["y"], initializers={"w": w})).run({"x": x})["y"]
        assert found.shape == (2, len(w), 3, 5)
        if found.size:
            close(found, np.maximum(run_ort("Conv", x, w.astype(np.float32), group=group), 0), terms=54)
