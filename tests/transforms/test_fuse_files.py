"""Prepared networks as files: onnx.checker passes them, and onnxruntime computes the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.shape_inference
import onnxruntime
import pytest

from qlint.files.onnx_file import read_model
from qlint.files.write import write_model
from qlint.transforms.run import prepare
from tests.transforms.traps import FUSE, REPLACE, Net


def convolution(**rest: Any) -> Net:
    net = Net(2, 3, 6, 6, **{"dtype": np.float32, **rest})
    net.bn(net.node("Conv", "x", net.values(4, 3, 3, 3)), 4, to="y")
    return net


def standalone(*shape: int, **rest: Any) -> Net:
    net = Net(*shape, **{"dtype": np.float32, **rest})
    net.bn(net.node("Relu", "x"), shape[1], to="y")
    return net


def concat() -> Net:
    net = Net(2, 4, dtype=np.float32)
    parts = [net.node("MatMul", "x", net.values(4, 3)), net.node("Gemm", "x", net.values(4, 3), beta=2.0)]
    net.bn(net.node("Concat", *parts, axis=1), 6, to="y")
    return net


def forward() -> Net:
    net = Net(2, 3, 6, 6, dtype=np.float32)
    y = net.bn(net.node("Relu", "x"), 3)
    net.node(
        "Gemm", net.node("Flatten", y), net.values(108, 5), np.float32(1.5).reshape(()), alpha=0.5, beta=3.0, to="y"
    )
    return net


CASES: dict[str, Callable[[], Net]] = {
    **{f"opset {opset}": lambda opset=opset: convolution(opset=opset) for opset in (7, 8, 9, 13, 14, 15, 18, 21)},  # type: ignore[misc]
    **{f"held as {hold}": lambda hold=hold: convolution(hold=hold) for hold in ("node", "identity")},  # type: ignore[misc]
    "IR 3": lambda: convolution(ir=3, opset=8, hold="input"),
    "float16": lambda: convolution(dtype=np.float16, opset=15),
    "float16 with float32 statistics": lambda: convolution(dtype=np.float16, statistics=np.float32, opset=15),
    "2-D": lambda: standalone(2, 4),
    "2-D double": lambda: standalone(2, 4, dtype=np.float64),
    "3-D": lambda: standalone(2, 4, 5),
    "4-D": lambda: standalone(2, 4, 5, 5),
    "5-D": lambda: standalone(2, 4, 5, 5, 3),
    "Concat": concat,
    "forward": forward,
}


@pytest.mark.parametrize("case", CASES)
def test_file(case: str, tmp_path: Path) -> None:
    net = CASES[case]()
    before, after = tmp_path / "before.onnx", tmp_path / "after.onnx"
    onnx.save(onnx.shape_inference.infer_shapes(net.proto("y")), before)
    result = prepare(read_model(before), (FUSE, REPLACE))
    write_model(before, result.model, after)
    proto = onnx.load(after)
    onnx.checker.check_model(proto, full_check=True)
    assert not [node for node in proto.graph.node if node.op_type == "BatchNormalization"]
    feeds = net.feeds()
    wanted, found = (onnxruntime.InferenceSession(path).run(None, feeds)[0] for path in (before, after))
    bound = 32 * float(np.finfo(net.dtype).eps) * float(np.abs(wanted).max())
    np.testing.assert_allclose(found.astype(np.float64), wanted.astype(np.float64), rtol=0, atol=bound)
