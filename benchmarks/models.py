"""Models for the benchmarks, made once below a folder and reused."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

IMAGE = [1, 4, 8, 8]


def _save(path: Path, nodes: list[onnx.NodeProto], last: str, initializers: list[onnx.TensorProto]) -> None:
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, IMAGE)],
        [helper.make_tensor_value_info(last, TensorProto.FLOAT, None)],
        initializers,
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


def _parameters() -> list[onnx.TensorProto]:
    return [
        numpy_helper.from_array(np.ones((4, 4, 1, 1), np.float32), "w"),
        numpy_helper.from_array(np.ones(4, np.float32), "b"),
    ]


def chain(path: Path, count: int) -> None:
    """Conv, BatchNormalization, Relu, Dropout, over and over: findings for half of the nodes."""
    nodes, x = [], "x"
    for i in range(count // 4):
        nodes += [
            helper.make_node("Conv", [x, "w"], [f"c{i}"], name=f"conv{i}"),
            helper.make_node("BatchNormalization", [f"c{i}", "b", "b", "b", "b"], [f"n{i}"], name=f"bn{i}"),
            helper.make_node("Relu", [f"n{i}"], [f"r{i}"], name=f"relu{i}"),
            helper.make_node("Dropout", [f"r{i}"], [f"d{i}"], name=f"drop{i}"),
        ]
        x = f"d{i}"
    _save(path, nodes, x, _parameters())


def residual(path: Path, count: int) -> None:
    """Blocks whose input is added to their output."""
    nodes, x = [], "x"
    for i in range(count // 4):
        nodes += [
            helper.make_node("Conv", [x, "w"], [f"c{i}"], name=f"conv{i}"),
            helper.make_node("BatchNormalization", [f"c{i}", "b", "b", "b", "b"], [f"n{i}"], name=f"bn{i}"),
            helper.make_node("Relu", [f"n{i}"], [f"r{i}"], name=f"relu{i}"),
            helper.make_node("Add", [f"r{i}", x], [f"a{i}"], name=f"add{i}"),
        ]
        x = f"a{i}"
    _save(path, nodes, x, _parameters())


def fan_out(path: Path, count: int) -> None:
    """One tensor that `count` nodes read."""
    nodes = [helper.make_node("Relu", ["x"], ["r"])]
    nodes += [helper.make_node("Tanh", ["r"], [f"t{i}"]) for i in range(count)]
    nodes.append(helper.make_node("Sum", [f"t{i}" for i in range(count)], ["y"]))
    _save(path, nodes, "y", [])


def ladder(path: Path, steps: int) -> None:
    """Each step reads both tensors of the step before: 2^steps paths."""
    nodes, a, b = [], "x", "x"
    for i in range(steps):
        nodes += [helper.make_node("Add", [a, b], [f"a{i}"]), helper.make_node("Mul", [a, b], [f"b{i}"])]
        a, b = f"a{i}", f"b{i}"
    nodes.append(helper.make_node("Add", [a, b], ["y"]))
    _save(path, nodes, "y", [])


def weighted(path: Path, megabytes: int, *, external: bool, typed: bool = False) -> None:
    """Fifty convolutions with batch normalization whose weights fill `megabytes` (sparse files: nothing is written).

    The same graph at 0 megabytes has 1x1 weights of one channel.
    """
    layers = 50
    side = max(1, int((megabytes * 1e6 / 4 / layers) ** 0.5))
    size = side * side * 4
    data = path.with_suffix(".data")
    nodes, initializers, x = [], [], "x"
    for i in range(layers):
        weight = TensorProto(name=f"w{i}", data_type=TensorProto.FLOAT, dims=[side, side, 1, 1])
        if external:
            weight.data_location = TensorProto.EXTERNAL
            for key, value in (("location", data.name), ("offset", str(i * size)), ("length", str(size))):
                weight.external_data.add(key=key, value=value)
        elif typed:
            weight.float_data.extend([0.5] * (side * side))
        else:
            weight.raw_data = bytes(size)
        initializers.append(weight)
        nodes += [
            helper.make_node("Conv", [x, f"w{i}"], [f"c{i}"]),
            helper.make_node("BatchNormalization", [f"c{i}", "s", "s", "s", "s"], [f"n{i}"]),
            helper.make_node("Relu", [f"n{i}"], [f"r{i}"]),
        ]
        x = f"r{i}"
    initializers.append(TensorProto(name="n", data_type=TensorProto.INT64, dims=[1], int64_data=[side]))
    nodes.insert(
        0, helper.make_node("ConstantOfShape", ["n"], ["s"], value=numpy_helper.from_array(np.ones(1, np.float32)))
    )
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, side, 8, 8])],
        [helper.make_tensor_value_info(x, TensorProto.FLOAT, None)],
        initializers,
    )
    if external:
        with data.open("wb") as file:
            file.truncate(layers * size)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


def dropouts(path: Path, megabytes: int) -> None:
    """Fully connected layers with dropout between; their weights fill `megabytes` of a file beside it, all written."""
    side, data = 6250, path.with_suffix(".data")
    size = side * side * 4
    count = max(1, round(megabytes * 1e6 / size))
    values = np.random.default_rng(0).standard_normal((side, side), np.float32)
    nodes, initializers, x = [], [], "x"
    with data.open("wb") as file:
        for i in range(count):
            file.write((values + np.float32(i)).tobytes())
            weight = TensorProto(name=f"w{i}", data_type=TensorProto.FLOAT, dims=[side, side])
            weight.data_location = TensorProto.EXTERNAL
            for key, value in (("location", data.name), ("offset", str(i * size)), ("length", str(size))):
                weight.external_data.add(key=key, value=value)
            initializers.append(weight)
            nodes += [
                helper.make_node("MatMul", [x, f"w{i}"], [f"m{i}"]),
                helper.make_node("Dropout", [f"m{i}"], [f"d{i}"]),
            ]
            x = f"d{i}"
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", side])],
        [helper.make_tensor_value_info(x, TensorProto.FLOAT, ["N", side])],
        initializers,
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


def made(folder: Path, name: str, make: Callable[[Path], None]) -> str:
    """Path of a model, made if it is not there yet."""
    path = folder / f"{name}.onnx"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        print(f"making {path.name}", file=sys.stderr)
        make(path)
    return str(path)
