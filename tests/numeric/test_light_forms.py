"""What older opsets wrote otherwise, control flow, conversions and quantization."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, parser

from qlint.files.onnx_file import read_model
from qlint.numeric.executor import Executor
from tests.numeric.single import agree, run

X = np.arange(24, dtype=np.float32).reshape(2, 3, 4)


def i64(values: object) -> np.ndarray:
    return np.array(values, np.int64)


@pytest.mark.parametrize("name", ["Add", "Sub", "Mul", "Div", "Pow", "Less", "Equal"])
def test_legacy_broadcasting(name: str) -> None:
    column = np.array([1.0, 2.0, 3.0], np.float32)
    expected = run(name, X, column.reshape(3, 1), opset=13)
    for axis in (1, -2):
        found = run(name, X, column, opset=6, broadcast=1, axis=axis)
        np.testing.assert_array_equal(found, expected)
    suffix = X[0] + 1
    np.testing.assert_array_equal(run(name, X, suffix, opset=6, broadcast=1), run(name, X, suffix, opset=13))


def test_attributes_that_became_inputs() -> None:
    pairs = [
        (run("Slice", X, opset=9, starts=[1, -3], ends=[9, -1], axes=[1, 2]), X[:, 1:, 1:3]),
        (run("Slice", X, opset=9, starts=[1], ends=[2]), X[1:2]),
        (run("Reshape", X, opset=4, shape=[0, -1]), X.reshape(2, 12)),
        (run("Squeeze", X[:1], opset=11, axes=[0]), X[0]),
        (run("Unsqueeze", X, opset=11, axes=[0, -1]), X[None, ..., None]),
        (run("ReduceSum", X, opset=11, axes=[1], keepdims=0), X.sum(1)),
        (run("Pad", X, opset=1, paddings=[0, 0, 1, 0, 0, 0], value=9.0)[..., 0], np.full((2, 3), 9.0)),
        (run("Pad", X, opset=10, pads=[0, 0, -1, 0, 0, 0]), X[..., 1:]),
        (run("Clip", X, opset=6, min=2.0, max=5.0), X.clip(2, 5)),
        (run("Clip", X, opset=6, max=5.0), np.minimum(X, 5)),
        (run("Tile", X, np.array(2, np.float32), np.array(1, np.float32), opset=5), np.tile(X, (1, 2, 1))),
        (run("Tile", X, i64([1, 2, 1]), opset=6), np.tile(X, (1, 2, 1))),
        (run("Concat", X, X, opset=3), np.concatenate([X, X], 1)),
        (run("Cast", X, opset=5, to="INT32"), X.astype(np.int32)),
        (run("Selu", X, opset=5), np.float32(1.0507) * X),
        (run("Dropout", X, opset=6, is_test=1), X),
        (run("PRelu", -X, np.array([1, 2, 3], np.float32), opset=6), -X * np.array([[1], [2], [3]], np.float32)),
    ]
    for number, (found, expected) in enumerate(pairs):
        np.testing.assert_array_equal(found, expected, err_msg=str(number))


def test_splits_and_masks_of_older_opsets() -> None:
    first, second = run("Split", X, opset=11, axis=2, split=[1, 3], outputs=2)
    np.testing.assert_array_equal(first, X[..., :1])
    np.testing.assert_array_equal(second, X[..., 1:])
    first, second = run("Split", X, opset=11, axis=-1, outputs=2)
    np.testing.assert_array_equal(second, X[..., 2:])
    values, places = run("TopK", X, opset=1, k=2, outputs=2)
    np.testing.assert_array_equal(values, X[..., :1:-1])
    assert places[0, 0].tolist() == [3, 2]
    assert run("Dropout", X, opset=7, outputs=2)[1].dtype == np.float32
    assert run("Dropout", X, opset=12, outputs=2)[1].dtype == bool


def test_reshape_to_nothing() -> None:
    empty = np.zeros((0, 3), np.float32)
    assert run("Reshape", empty, i64([3, 0]), allowzero=1).shape == (3, 0)
    assert run("Reshape", empty, i64([0, 3, 1])).shape == (0, 3, 1)


def test_movement_makes_views() -> None:
    from qlint.numeric.kernel import Call, find

    for name, inputs, attributes in (
        ("Transpose", (X,), {"perm": [2, 0, 1]}),
        ("Reshape", (X, i64([6, 4])), {}),
        ("Slice", (X, i64([1]), i64([3]), i64([1])), {}),
        ("Expand", (X, i64([5, 2, 3, 4])), {}),
        ("Unsqueeze", (X, i64([1])), {}),
        ("Gather", (X, np.array(1, np.int64)), {"axis": 1}),
        ("Flatten", (X,), {}),
    ):
        function = find(name)
        assert function is not None
        found = function(Call(name, 13, inputs, 1, attributes))
        assert isinstance(found, np.ndarray)
        assert np.shares_memory(found, X), name


def test_conversions() -> None:
    floats = np.array([-1.9, 0.0, 0.5, 300.0], np.float32)
    assert run("Cast", floats, to=TensorProto.INT32).tolist() == [-1, 0, 0, 300]
    assert run("Cast", floats, to=TensorProto.BOOL).tolist() == [True, False, True, True]
    assert run("Cast", np.array([200, -300], np.int16), to=TensorProto.INT8).tolist() == [-56, -44]
    assert run("Cast", np.array([1e30], np.float32), to=TensorProto.FLOAT16).tolist() == [np.inf]
    words = np.array(["1.5", "-INF", "nan"], object)
    found = run("Cast", words, to=TensorProto.FLOAT)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, np.array([1.5, -np.inf, np.nan], np.float32))
    assert run("CastLike", floats, np.zeros(1, np.float64)).dtype == np.float64


def test_generated_tensors() -> None:
    for start, limit, step in ((1, 10, 3), (5, -4, -2), (3, 3, 1), (0, -5, 1)):
        for dtype in (np.float32, np.int64, np.int32):
            agree("Range", *(np.array(value, dtype) for value in (start, limit, step)))
    agree("Range", *(np.array(value, np.float32) for value in (0, 1, 0.1)), rtol=1e-6)
    assert run("Shape", X, opset=15, start=-2).tolist() == [3, 4]
    assert run("Shape", X, opset=15, start=1, end=-1).tolist() == [3]
    filled = run("ConstantOfShape", i64([2, 0]), value=helper.make_tensor("v", TensorProto.INT8, [1], [3]))
    assert (filled.dtype, filled.shape) == (np.int8, (2, 0))
    assert run("ConstantOfShape", i64([])).shape == ()
    agree("EyeLike", X[0], k=1, dtype=TensorProto.DOUBLE, opset=9)
    for dtype, attributes in (
        (np.float32, {"value_float": 2.5}), (np.int64, {"value_ints": [1, 2]}), (np.float32, {"value_floats": [1.0]}),
        (np.int64, {"value_int": 7}), (np.object_, {"value_string": "a"}),
    ):  # fmt: skip
        found = run("Constant", opset=13, **attributes)
        assert found.dtype == dtype
        assert found.tolist() == next(
            [v.decode() if isinstance(v, bytes) else v for v in value] if isinstance(value, list) else value
            for value in attributes.values()
        )


def test_quantization() -> None:
    x = np.linspace(-3, 3, 24, dtype=np.float32).reshape(2, 3, 4)
    scales, zeros = np.array([0.01, 0.02, 0.05], np.float32), np.array([-5, 0, 7], np.int8)
    agree("QuantizeLinear", x, scales, zeros, axis=1, opset=13)
    agree("QuantizeLinear", x, np.array(0.02, np.float32), opset=13)
    quantized = run("QuantizeLinear", x, scales, zeros, axis=-2, opset=13)
    agree("DequantizeLinear", quantized, scales, zeros, axis=1, opset=13)
    blocks = np.linspace(0.01, 0.05, 12, dtype=np.float32).reshape(2, 3, 2)
    agree("QuantizeLinear", x, blocks, np.zeros((2, 3, 2), np.int8), axis=2, block_size=2, opset=21)
    agree("DequantizeLinear", quantized, blocks, axis=2, block_size=2, opset=21)
    agree("DequantizeLinear", np.array([2**30 + 1, -7], np.int32), np.array(0.5, np.float32), opset=13)
    agree("DynamicQuantizeLinear", x[0], outputs=3, opset=11)
    agree("DynamicQuantizeLinear", np.zeros(3, np.float32), outputs=3, opset=11)


def executed(text: str, **inputs: np.ndarray) -> list[np.ndarray]:
    model = parser.parse_model(f'<ir_version: 8, opset_import: ["" : 16]>\n{text}')
    onnx.checker.check_model(model)
    executor = Executor(read_model(Path("control.onnx"), data=model.SerializeToString()))
    found = list(executor.run(inputs).values())
    assert not executor.fallbacks
    return found


COUNTING = """
    g (int64 {limit}, bool go, float[2] x) => (float[2] last, float[N, 2] all) {{
        last, all = Loop ({m}, {c}, x) <body = b (int64 i, bool ran, float[2] v) => (bool more, float[2] w, float[2] s) {{
            one = Constant <value = float[1] {{1.0}}> ()
            w = Add (v, one)
            top = Constant <value_float = 4.5> ()
            peak = ReduceMax <keepdims = 0> (w)
            more = Less (peak, top)
            s = Mul (v, x)
        }}>
    }}"""


@pytest.mark.parametrize(
    ("m", "c", "limit", "go", "steps"),
    [("limit", "go", 2, True, 2), ("", "go", 2, True, 4), ("limit", "", 9, False, 4), ("limit", "go", 2, False, 0)],
)
def test_loop(m: str, c: str, limit: int, go: bool, steps: int) -> None:
    x = np.array([1.0, 0.0], np.float32)
    text = COUNTING.format(limit="limit", m=m, c=c)
    last, collected = executed(text, limit=i64(limit), go=np.array(go), x=x)
    np.testing.assert_array_equal(last, x + steps)
    assert collected.shape == (steps, 2)
    assert collected.dtype == np.float32
    np.testing.assert_array_equal(collected, [(x + step) * x for step in range(steps)] or np.zeros((0, 2)))


def test_scan_directions_and_axes() -> None:
    text = """
    g (float[2] s, float[2, 3] x) => (float[2] total, float[2, 3] sums, float[3, 2] seen) {
        total, sums, seen = Scan <num_scan_inputs = 1, scan_input_axes = [1], scan_input_directions = [1],
            scan_output_axes = [-1, 0], scan_output_directions = [1, 0],
            body = b (float[2] a, float[2] v) => (float[2] c, float[2] d, float[2] e) {
                c = Add (a, v)
                d = Identity (c)
                e = Identity (v)
            }> (s, x)
    }"""
    x = np.array([[1, 2, 3], [4, 5, 6]], np.float32)
    total, sums, seen = executed(text, s=np.zeros(2, np.float32), x=x)
    assert total.tolist() == [6, 15]
    assert sums.tolist() == [[6, 5, 3], [15, 11, 6]]
    assert seen.tolist() == [[3, 6], [2, 5], [1, 4]]


def test_batched_scan_of_opset_8() -> None:
    text = """<ir_version: 8, opset_import: ["" : 8]>
    g (int64[2] lengths, float[2, 1] s, float[2, 3, 1] x) => (float[2, 1] total, float[2, 3, 1] sums) {
        total, sums = Scan <num_scan_inputs = 1, directions = [1],
            body = b (float[1] a, float[1] v) => (float[1] c, float[1] d) {
                c = Add (a, v)
                d = Identity (c)
            }> (lengths, s, x)
    }"""
    model = read_model(Path("scan.onnx"), data=parser.parse_model(text).SerializeToString())
    x = np.array([[1, 2, 3], [4, 5, 6]], np.float32)[..., None]
    found = Executor(model).run({"lengths": i64([2, 3]), "s": np.zeros((2, 1), np.float32), "x": x})
    assert found["total"].ravel().tolist() == [3, 15]
    assert found["sums"][..., 0].tolist() == [[2, 3, 0], [6, 11, 15]]


def test_if_sees_the_outer_graph() -> None:
    text = """
    g (bool c, float[2] x) => (float[2] y) {
        y = If (c) <
            then_branch = t () => (float[2] a) { a = Neg (x) },
            else_branch = e () => (float[2] b) { b = Add (x, x) }
        >
    }"""
    x = np.array([1.0, 2.0], np.float32)
    assert executed(text, c=np.array(True), x=x)[0].tolist() == [-1, -2]
    assert executed(text, c=np.array(False), x=x)[0].tolist() == [2, 4]
