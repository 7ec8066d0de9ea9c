"""Hand-built ONNX models with other layouts than MATLAB's, against onnxruntime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from qlint.converting import Converted, convert
from qlint.network.reading import read
from qlint.numeric.executor import Executor

Array = np.ndarray[Any, Any]
RANDOM = np.random.default_rng(5)


def weights(*shape: int) -> Array:
    return RANDOM.standard_normal(shape).astype(np.float32)


def saved(
    folder: Path,
    nodes: list[onnx.NodeProto],
    inputs: dict[str, list[Any]],
    outputs: list[str],
    constants: dict[str, Array],
) -> Path:
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in inputs.items()],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    path = folder / "net.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def node(op: str, inputs: str, output: str, **attributes: Any) -> onnx.NodeProto:
    return helper.make_node(op, inputs.split(), output.split(), **attributes)


def raised(path: Path, feeds: dict[str, Array], order: list[int] | None = None) -> tuple[Converted, list[str]]:
    """Convert, compare with onnxruntime, and return the layers' types; `order` is the input's in the description."""
    out = path.with_name("net.qnet.yaml")
    converted = convert(str(path), str(out))
    loaded = read(out)
    assert loaded.described is not None
    if not converted.beyond:
        expected = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"]).run(None, feeds)
        values = [value.transpose(order) if order else value for value in feeds.values()]
        found = Executor(loaded.model).run(dict(zip(loaded.model.graph.inputs, values, strict=True)))
        for one, two in zip(expected, found.values(), strict=True):
            assert one.size == two.size
            if one.ndim == two.ndim and sorted(one.shape) != sorted(two.shape):
                pytest.fail(f"{one.shape} {two.shape}")
            match = [axes for axes in _orders(one.ndim) if one.ndim == two.ndim and _equal(one.transpose(axes), two)]
            assert match or _equal(one.reshape(two.shape), two)
    return converted, [entry.type for entry in loaded.described[0].body.layers.values()]


def _orders(rank: int) -> list[tuple[int, ...]]:
    from itertools import permutations

    return list(permutations(range(rank)))


def _equal(one: Array, two: Array) -> bool:
    return one.shape == two.shape and bool(np.allclose(one, two, rtol=1e-4, atol=1e-5))


def test_channels_last_is_no_layer(tmp_path: Path) -> None:
    nodes = [
        node("Transpose", "x", "t", perm=[0, 3, 1, 2]),
        node("Conv", "t w", "c", kernel_shape=[3, 2]),
        node("Relu", "c", "r"),
        node("Transpose", "r", "y", perm=[0, 2, 3, 1]),
    ]
    path = saved(tmp_path, nodes, {"x": ["N", 6, 5, 3]}, ["y"], {"w": weights(4, 3, 3, 2)})
    converted, types = raised(path, {"x": weights(2, 6, 5, 3)}, [0, 3, 1, 2])
    assert types == ["imageInputLayer", "convolution2dLayer", "reluLayer"]
    assert converted.layouts == [("x", "[B, S, S, C]", "[B, C, S, S]"), ("y", "[B, S, S, C]", "[B, C, S, S]")]


@pytest.mark.parametrize("flatten", ["flatten", "reshape", "open"])
@pytest.mark.parametrize("between", ["", "Relu"])
def test_flattening_goes_into_the_columns(flatten: str, between: str, tmp_path: Path) -> None:
    constants = {"w": weights(7, 60), "b": weights(7), "one": np.array([0, 60]), "open": np.array([-1, 60])}
    nodes = [
        node("Flatten", "x", "f")
        if flatten == "flatten"
        else node("Reshape", f"x {'open' if flatten == 'open' else 'one'}", "f")
    ]
    nodes += [node("Relu", "f", "g")] if between else []
    nodes.append(node("Gemm", f"{'g' if between else 'f'} w b", "y", transB=1, alpha=0.5, beta=2.0))
    path = saved(tmp_path, nodes, {"x": ["N", 3, 4, 5]}, ["y"], constants)
    converted, types = raised(path, {"x": weights(2, 3, 4, 5)})
    assert not converted.beyond
    assert types == ["imageInputLayer", *(["reluLayer"] if between else []), "fullyConnectedLayer"]


def test_what_is_flattened_for_others_becomes_a_layer(tmp_path: Path) -> None:
    nodes = [node("Flatten", "x", "f"), node("Softmax", "f", "y", axis=1)]
    path = saved(tmp_path, nodes, {"x": ["N", 3, 4, 5]}, ["y"], {})
    converted, types = raised(path, {"x": weights(2, 3, 4, 5)})
    assert not converted.beyond
    assert types == ["imageInputLayer", "nnet.onnx.layer.FlattenLayer", "softmaxLayer"]


@pytest.mark.parametrize("last", ["Flatten", "Squeeze", "Reshape", "ReduceMean"])
def test_a_pooled_image_is_connected(last: str, tmp_path: Path) -> None:
    constants = {"w": weights(3, 7), "axes": np.array([2, 3]), "shape": np.array([0, 3])}
    pool = node("GlobalAveragePool", "x", "p")
    drop = {
        "Flatten": [pool, node("Flatten", "p", "f")],
        "Squeeze": [pool, node("Squeeze", "p axes", "f")],
        "Reshape": [pool, node("Reshape", "p shape", "f")],
        "ReduceMean": [node("ReduceMean", "x", "f", axes=[2, 3], keepdims=0)],
    }[last]
    path = saved(tmp_path, [*drop, node("MatMul", "f w", "y")], {"x": ["N", 3, 4, 5]}, ["y"], constants)
    converted, types = raised(path, {"x": weights(2, 3, 4, 5)})
    assert not converted.beyond
    assert types == ["imageInputLayer", "globalAveragePooling2dLayer", "fullyConnectedLayer"]


def test_a_matrix_product_at_each_place_is_a_convolution(tmp_path: Path) -> None:
    nodes = [node("Transpose", "x", "t", perm=[0, 2, 3, 1]), node("MatMul", "t w", "m"), node("Add", "m b", "y")]
    path = saved(tmp_path, nodes, {"x": ["N", 3, 4, 5]}, ["y"], {"w": weights(3, 6), "b": weights(6)})
    converted, types = raised(path, {"x": weights(2, 3, 4, 5)})
    assert not converted.beyond
    assert types == ["imageInputLayer", "convolution2dLayer"]


def test_sequences_are_what_the_first_layer_says(tmp_path: Path) -> None:
    """Batch first, as exporters of torch write it, with states that are zeros of a computed size."""
    constants = {
        "w": weights(1, 16, 3),
        "r": weights(1, 16, 4),
        "b": weights(1, 32),
        "zero": np.zeros((1, 1, 4), np.float32),
        "i": np.array(0),
        "ones": np.array([1]),
        "four": np.array([4]),
        "axis": np.array([1]),
        "fc": weights(4, 5),
        "last": np.array(-1),
    }
    nodes = [
        node("Shape", "x", "s"),
        node("Gather", "s i", "n"),
        node("Unsqueeze", "n i0", "nn"),
        node("Concat", "ones nn four", "size", axis=0),
        node("Expand", "zero size", "h"),
        node("Transpose", "x", "t", perm=[1, 0, 2]),
        node("LSTM", "t w r b  h h".replace("  ", " lengths "), "Y Yh Yc", hidden_size=4),
        node("Squeeze", "Y axis", "q"),
        node("Transpose", "q", "u", perm=[1, 0, 2]),
        node("Gather", "u last", "z", axis=1),
        node("MatMul", "z fc", "y"),
    ]
    nodes[6].input[4] = ""
    constants["i0"] = np.array([0])
    path = saved(tmp_path, nodes, {"x": ["N", "L", 3]}, ["y"], constants)
    converted, types = raised(path, {"x": weights(2, 6, 3)}, [0, 2, 1])
    assert not converted.beyond, converted.beyond
    assert types == ["sequenceInputLayer", "lstmLayer", "indexing1dLayer", "fullyConnectedLayer"]
    assert converted.layouts == [("x", "[B, T, C]", "[B, C, T]")]


@pytest.mark.parametrize("mode", [0, 1])
def test_both_ways_and_gates(mode: int, tmp_path: Path) -> None:
    constants = {"w": weights(1, 12, 3), "r": weights(1, 12, 4), "b": weights(1, 24), "axis": np.array([1])}
    nodes = [
        node("GRU", "x w r b", "Y", hidden_size=4, linear_before_reset=mode),
        node("Squeeze", "Y axis", "y"),
    ]
    path = saved(tmp_path, nodes, {"x": [6, "N", 3]}, ["y"], constants)
    converted, types = raised(path, {"x": weights(6, 2, 3)}, [1, 2, 0])
    assert not converted.beyond
    assert types == ["sequenceInputLayer", "gruLayer"]


@pytest.mark.parametrize("op", ["Add", "Sub", "Mul", "Div"])
@pytest.mark.parametrize("shape", [(), (3, 1, 1), (4, 5), (1, 3, 4, 5), (5,)])
@pytest.mark.parametrize("turned", [False, True])
def test_arithmetic_with_constants(op: str, shape: tuple[int, ...], turned: bool, tmp_path: Path) -> None:
    if op == "Div" and turned:
        pytest.skip("division by data is no affine layer")
    constant = np.abs(weights(*shape)) + np.float32(0.5) if shape else np.asarray(1.5, np.float32)
    nodes = [node("Relu", "x", "r"), node(op, "c r" if turned else "r c", "y")]
    path = saved(tmp_path, nodes, {"x": ["N", 3, 4, 5]}, ["y"], {"c": np.asarray(constant)})
    converted, types = raised(path, {"x": weights(2, 3, 4, 5)})
    assert not converted.beyond
    assert types == ["imageInputLayer", "reluLayer", "nnet.onnx.layer.ElementwiseAffineLayer"]


def test_outputs_that_are_read_and_inputs_that_are_not(tmp_path: Path) -> None:
    nodes = [node("Relu", "x", "a"), node("Sigmoid", "a", "b"), node("Tanh", "x", "dead")]
    path = saved(tmp_path, nodes, {"x": ["N", 3], "unread": ["N", 2]}, ["b", "a", "x"], {})
    out = tmp_path / "net.qnet.yaml"
    converted = convert(str(path), str(out))
    assert [beyond.reason for beyond in converted.beyond] == ["input 'unread' is left out, as nothing reads it"]
    loaded = read(out)
    given = weights(2, 3)
    found = [*Executor(loaded.model).run({"x": given}).values()]
    np.testing.assert_allclose(found[0], 1 / (1 + np.exp(-np.maximum(given, 0))), rtol=1e-6)
    np.testing.assert_allclose(found[1], np.maximum(given, 0))
    np.testing.assert_allclose(found[2], given)


def test_names_are_made_unique_and_valid(tmp_path: Path) -> None:
    nodes = [node("Relu", "x", "a"), node("Relu", "a", "b"), node("Relu", "b", "c"), node("Relu", "c", "y")]
    for each, name in zip(nodes, ["/m/relu", "/m/relu", "", "x"], strict=True):
        each.name = name
    path = saved(tmp_path, nodes, {"x": ["N", 3]}, ["y"], {})
    convert(str(path), str(tmp_path / "net.qnet.yaml"))
    loaded = read(tmp_path / "net.qnet.yaml")
    assert loaded.described is not None
    assert list(loaded.described[0].body.layers) == ["x", "m_relu", "b", "c", "y"]


def test_what_matlab_lacks_is_listed_and_stands_there(tmp_path: Path) -> None:
    nodes = [node("Relu", "x", "a"), node("Erf", "a", "b"), node("Relu", "b", "y")]
    nodes[1].name = "the_erf"
    path = saved(tmp_path, nodes, {"x": ["N", 3, 4, 5]}, ["y"], {})
    converted, types = raised(path, {"x": weights(2, 3, 4, 5)})
    assert [(beyond.layer, beyond.operator) for beyond in converted.beyond] == [("the_erf", "Erf")]
    assert types == ["imageInputLayer", "reluLayer", "onnx:Erf", "reluLayer"]
    assert not converted.outputs and converted.reason


def test_half_precision_becomes_single(tmp_path: Path) -> None:
    half = weights(4, 3, 2, 2).astype(np.float16)
    graph = helper.make_graph(
        [node("Conv", "x w", "y")],
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT16, ["N", 3, 5, 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT16, None)],
        [numpy_helper.from_array(half, "w")],
    )
    path = tmp_path / "net.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    converted = convert(str(path), str(tmp_path / "net.qnet.yaml"))
    assert not converted.beyond
    assert [output.verdict for output in converted.outputs] == ["equal"]
    assert converted.lost == ["that learnables are float16: descriptions hold single precision"]


@pytest.mark.parametrize("mode", ["constant", "edge", "reflect"])
@pytest.mark.parametrize("own", [False, True])
def test_padding_goes_into_the_convolution(mode: str, own: bool, tmp_path: Path) -> None:
    constants = {"p": np.array([0, 0, 1, 0, 0, 0, 2, 3]), "w": weights(4, 3, 3, 2)}
    nodes = [node("Pad", "x p", "q", mode=mode), node("Conv", "q w", "y", pads=[1, 0, 0, 1] if own else [0, 0, 0, 0])]
    path = saved(tmp_path, nodes, {"x": ["N", 3, 6, 5]}, ["y"], constants)
    converted, types = raised(path, {"x": weights(2, 3, 6, 5)})
    assert bool(converted.beyond) is (own and mode != "constant")
    if not converted.beyond:
        assert types == ["imageInputLayer", "convolution2dLayer"]


def test_padding_that_others_read_is_listed(tmp_path: Path) -> None:
    constants = {"p": np.array([0, 0, 1, 0, 0, 0, 2, 3]), "w": weights(4, 3, 3, 2)}
    nodes = [node("Pad", "x p", "q"), node("Conv", "q w", "y"), node("Relu", "q", "z")]
    path = saved(tmp_path, nodes, {"x": ["N", 3, 6, 5]}, ["y", "z"], constants)
    converted, _ = raised(path, {"x": weights(2, 3, 6, 5)})
    assert [beyond.operator for beyond in converted.beyond] == ["Pad"]


@pytest.mark.parametrize("op", ["MaxPool", "AveragePool"])
@pytest.mark.parametrize("counted", [0, 1])
@pytest.mark.parametrize("size", [(7, 8), (8, 9), (9, 10), (6, 6)])
def test_windows_that_reach_over_the_end(op: str, counted: int, size: tuple[int, int], tmp_path: Path) -> None:
    more = {"count_include_pad": counted} if op == "AveragePool" else {}
    pool = node(op, "x", "y", kernel_shape=[3, 2], strides=[2, 3], pads=[1, 0, 0, 0], ceil_mode=1, **more)
    path = saved(tmp_path, [pool], {"x": ["N", 3, *size]}, ["y"], {})
    converted, types = raised(path, {"x": weights(2, 3, *size)})
    assert converted.beyond or types == ["imageInputLayer", f"{'max' if op == 'MaxPool' else 'average'}Pooling2dLayer"]
    if op == "MaxPool" or not counted:
        assert not converted.beyond
