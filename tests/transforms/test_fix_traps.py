"""Traps on which other tools fall, each through the whole of `fix`: found, proven, written, and run by onnxruntime."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper, numpy_helper

from qlint.preparing import Fixed, apply_patch, fix
from qlint.rules import library
from tests.transforms.traps import Net

Array = np.ndarray[Any, Any]


def image(*sizes: int, **rest: Any) -> Net:
    return Net(2, 3, *(sizes or (8, 8)), **{"dtype": np.float32, **rest})


def weights_behind(make: Callable[[Net], str], *, opset: int = 18) -> Net:
    """A convolution whose weights (4, 3, 3, 3) are computed from constants, and its normalization."""
    net = image(opset=opset)
    net.bn(net.node("Conv", "x", make(net)), 4, to="y")
    return net


def normalized_weights(net: Net) -> str:
    """As weight normalization is exported."""
    direction = net.const(net.values(4, 3, 3, 3))
    norm = net.node("ReduceL2", direction, np.array([1, 2, 3]))
    return net.node("Mul", net.node("Div", direction, norm), net.values(4, 1, 1, 1))


def part_of_weights(net: Net) -> str:
    net.node("Split", net.values(9, 3, 3, 3), np.array([5, 4]), to="first", more=("second",), axis=0)
    return "second"


def low_rank_weights(net: Net) -> str:
    update = net.node("MatMul", net.values(4, 2), net.values(2, 27))
    return net.node("Add", net.values(4, 3, 3, 3), net.node("Reshape", update, np.array([4, 3, 3, 3])))


def bias_from_shapes() -> Net:
    """As torch's newest exporter writes it: Shape -> Expand -> CastLike."""
    net = image(opset=18)
    weights = net.const(net.values(4, 3, 3, 3))
    sizes = net.node("Shape", weights, start=0, end=1)
    bias = net.node("CastLike", net.node("Expand", np.float32([0.25]), sizes), weights)
    offset = net.node("CastLike", net.node("Expand", np.float32([0.5]), sizes), weights)
    given = [net.values(4), offset, net.values(4), np.abs(net.values(4)) + 1]
    net.node("BatchNormalization", net.node("Conv", "x", weights, bias), *given, to="y")
    return net


def computed_variance() -> Net:
    net = image()
    variance = net.node("Softplus", net.values(4))
    given = [net.values(4), net.values(4), net.values(4), variance]
    net.node("BatchNormalization", net.node("Conv", "x", net.values(4, 3, 3, 3)), *given, to="y")
    return net


def through(operator: str, *inputs: Any, **attributes: Any) -> Net:
    net = image()
    c = net.node(operator, net.node("Conv", "x", net.values(4, 3, 3, 3)), *inputs, **attributes)
    net.bn(c, 4, to="y")
    return net


def cast_between() -> Net:
    net = image()
    net.nodes.append(helper.make_node("Cast", [net.node("Conv", "x", net.values(4, 3, 3, 3))], ["cast"], to=1))
    net.bn("cast", 4, to="y")
    return net


def unnamed_outputs() -> Net:
    net = image(opset=9)
    net.bn(net.node("Conv", "x", net.values(4, 3, 3, 3)), 4, to="y", more=("", ""))
    return net


def chain(operator: str, count: int) -> Net:
    net = image()
    y = net.node("Conv", "x", net.values(3, 3, 1, 1))
    for _ in range(count):
        y = net.node(operator, y) if operator != "BatchNormalization" else net.bn(y, 3, scale=np.ones(3))
    net.node("Sigmoid", y, to="y")
    return net


def product_with_a_matrix_added(*shape: int) -> Net:
    """No bias a normalization folds into, but a Gemm's third input."""
    net = Net(4, 5, dtype=np.float32)
    product = net.node("MatMul", "x", net.values(5, 6))
    net.bn(net.node("Add", product, net.values(*shape)), 6, to="y")
    return net


def arithmetic_after(operator: str) -> Net:
    """A normalization that can be folded when the arithmetic behind it has been."""
    net = image()
    y = net.node(operator, net.bn(net.node("Relu", "x"), 3), np.abs(net.values(3, 1, 1)) + 1)
    net.node("Conv", y, net.values(4, 3, 3, 3), to="y")
    return net


def normalized_on_both_sides() -> Net:
    """The product takes one normalization, and gets a bias that has its output's name; then it takes the other."""
    net = image(2, 2)
    average = net.node("GlobalAveragePool", net.bn(net.node("Relu", "x"), 3))
    net.bn(net.node("MatMul", net.node("Flatten", average), net.values(3, 6)), 6, to="y")
    return net


def free_padding(size: int) -> Net:
    """An average pooling whose padding at the end no window reaches."""
    net = image(size, size)
    net.node("AveragePool", net.node("Relu", "x"), kernel_shape=[2, 2], strides=[2, 2], pads=[0, 0, 1, 1], to="y")
    return net


def uneven_pair() -> Net:
    """The size of a tensor that is scaled is read, and stays."""
    net = image()
    uneven = np.float32([20, 1, 0.05, 3]).reshape(4, 1, 1, 1)
    y = net.node("Conv", "x", net.values(4, 3, 3, 3) * uneven, net.values(4))
    y = net.node("Relu", y)
    net.node("ConstantOfShape", net.node("Shape", y), to="z")
    net.node("Conv", y, net.values(5, 4, 3, 3), to="y")
    return net


def through_types(data: Any, statistics: Any) -> Net:
    net = image(dtype=data, statistics=statistics, opset=15)
    net.bn(net.node("Conv", "x", net.values(4, 3, 3, 3)), 4, to="y")
    return net


CASES: dict[str, tuple[Callable[[], Net], str]] = {
    "weights behind a norm": (lambda: weights_behind(normalized_weights), "Conv"),
    "weights behind a Split": (lambda: weights_behind(part_of_weights), "Conv"),
    "weights with an update of low rank": (lambda: weights_behind(low_rank_weights), "Conv"),
    "bias from Shape, Expand and CastLike": (bias_from_shapes, "Conv"),
    "variance behind a Softplus": (computed_variance, "Conv"),
    "CastLike between": (lambda: through("CastLike", "x"), "Conv"),
    "Cast between": (cast_between, "Conv"),
    "Reshape to the same shape between": (lambda: through("Reshape", np.array([0, 0, -1, 6])), "Conv"),
    "Pad of nothing between": (lambda: through("Pad", np.zeros(8, np.int64)), "Conv"),
    "outputs without names": (unnamed_outputs, "Conv"),
    "float16 statistics of float32 data": (lambda: through_types(np.float32, np.float16), "Conv"),
    "float32 statistics of float16 data": (lambda: through_types(np.float16, np.float32), "Conv"),
    "many Dropouts": (lambda: chain("Dropout", 250), "Conv Sigmoid"),
    "many Identities": (lambda: chain("Identity", 250), "Conv Sigmoid"),
    "many normalizations": (lambda: chain("BatchNormalization", 60), "Conv Sigmoid"),
    "a matrix added to a product": (lambda: product_with_a_matrix_added(4, 6), "Gemm"),
    "a column added to a product": (lambda: product_with_a_matrix_added(4, 1), "Gemm"),
    "normalizations before and after a product": (normalized_on_both_sides, "Relu GlobalAveragePool Flatten Gemm"),
    "a scale between it and a convolution": (lambda: arithmetic_after("Mul"), "Relu Conv"),
    "an offset between it and a convolution": (lambda: arithmetic_after("Add"), "Relu Conv"),
    "padding without effect": (lambda: free_padding(8), "Relu AveragePool"),
    "padding without effect on a larger image": (lambda: free_padding(32), "Relu AveragePool"),
    "equalized though a size is read": (uneven_pair, "Conv Relu Shape ConstantOfShape Conv"),
}


def prepared(net: Net, folder: Path, proto: onnx.ModelProto | None = None) -> tuple[Fixed, onnx.ModelProto]:
    """Fix a network as a user does; a second time finds nothing, and its patch does the same."""
    before, after = folder / "before.onnx", folder / "after.onnx"
    outputs = ("y", "z") if any("z" in node.output for node in net.nodes) else ("y",)
    onnx.save(onnx.shape_inference.infer_shapes(proto or net.proto(*outputs)), before)
    environment = library.load("matlab", None)
    fixed = fix(str(before), environment, out=str(after), patch=str(folder / "patch.json"))
    assert not fixed.refusal
    assert fixed.applied
    assert not fix(str(after), environment, out=str(folder / "again.onnx")).applied
    assert (folder / "again.onnx").read_bytes() == after.read_bytes()
    apply_patch(str(before), str(folder / "patch.json"), str(folder / "applied.onnx"))
    assert (folder / "applied.onnx").read_bytes() == after.read_bytes()
    return fixed, onnx.load(after)


@pytest.mark.parametrize("case", CASES)
def test_trap(case: str, tmp_path: Path) -> None:
    make, operators = CASES[case]
    net = make()
    fixed, result = prepared(net, tmp_path)
    onnx.checker.check_model(result, full_check=True)
    assert sorted(node.op_type for node in result.graph.node) == sorted(operators.split())
    assert not [entry for entry in fixed.declined if "batch" in entry.transform]
    if "unnamed" in make.__name__:
        return  # onnxruntime does not survive it
    feeds = net.feeds()
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    one, other = (
        onnxruntime.InferenceSession(tmp_path / name, options).run(None, feeds)
        for name in ("before.onnx", "after.onnx")
    )
    for wanted, found in zip(one, other, strict=True):
        assert found.dtype == wanted.dtype
        bound = 64 * float(np.finfo(wanted.dtype).eps) * float(np.abs(wanted).max())
        np.testing.assert_allclose(found.astype(np.float64), wanted.astype(np.float64), rtol=0, atol=bound)


def test_bfloat16(tmp_path: Path) -> None:
    """onnxruntime does not convolve it; the proof does."""
    net = image(dtype=ml_dtypes.bfloat16, opset=22, ir=10)
    weights = net.const(net.values(4, 3, 3, 3))
    net.bn(net.node("Conv", "x", weights), 4, to="y")
    _, result = prepared(net, tmp_path)
    assert [node.op_type for node in result.graph.node] == ["Conv"]
    assert {tensor.data_type for tensor in result.graph.initializer} == {onnx.TensorProto.BFLOAT16}


@pytest.mark.parametrize("batch", ["N", "2"])
def test_number_of_channels_that_only_the_statistics_tell(batch: str, tmp_path: Path) -> None:
    net = image()
    net.bn(net.node("Relu", "x"), 3, to="y")
    proto = net.proto("y")
    sizes: list[int | str] = [int(batch) if batch == "2" else batch, "C", "H", "W"]
    proto.graph.input[0].CopyFrom(helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, sizes))
    fixed, result = prepared(net, tmp_path, proto)
    assert [node.op_type for node in result.graph.node] == ["Relu", "Conv"]
    assert fixed.verification is not None and fixed.verification.scope == "regions"
    weights = {tensor.name: numpy_helper.to_array(tensor) for tensor in result.graph.initializer}
    assert weights[result.graph.node[1].input[1]].shape == (3, 1, 1, 1)
