"""Order, memory, subgraphs, threads and errors of the executor."""

from __future__ import annotations

import tracemalloc
from itertools import pairwise
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from qlint.errors import ExecutionError, UsageError
from qlint.numeric.executor import Executor
from qlint.numeric.kernel.threads import blas_threads, team, workers
from tests.numeric.running import executor, network, values

X = values(2, 3)


def chain(length: int) -> list[onnx.NodeProto]:
    names = ["x", *(f"t{k}" for k in range(length))]
    return [helper.make_node("Neg", [a], [b]) for a, b in pairwise(names)]


def test_tensors_are_freed_as_soon_as_they_are_dead() -> None:
    x = np.ones(1 << 18, np.float32)
    made = executor(network(chain(30), {"x": x}, ["t29"]))
    made.run({"x": x})
    tracemalloc.start()
    try:
        made.run({"x": x})
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 * x.nbytes


def test_outputs_and_kept_tensors() -> None:
    made = executor(network(chain(4), {"x": X}, ["t3"]))
    assert list(made.run({"x": X})) == ["t3"]
    found = made.run({"x": X}, outputs=["t1"], keep=["t0", "x"])
    assert list(found) == ["t1", "t0", "x"]
    np.testing.assert_array_equal(found["t0"], -X)
    np.testing.assert_array_equal(found["t1"], X)


def test_only_what_is_needed_runs() -> None:
    nodes = [
        helper.make_node("Neg", ["x"], ["a"]),
        helper.make_node("Reshape", ["y", "no"], ["b"]),  # cannot be computed
    ]
    made = executor(network(nodes, {"x": X, "y": X}, ["a", "b"], initializers={"no": np.array([7], np.int64)}))
    np.testing.assert_array_equal(made.run({"x": X}, outputs=["a"])["a"], -X)
    with pytest.raises(ExecutionError, match=r"input 'y' has no value; give it one: float \[2, 3\]"):
        made.run({"x": X})


def branch(name: str, op_type: str, *inputs: str) -> onnx.GraphProto:
    out = helper.make_tensor_value_info(f"{name}_out", TensorProto.FLOAT, None)
    return helper.make_graph([helper.make_node(op_type, inputs, [f"{name}_out"])], name, [], [out])


def test_subgraphs_see_outer_tensors() -> None:
    nodes = [
        helper.make_node("Neg", ["x"], ["a"]),
        helper.make_node("If", ["c"], ["y"], then_branch=branch("then", "Add", "a", "w"),
                         else_branch=branch("else", "Sub", "a", "x")),
    ]  # fmt: skip
    condition = np.array(True)
    made = executor(network(nodes, {"x": X, "c": condition}, ["y"], initializers={"w": X}))
    np.testing.assert_array_equal(made.run({"x": X, "c": condition})["y"], 0 * X)
    np.testing.assert_array_equal(made.run({"x": X, "c": ~condition})["y"], -2 * X)


def test_fallbacks_are_counted() -> None:
    made = executor(network([helper.make_node("Det", ["x"], ["y"])], {"x": np.eye(3, dtype=np.float32)}, ["y"]))
    assert made.run({"x": 2 * np.eye(3, dtype=np.float32)})["y"] == 8
    made.run({"x": np.eye(3, dtype=np.float32)})
    assert made.fallbacks == {"Det": 2}


def test_sequences_pass_through() -> None:
    nodes = [
        helper.make_node("SequenceConstruct", ["x", "y"], ["s"]),
        helper.make_node("SequenceAt", ["s", "i"], ["z"]),
    ]
    made = executor(network(nodes, {"x": X, "y": X}, ["z"], initializers={"i": np.array(1, np.int64)}))
    np.testing.assert_array_equal(made.run({"x": X, "y": 3 * X})["z"], 3 * X)
    assert made.fallbacks == {"SequenceConstruct": 1, "SequenceAt": 1}


def test_initializers_that_are_inputs_may_be_overridden() -> None:
    model = network([helper.make_node("Add", ["x", "w"], ["y"])], {"x": X, "w": X}, ["y"], initializers={"w": X})
    made = executor(model)
    np.testing.assert_array_equal(made.run({"x": X})["y"], X + X)
    np.testing.assert_array_equal(made.run({"x": X, "w": 3 * X})["y"], X + 3 * X)


@pytest.mark.parametrize(
    ("feeds", "message"),
    [
        ({}, "input 'x' has no value"),
        ({"x": X, "z": X}, "the network has no input 'z'; its inputs are: x"),
        ({"x": X.astype(np.float64)}, r"input 'x' is of type double; give it as float \[2, 3\]"),
        ({"x": X[None]}, r"input 'x' has shape \[1, 2, 3\]; give it 2 axes: \[2, 3\]"),
        ({"x": X.T}, r"input 'x' has shape \[3, 2\]; give it the shape \[2, 3\]"),
    ],
)
def test_inputs_are_checked(feeds: dict[str, Any], message: str) -> None:
    made = executor(network(chain(1), {"x": X}, ["t0"]))
    with pytest.raises(ExecutionError, match=message):
        made.run(feeds)


def test_symbols_are_one_size() -> None:
    graph = helper.make_graph(
        [helper.make_node("Concat", ["x", "y"], ["z"], axis=1)],
        "g",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", None]) for name in "xy"],
        [helper.make_tensor_value_info("z", TensorProto.FLOAT, None)],
    )
    made = executor(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8))
    assert made.run({"x": X, "y": X[:, :1]})["z"].shape == (2, 4)
    with pytest.raises(ExecutionError, match="axis 'N' has size 2 in input 'x' and 1 in input 'y'"):
        made.run({"x": X, "y": X[:1]})


def test_a_node_that_cannot_be_computed_is_named() -> None:
    node = helper.make_node("Reshape", ["x", "shape"], ["y"], name="bend")
    made = executor(network([node], {"x": X, "shape": np.array([1], np.int64)}, ["y"]))
    with pytest.raises(
        ExecutionError, match=r"made\.onnx: Reshape node 'bend' cannot be computed from \(float32\[2, 3\], int64\[1\]\)"
    ):
        made.run({"x": X, "shape": np.array([7], np.int64)})


def test_operators_of_other_domains_are_refused() -> None:
    node = helper.make_node("Gemmish", ["x"], ["y"], domain="com.example")
    model = network([node], {"x": X}, ["y"])
    model.opset_import.append(helper.make_opsetid("com.example", 1))
    with pytest.raises(ExecutionError, match=r"operator Gemmish of domain 'com\.example'"):
        executor(model).run({"x": X})


def test_unknown_tensors_and_backends_are_refused() -> None:
    made = executor(network(chain(1), {"x": X}, ["t0"]))
    with pytest.raises(ExecutionError, match="no tensor 'nothing'"):
        made.run({"x": X}, outputs=["nothing"])
    with pytest.raises(UsageError, match="no backend 'cuda'"):
        Executor(made.model, backend="cuda")


def test_blas_gets_its_threads_back() -> None:
    before = blas_threads()
    if before is None:
        pytest.skip("numpy has another BLAS than OpenBLAS")
    with team():
        assert blas_threads() == 1
        assert workers() == before
        with team():
            assert workers() == before
    assert blas_threads() == before
    assert workers() == 1
    x = values(2, 3, 4, 4)
    broken = network([helper.make_node("Conv", ["x", "w"], ["y"])], {"x": x, "w": values(1, 1)}, ["y"])
    with pytest.raises(ExecutionError):
        executor(broken).run({"x": x, "w": values(1, 1)})
    assert blas_threads() == before


def test_results_are_the_same_each_time() -> None:
    x, w = values(1, 32, 60, 60), values(64, 32, 3, 3)
    made = executor(network([helper.make_node("Conv", ["x", "w"], ["y"], pads=[1] * 4)], {"x": x}, ["y"],
                            initializers={"w": w}))  # fmt: skip
    first = made.run({"x": x})["y"]
    for _ in range(5):
        np.testing.assert_array_equal(made.run({"x": x})["y"], first)
