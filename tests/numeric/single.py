"""One node at a time: through the executor, and through onnxruntime to compare with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import helper

from qlint.files.onnx_file import read_model
from qlint.numeric.executor import Executor

Values = Sequence[np.ndarray | None]


def model_of(
    op_type: str, inputs: Values, attributes: Mapping[str, Any], opset: int, outputs: int = 1, kinds: Sequence[int] = ()
) -> onnx.ModelProto:
    names = [f"i{i}" if value is not None else "" for i, value in enumerate(inputs)]
    results = [f"o{i}" for i in range(outputs)]
    node = helper.make_node(op_type, names, results, **attributes)
    declared = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape)
        for name, value in zip(names, inputs, strict=True)
        if value is not None
    ]
    made = [
        helper.make_tensor_value_info(name, kind, None) if kind else onnx.ValueInfoProto(name=name)
        for name, kind in zip(results, kinds or [0] * outputs, strict=True)
    ]
    graph = helper.make_graph([node], "single", declared, made)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def feeds(inputs: Values) -> dict[str, np.ndarray]:
    return {f"i{i}": value for i, value in enumerate(inputs) if value is not None}


def run(op_type: str, *inputs: np.ndarray | None, opset: int = 18, outputs: int = 1, **attributes: Any) -> Any:
    """The node's outputs (the output, if it is one), computed by the kernel itself."""
    executor = Executor(
        read_model(Path("single.onnx"), data=model_of(op_type, inputs, attributes, opset, outputs).SerializeToString())
    )
    found = list(executor.run(feeds(inputs)).values())
    assert not executor.fallbacks
    return found[0] if outputs == 1 else found


def run_ort(op_type: str, *inputs: np.ndarray | None, opset: int = 18, outputs: int = 1, **attributes: Any) -> Any:
    """The same in onnxruntime."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    model = model_of(op_type, inputs, attributes, opset, outputs)
    inferred = onnx.shape_inference.infer_shapes(model)
    session = onnxruntime.InferenceSession(inferred.SerializeToString(), options, ["CPUExecutionProvider"])
    found = session.run(None, feeds(inputs))
    return found[0] if outputs == 1 else found


def agree(op_type: str, *inputs: np.ndarray | None, rtol: float = 0, atol: float = 0, **rest: Any) -> None:
    """The kernel and onnxruntime give the same types, shapes and values."""
    ours, theirs = run(op_type, *inputs, **rest), run_ort(op_type, *inputs, **rest)
    if not isinstance(ours, list):
        ours, theirs = [ours], [theirs]
    for our, their in zip(ours, theirs, strict=True):
        assert our.dtype == their.dtype
        assert our.shape == their.shape
        np.testing.assert_allclose(our, their, rtol=rtol, atol=atol)
