"""Which nodes are run together, in what order, and how long tensors live."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper

from qlint.numeric.plan import plan
from tests.numeric.running import executor, network, values

WEIGHTS = {"w": values(4, 4, 1, 1)}


def rectified(count: int) -> list[onnx.NodeProto]:
    """A convolution of x, and after it so many Relu; the last yields y."""
    names = ["c", *(f"r{i}" for i in range(1, count)), "y"]
    relus = [helper.make_node("Relu", [names[i]], [names[i + 1]]) for i in range(count)]
    return [helper.make_node("Conv", ["x", "w"], ["c"]), *relus]


def peak(nodes: list[onnx.NodeProto], x: np.ndarray[Any, Any]) -> float:
    """The memory that a run takes, in units of x."""
    weights = {name: value.astype(x.dtype) for name, value in WEIGHTS.items()}
    made = executor(network(nodes, {"x": x}, ["y"], initializers=weights))
    made.run({"x": x})
    tracemalloc.start()
    try:
        made.run({"x": x})
        return tracemalloc.get_traced_memory()[1] / x.nbytes
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_a_chain_takes_no_more_memory_however_long_it_is(dtype: Any) -> None:
    x = values(1, 4, 64, 64, dtype=dtype)
    assert peak(rectified(40), x) < peak(rectified(4), x) + 1


def test_what_follows_is_applied_where_the_result_lies() -> None:
    x = values(1, 4, 64, 64)
    assert peak(rectified(1), x) < 1.5
    bounded = [*rectified(1)[:1], helper.make_node("Clip", ["c", "low"], ["y"])]
    assert peak([helper.make_node("Constant", [], ["low"], value_float=0.0), *bounded], x) < 1.5


def test_what_follows_later_does_not_keep_the_inputs_of_a_convolution() -> None:
    x = values(1, 4, 64, 64)
    nodes = []
    for i in range(8):
        nodes.append(helper.make_node("Concat", ["x"] * 8, [f"b{i}"], axis=0))
        nodes.append(helper.make_node("Conv", [f"b{i}", "w"], [f"c{i}"], strides=[64, 64]))
    nodes += [helper.make_node("Relu", [f"c{i}"], [f"r{i}"]) for i in range(8)]
    nodes.append(helper.make_node("Sum", [f"r{i}" for i in range(8)], ["y"]))
    assert peak(nodes, x) < 20  # 8 for what is convolved, of which there are 8


def test_convolutions_run_where_they_stand_unless_what_follows_reads_something_later() -> None:
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"]),
        helper.make_node("Conv", ["x", "w"], ["b"]),
        helper.make_node("Neg", ["low"], ["high"]),
        helper.make_node("Relu", ["a"], ["a+"]),
        helper.make_node("Clip", ["b", "low", "high"], ["b+"]),
        helper.make_node("Relu", ["b+"], ["b++"]),
        helper.make_node("Add", ["a+", "b++"], ["y"]),
    ]
    weights = {**WEIGHTS, "low": np.array(-1, np.float32)}
    made = executor(network(nodes, {"x": values(1, 4, 2, 2)}, ["y"], initializers=weights))
    steps = plan(made.model.graph, ["y"]).steps
    assert [[node.outputs[0] for node in step.nodes] for step in steps] == [
        ["a", "a+"],
        ["high"],
        ["b", "b+", "b++"],
        ["y"],
    ]
    assert [set().union(*step.dead) for step in steps] == [{"a"}, set(), {"x", "b", "b+", "high"}, {"a+", "b++"}]


def test_a_very_long_chain_is_one_step() -> None:
    x = values(1, 4, 2, 2)
    made = executor(network(rectified(20_000), {"x": x}, ["y"], initializers=WEIGHTS))
    (step,) = plan(made.model.graph, ["y"]).steps
    assert len(step.nodes) == len(step.dead) == 20_001
    found = made.run({"x": x})["y"]
    np.testing.assert_array_equal(found, np.maximum(made.run({"x": x}, outputs=["c"])["c"], 0))
