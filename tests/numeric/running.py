"""Single nodes and small networks, in our executor and in onnxruntime."""

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

Array = np.ndarray[Any, Any]


def network(
    nodes: Sequence[onnx.NodeProto],
    inputs: Mapping[str, Array],
    outputs: Sequence[str],
    *,
    opset: int = 17,
    initializers: Mapping[str, Array] | None = None,
) -> onnx.ModelProto:
    """A model whose inputs have the types and shapes of the values given."""
    graph = helper.make_graph(
        list(nodes),
        "g",
        [
            helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape)
            for name, value in inputs.items()
        ],
        [onnx.ValueInfoProto(name=name) for name in outputs],
        [onnx.numpy_helper.from_array(value, name) for name, value in (initializers or {}).items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def executor(model: onnx.ModelProto) -> Executor:
    return Executor(read_model(Path("made.onnx"), data=model.SerializeToString()))


def session(model: bytes | Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def one_node(op_type: str, values: Sequence[Array | None], *, outputs: int = 1, opset: int = 17, **attributes: Any) -> onnx.ModelProto:
    """A network of one node."""
    inputs = {f"i{k}": value for k, value in enumerate(values) if value is not None}
    names = [f"i{k}" if value is not None else "" for k, value in enumerate(values)]
    made = [f"o{k}" for k in range(outputs)]
    return network([helper.make_node(op_type, names, made, **attributes)], inputs, made, opset=opset)


def both(op_type: str, values: Sequence[Array | None], *, outputs: int = 1, opset: int = 17, **attributes: Any) -> list[tuple[Array, Array]]:
    """What the kernel and onnxruntime make of a node; the kernel itself, not onnx.reference."""
    model = one_node(op_type, values, outputs=outputs, opset=opset, **attributes)
    feeds = {f"i{k}": value for k, value in enumerate(values) if value is not None}
    ours = executor(model)
    found = ours.run(feeds)
    assert not ours.fallbacks
    wanted = session(model.SerializeToString()).run(None, feeds)
    return list(zip(found.values(), wanted, strict=True))


def close(found: Array, wanted: Array, *, terms: int = 1) -> None:
    """Equal up to the rounding of sums of so many terms."""
    assert found.shape == wanted.shape
    assert found.dtype == wanted.dtype
    unit = float(np.finfo(wanted.dtype).eps)
    scale = float(np.abs(wanted[np.isfinite(wanted)]).max(initial=1.0))
    np.testing.assert_allclose(found, wanted, rtol=8 * unit, atol=4 * unit * scale * (4 + terms**0.5))
