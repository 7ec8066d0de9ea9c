"""Real networks, from the folder that QLINT_MODELS names, against onnxruntime."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

from qlint.files.model import Graph
from qlint.files.onnx_file import read_model
from qlint.numeric.executor import Executor

FOLDER = os.environ.get("QLINT_MODELS")
MODELS = sorted(Path(FOLDER).rglob("*.onnx")) if FOLDER else []

# What to put for axes without a size; the first axis is 1, others 64.
SHAPES: dict[str, dict[str, list[int]]] = {
    "silero_vad": {"input": [1, 512], "state": [2, 1, 128]},
    "silero_vad_16k_op15": {"input": [1, 512], "state": [2, 1, 128]},
    "silero_vad_half": {"input": [1, 512], "state": [2, 1, 128]},
    "silero_vad_op18_ifless": {"input": [1, 512], "state": [2, 1, 128]},
    "silero_vad_16k_sequence": {"input": [3, 576]},
}
SAMPLING_RATE = 16000


def value(model: str, name: str, kind: str, shape: list[Any]) -> np.ndarray:
    sizes = SHAPES.get(model, {}).get(name) or [
        size if isinstance(size, int) else 64 if axis else 1 for axis, size in enumerate(shape)
    ]
    random = np.random.default_rng(len(name))
    if kind == "tensor(int64)":
        return np.full(sizes, SAMPLING_RATE, np.int64)
    if kind == "tensor(int32)":
        return random.integers(0, 256, sizes, np.int32)
    return random.standard_normal(sizes).astype({"tensor(float16)": np.float16}.get(kind, np.float32))


def depth(graph: Graph) -> int:
    """Nodes on the longest path."""
    longest: dict[str, int] = {}
    for node in graph.nodes:
        before = max((longest.get(name, 0) for name in node.inputs), default=0)
        inner = max((depth(inner) for inner in node.attributes.values() if isinstance(inner, Graph)), default=0)
        longest.update(dict.fromkeys(node.outputs, before + 1 + inner))
    return max(longest.values(), default=0)


def logits(proto: onnx.ModelProto) -> list[str]:
    """Outputs; of one that softmax makes, what goes into it: a softmax magnifies rounding without bound."""
    producers = {name: node for node in proto.graph.node for name in node.output}
    names = []
    for output in proto.graph.output:
        node = producers.get(output.name)
        names.append(node.input[0] if node is not None and node.op_type == "Softmax" else output.name)
    return names


@pytest.mark.parametrize("path", MODELS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_model(path: Path) -> None:
    proto = onnx.load(path)
    names = logits(proto)
    known = {output.name for output in proto.graph.output}
    proto.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names if name not in known)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(proto.SerializeToString(), options, ["CPUExecutionProvider"])
    feeds = {i.name: value(path.stem, i.name, i.type, i.shape) for i in session.get_inputs()}
    wanted = session.run(names, feeds)

    model = read_model(path)
    executor = Executor(model)
    found = executor.run(feeds, outputs=names)
    assert not executor.fallbacks
    unit = 2.0**-11 if any(t.type == "float16" for t in model.graph.initializers.values()) else 2.0**-24
    # Each layer rounds a few times; errors add up along the longest path.
    bound = 4 * unit * depth(model.graph)
    for name, expected in zip(names, wanted, strict=True):
        assert found[name].dtype == expected.dtype
        assert found[name].shape == expected.shape
        scale = max(1.0, float(np.abs(expected.astype(np.float64)).max(initial=0)))
        assert np.isfinite(expected).all()
        np.testing.assert_allclose(found[name], expected, rtol=0, atol=bound * scale)
