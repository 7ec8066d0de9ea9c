"""Small networks for cross-layer equalization, and what is expected of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import numpy_helper

from qlint.transforms.equalize_layers import TRANSFORM
from tests.transforms.rewriting import Rewritten, rewrite
from tests.transforms.traps import Net

Array = np.ndarray[Any, Any]

UNEVEN = np.array([1.0, 0.01, 5.0, 0.3])
"""Output channels of first layers differ by this."""


def image(*, hold: str = "initializer", dtype: Any = np.float32, ir: int = 8, opset: int = 17) -> tuple[Net, str]:
    """A convolution from "x" with 4 uneven output channels."""
    net = Net(2, 3, 8, 8, dtype=dtype, hold=hold, ir=ir, opset=opset)
    weights = (net.values(4, 3, 3, 3) * UNEVEN.reshape(4, 1, 1, 1)).astype(dtype)
    return net, net.node("Conv", "x", weights, net.values(4), pads=[1, 1, 1, 1])


def done(net: Net, *outputs: str) -> Rewritten:
    return rewrite(net.proto(*outputs), TRANSFORM, opset=net.opset)


def weights(found: Rewritten, operators: tuple[str, ...] = ("Conv", "ConvTranspose", "Gemm", "MatMul")) -> list[Array]:
    """Weights of the layers afterwards, in order."""
    held = {tensor.name: numpy_helper.to_array(tensor) for tensor in found.result.graph.initializer}
    for node in found.result.graph.node:
        if node.op_type == "Constant":
            held[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
    return [held[node.input[1]] for node in found.result.graph.node if node.op_type in operators]


def ranges(values: Array, axis: int) -> Array:
    return np.asarray(np.abs(values).max(axis=tuple(place for place in range(values.ndim) if place != axis)))


def expect_equalized(found: Rewritten, tolerance: float = 1e-5) -> None:
    assert len(found.applied) == 1
    assert found.applied[0].klass == "equivalent"
    assert not found.declined
    found.compare(tolerance)
