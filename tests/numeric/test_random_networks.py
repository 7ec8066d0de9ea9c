"""Random networks of what the kernel joins and rearranges in memory, against onnxruntime."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper

from qlint.numeric.kernel import convolution, depthwise
from qlint.numeric.kernel import pointwise as joined
from tests.numeric.running import close, executor, network

Array = np.ndarray[Any, Any]
SIZES = ((convolution, "BLOCK"), (convolution, "FEW"), (convolution, "MANY"), (depthwise, "BLOCK"), (joined, "LIMIT"))
OPERATORS = ("Conv", "Conv", "Conv", "BatchNormalization", "Clip", "Relu", "Add", "Concat", "MaxPool")


class Made:
    """A network that grows node by node; every tensor keeps the batch and the rank of x."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self.rank = self.one_of(1, 2, 2, 3)
        self.x = self.normal(self.one_of(1, 3), self.one_of(1, 2, 6), *(self.one_of(4, 5, 8) for _ in range(self.rank)))
        self.shapes = {"x": self.x.shape}
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, Array] = {}

    def one_of(self, *values: Any) -> Any:
        return values[self.random.integers(len(values))]

    def normal(self, *shape: int) -> Array:
        return self.random.standard_normal(shape).astype(np.float32)

    def constant(self, value: Array) -> str:
        name = f"k{len(self.constants)}"
        self.constants[name] = value
        return name

    def grow(self) -> None:
        """Add a node that reads the last tensor, or another."""
        op_type, name = self.one_of(*OPERATORS), self.one_of(list(self.shapes)[-1], *self.shapes)
        n, channels, *size = self.shapes[name]
        inputs, attributes = [name], {}
        if op_type == "Conv":
            group = self.one_of(1, channels)
            filters = group * self.one_of(1, 1, 3)
            kernel = [self.one_of(1, k) for k in [self.one_of(1, 3)] * self.rank]
            pads = [self.one_of(0, k - 1, 2) for k in kernel * 2]
            strides = [self.one_of(1, 1, 2) for _ in kernel]
            ends = zip(size, pads, pads[self.rank :], kernel, strides, strict=False)
            size = [(length + before + after - k) // stride + 1 for length, before, after, k, stride in ends]
            if min(size) < 1 or filters > 24:
                return
            inputs.append(self.constant(self.normal(filters, channels // group, *kernel)))
            inputs += [self.constant(self.normal(filters))] * self.one_of(0, 1)
            channels, attributes = filters, {"group": group, "pads": pads, "strides": strides}
        elif op_type == "BatchNormalization":
            inputs += [self.constant(self.normal(channels)) for _ in range(3)]
            inputs.append(self.constant(np.abs(self.normal(channels)) + 1))
        elif op_type == "Clip":
            inputs += [self.one_of("", self.constant(np.array(bound, np.float32))) for bound in (-1, 1)]
        elif op_type in ("Add", "Concat"):
            inputs.append(self.one_of(*(other for other, shape in self.shapes.items() if shape == self.shapes[name])))
        elif op_type == "MaxPool":
            attributes = {"kernel_shape": [2] * self.rank, "pads": [1] * self.rank + [0] * self.rank}
        if op_type == "Concat":
            channels, attributes = 2 * channels, {"axis": 1}
        result = f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(op_type, inputs, [result], **attributes))
        self.shapes[result] = (n, channels, *size)


def channels_last(x: Array) -> Array:
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1)


@pytest.mark.parametrize("seed", range(60))
def test_random_networks(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Made(seed)
    while len(made.nodes) < 10:
        made.grow()
    for module, name in SIZES:
        monkeypatch.setattr(module, name, made.one_of(getattr(module, name), 2, 64))
    names = [node.output[0] for node in made.nodes]
    model = network(made.nodes, {"x": made.x}, names, initializers=made.constants)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    inferred = onnx.shape_inference.infer_shapes(model).SerializeToString()
    session = onnxruntime.InferenceSession(inferred, options, ["CPUExecutionProvider"])
    wanted = dict(zip(names, session.run(names, {"x": made.x}), strict=True))

    runner, given = executor(model), made.x.copy()
    for x in (made.x, channels_last(made.x)):
        every = runner.run({"x": x})
        for name in names:
            assert every[name].shape == made.shapes[name]
            close(every[name], wanted[name], terms=24 * 27 * 10)
        for name in names[-3:]:
            np.testing.assert_array_equal(runner.run({"x": x}, outputs=[name])[name], every[name])
        np.testing.assert_array_equal(x, given)
