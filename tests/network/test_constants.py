"""Constants that are computed from constants: the same values as onnx's own reference computes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from qlint.network.scope import Scope
from qlint.tristate import Unknown
from tests.files.reading import read

Array = np.ndarray[Any, Any]

A = np.random.default_rng(4).standard_normal((3, 5, 4)).astype(np.float32)
HALF = A.astype(np.float16)
WHOLE = np.arange(-30, 30).reshape(3, 5, 4)
AXES = np.array([0, -1])

Case = tuple[str, list[Array | None], dict[str, Any], int]

CASES: dict[str, Case] = {
    "split by sizes": ("Split", [A, np.array([1, 4])], {"axis": 1}, 13),
    "split by an attribute": ("Split", [A], {"axis": 1, "split": [2, 3]}, 11),
    "split in equal parts": ("Split", [A], {"axis": -1}, 13),
    "split with a smaller rest": ("Split", [A], {"axis": 1, "num_outputs": 2}, 18),
    "clip": ("Clip", [A, np.float32(-0.5), np.float32(0.5)], {}, 17),
    "clip from below": ("Clip", [A, np.float32(-0.5)], {}, 17),
    "clip from above": ("Clip", [A, None, np.float32(0.25)], {}, 17),
    "clip by attributes": ("Clip", [A], {"min": -0.5, "max": 0.25}, 10),
    "clip of integers": ("Clip", [WHOLE, np.int64(-4)], {}, 17),
    "clip of half precision": ("Clip", [HALF, np.float16(-0.5)], {}, 17),
    "tile": ("Tile", [A, np.array([2, 1, 3])], {}, 17),
    "pad": ("Pad", [A, np.array([1, 0, 2, 0, 1, 0])], {}, 17),
    "pad with a value": ("Pad", [A, np.array([1, 0, 2, 0, 1, 0]), np.float32(3)], {}, 17),
    "pad some axes": ("Pad", [A, np.array([1, 2]), None, np.array([-1])], {}, 18),
    "pad by an attribute": ("Pad", [A], {"pads": [0, 1, 0, 0, 0, 2], "value": 1.5}, 10),
    "sum": ("ReduceSum", [A, AXES], {"keepdims": 0}, 13),
    "sum of all": ("ReduceSum", [A], {}, 13),
    "sum by an attribute": ("ReduceSum", [A], {"axes": [0, 2], "keepdims": 1}, 11),
    "sum of integers": ("ReduceSum", [WHOLE, AXES], {}, 13),
    "mean": ("ReduceMean", [A, AXES], {}, 18),
    "mean by an attribute": ("ReduceMean", [HALF], {"axes": [-1], "keepdims": 0}, 13),
    "largest": ("ReduceMax", [A, AXES], {}, 18),
    "smallest": ("ReduceMin", [A], {"axes": [1]}, 13),
    "magnitudes": ("ReduceL1", [A, AXES], {}, 18),
    "norm": ("ReduceL2", [A, np.array([1, 2])], {}, 18),
    "squares": ("ReduceSumSquare", [A], {"axes": [1, 2]}, 13),
    "product": ("MatMul", [A[0], A[1].T.copy()], {}, 17),
    "relu": ("Relu", [A], {}, 17),
    "sigmoid": ("Sigmoid", [A * 10], {}, 17),
    "softplus": ("Softplus", [A * 10], {}, 17),
    "tanh": ("Tanh", [A], {}, 17),
}

NOT_FOLDED: dict[str, Case] = {
    "a mean of integers": ("ReduceMean", [WHOLE], {"axes": [1]}, 13),
    "nothing to reduce": ("ReduceSum", [A, np.array([], np.int64)], {"noop_with_empty_axes": 1}, 13),
    "reflected edges": ("Pad", [A, np.array([1, 0, 2, 0, 1, 0])], {"mode": "reflect"}, 17),
    "sizes of another tensor": ("Split", [A, np.array([1, 3])], {"axis": 1}, 13),
    "a tensor too large": ("Tile", [A, np.array([2000, 2000, 2000])], {}, 17),
    "a product of stacks": ("MatMul", [A, A.transpose(0, 2, 1).copy()], {}, 17),
}


def folded(case: Case) -> tuple[list[Any], Any]:
    """Values of the outputs as folded, and the model."""
    op, inputs, attributes, opset = case
    names = ["" if value is None else f"c{place}" for place, value in enumerate(inputs)]
    outputs = ["p", "q"] if op == "Split" else ["p"]
    node = helper.make_node(op, names, outputs, **attributes)
    kind = helper.np_dtype_to_tensor_dtype(next(value.dtype for value in inputs if value is not None))
    held = [numpy_helper.from_array(np.asarray(v), n) for n, v in zip(names, inputs, strict=True) if v is not None]
    results = [helper.make_tensor_value_info(name, kind, None) for name in outputs]
    graph = helper.make_graph([node], "g", [], results, held)
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    scope = Scope(read(proto).graph, opset)
    return [scope.static_values(name) for name in outputs], proto


@pytest.mark.parametrize("case", CASES)
def test_folded(case: str) -> None:
    found, proto = folded(CASES[case])
    for value, wanted in zip(found, ReferenceEvaluator(proto).run(None, {}), strict=True):
        assert not isinstance(value, Unknown), value
        assert value.dtype == wanted.dtype
        assert value.shape == wanted.shape
        step = np.finfo(wanted.dtype).eps if wanted.dtype.kind == "f" else 0
        np.testing.assert_allclose(value, wanted, rtol=8 * step, atol=8 * step)


def test_edges_that_are_cut() -> None:
    """onnx's reference does not take negative pads."""
    (found,), _ = folded(("Pad", [A, np.array([0, -1, 1, 0, -2, -1])], {}, 17))
    wanted = np.zeros((3, 2, 4), np.float32)
    wanted[:, :, 1:] = A[:, 1:3, :3]
    np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("case", NOT_FOLDED)
def test_not_folded(case: str) -> None:
    found, _ = folded(NOT_FOLDED[case])
    assert all(isinstance(value, Unknown) for value in found)


def test_parts_of_a_shape_are_told_apart() -> None:
    """Shape -> Split: each output is its own size."""
    nodes = [
        helper.make_node("Shape", ["x"], ["s"]),
        helper.make_node("Split", ["s"], ["n", "c", "h"], axis=0),
    ]
    x = helper.make_tensor_value_info("x", 1, [2, 3, 7])
    outputs = [helper.make_tensor_value_info(name, 7, [1]) for name in "nch"]
    proto = helper.make_model(helper.make_graph(nodes, "g", [x], outputs), opset_imports=[helper.make_opsetid("", 13)])
    scope = Scope(read(proto).graph, 13)
    assert [scope.static_values(name).tolist() for name in "nch"] == [[2], [3], [7]]
