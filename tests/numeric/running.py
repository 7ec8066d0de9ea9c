"""Small networks in our executor, and comparison with onnxruntime."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper

from qlint.files.onnx_file import read_model
from qlint.numeric.executor import Executor
from tests.numeric.single import run, run_ort

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


def both(op_type: str, values: Sequence[Array | None], **rest: Any) -> list[tuple[Array, Array]]:
    """What the kernel and onnxruntime make of a node."""
    ours, theirs = run(op_type, *values, **rest), run_ort(op_type, *values, **rest)
    return list(zip(ours, theirs, strict=True)) if isinstance(ours, list) else [(ours, theirs)]


def close(found: Array, wanted: Array, *, terms: int = 1) -> None:
    """Equal up to the rounding of sums of so many terms."""
    assert found.shape == wanted.shape
    assert found.dtype == wanted.dtype
    unit = float(np.finfo(wanted.dtype).eps)
    scale = float(np.abs(wanted[np.isfinite(wanted)]).max(initial=1.0))
    np.testing.assert_allclose(found, wanted, rtol=8 * unit, atol=4 * unit * scale * (4 + terms**0.5))


def values(*shape: int, dtype: Any = np.float32, seed: int = 0) -> Array:
    """Random numbers, the same for the same arguments."""
    return np.random.default_rng([seed, *shape]).standard_normal(shape).astype(dtype)
