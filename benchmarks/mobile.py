"""A network like MobileNetV2 with random weights: inverted residuals around depthwise convolutions."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

# expansion, channels, repeats, first stride
STAGES = (
    (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1),
)  # fmt: skip


class _Builder:
    """Collects nodes and weights; every method returns the name of what it adds."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []
        self._random = np.random.default_rng(0)

    def weights(self, *shape: int, low: float = -1.0, high: float = 1.0) -> str:
        name = f"w{len(self.initializers)}"
        values = self._random.uniform(low, high, shape).astype(np.float32)
        self.initializers.append(numpy_helper.from_array(values, name))
        return name

    def node(self, op_type: str, *inputs: str, **attributes: object) -> str:
        name = f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(op_type, inputs, [name], **attributes))
        return name

    def convolution(
        self, x: str, before: int, after: int, kernel: int, stride: int = 1, group: int = 1, *, clip: bool = True
    ) -> str:
        """Convolution, batch normalization and perhaps clipping at 0 and 6."""
        fan = (3 / (before // group * kernel * kernel)) ** 0.5
        w = self.weights(after, before // group, kernel, kernel, low=-fan, high=fan)
        pads = [kernel // 2] * 4
        x = self.node(
            "Conv", x, w, kernel_shape=[kernel] * 2, pads=pads, strides=[stride] * 2, group=group, dilations=[1, 1]
        )
        scale, bias = self.weights(after, low=0.5, high=1.5), self.weights(after, low=-0.1, high=0.1)
        mean, variance = self.weights(after, low=-0.1, high=0.1), self.weights(after, low=0.5, high=1.5)
        x = self.node("BatchNormalization", x, scale, bias, mean, variance)
        return self.node("Clip", x, "low", "high") if clip else x


def mobile_network() -> onnx.ModelProto:
    """[1, 3, 224, 224] -> [1, 1000]."""
    made = _Builder()
    made.initializers += [
        numpy_helper.from_array(np.float32(0), "low"), numpy_helper.from_array(np.float32(6), "high"),
    ]  # fmt: skip
    x, channels = made.convolution("x", 3, 32, 3, 2), 32
    for expansion, after, repeats, first in STAGES:
        for index in range(repeats):
            stride = first if index == 0 else 1
            inner = channels * expansion
            y = made.convolution(x, channels, inner, 1) if expansion > 1 else x
            y = made.convolution(y, inner, inner, 3, stride, inner)
            y = made.convolution(y, inner, after, 1, clip=False)
            x = made.node("Add", x, y) if stride == 1 and channels == after else y
            channels = after
    x = made.convolution(x, channels, 1280, 1)
    x = made.node("Flatten", made.node("GlobalAveragePool", x))
    x = made.node("Gemm", x, made.weights(1000, 1280, low=-0.05, high=0.05), made.weights(1000), transB=1)
    graph = helper.make_graph(
        made.nodes,
        "mobile",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 224, 224])],
        [helper.make_tensor_value_info(x, TensorProto.FLOAT, [1, 1000])],
        made.initializers,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
