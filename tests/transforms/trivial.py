"""Trivial transforms and small networks for the tests of what carries the transforms."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.helper as oh
import onnxruntime

from qlint.transforms.base import Context
from qlint.transforms.patch import (
    AddNode,
    AddTensor,
    Declined,
    NodeSpec,
    Operation,
    Patch,
    RemoveNode,
    ReplaceNode,
    SetInputs,
    SetOutputs,
)

Array = np.ndarray[Any, Any]


def patch(context: Context, id: str, *operations: Operation, inputs: tuple[str, ...] = ()) -> Patch:
    """A patch without a border on its outputs."""
    return Patch("trivial", "exact", id, "any", "a test's", operations, inputs, (), context.graph.path)


class LeakyRelu:
    """Relu -> LeakyRelu with a slope of 0."""

    name = "leaky-relu"

    def find(self, context: Context) -> Iterator[Patch | Declined]:
        """Every Relu."""
        for node in context.graph.nodes:
            if node.op_type == "Relu":
                spec = NodeSpec("LeakyRelu", node.inputs, node.outputs, {"alpha": 0.0})
                id = context.id_of(node)
                yield Patch(
                    self.name, "exact", id, "Relu", "Relu to LeakyRelu", (ReplaceNode(id, spec),),
                    node.inputs, node.outputs, context.graph.path,
                )  # fmt: skip


class DoubleWeights:
    """Conv(x, w) -> Mul(Conv(x, 2 w), 0.5): new tensors large and small, and a new node."""

    name = "double-weights"

    def find(self, context: Context) -> Iterator[Patch | Declined]:
        """Every Conv whose weights are constant and that no Mul follows."""
        for node in context.graph.nodes:
            if node.op_type not in ("Conv", "MatMul") or len(node.inputs) > 2:
                continue
            reader = context.only_reader(node.outputs[0])
            if reader is not None and reader.op_type == "Mul":
                continue
            id, weights = context.id_of(node), context.values(node.inputs[1])
            if weights is None:
                yield Declined(self.name, id, node.op_type, context.reason_not_constant(node.inputs[1]))
                continue
            new, half, inner = (context.fresh(f"{node.outputs[0]}.{stem}") for stem in ("weight", "half", "double"))
            path = context.graph.path
            yield Patch(
                self.name, "exact", id, node.op_type, "weights doubled",
                (
                    AddTensor(path, new, weights * 2),
                    AddTensor(path, half, np.asarray(0.5, weights.dtype)),
                    SetInputs(id, (node.inputs[0], new)),
                    SetOutputs(id, (inner,)),
                    AddNode(path, NodeSpec("Mul", (inner, half), node.outputs, {})),
                ),
                (node.inputs[0],), node.outputs, path,
            )  # fmt: skip


class DropIdentity:
    """Identity goes; its reader takes its input."""

    name = "drop-identity"

    def find(self, context: Context) -> Iterator[Patch | Declined]:
        """Every Identity with one reader."""
        for node in context.graph.nodes:
            reader = context.only_reader(node.outputs[0]) if node.op_type == "Identity" else None
            if reader is not None:
                id, (given,), (made,) = context.id_of(node), node.inputs, node.outputs
                inputs = tuple(given if name == made else name for name in reader.inputs)
                operations = (RemoveNode(id), SetInputs(context.id_of(reader), inputs))
                yield Patch(
                    self.name, "exact", id, "Identity", "dropped", operations, (given,), reader.outputs,
                    context.graph.path,
                )  # fmt: skip


def network(
    *nodes: onnx.NodeProto, weights: dict[str, Array] | None = None, ir: int = 8, opset: int = 17, **fields: Any
) -> onnx.ModelProto:
    """A network from x to y, both 1x4x6x6."""
    made = [onnx.numpy_helper.from_array(value, name) for name, value in (weights or {}).items()]
    x, y = (oh.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, 4, 6, 6]) for name in "xy")
    graph = oh.make_graph(list(nodes), "a network", [x], [y], made, doc_string="of a test")
    return oh.make_model(graph, ir_version=ir, opset_imports=[oh.make_opsetid("", opset)], **fields)


def conv_network(size: int = 3, ir: int = 8) -> onnx.ModelProto:
    """Two convolutions that share their weights, a Relu between them."""
    weights = np.random.default_rng(5).normal(size=(4, 4, size, size)).astype(np.float32)
    pads = [size // 2] * 4
    return network(
        oh.make_node("Conv", ["x", "w"], ["a"], "first", doc_string="kept", pads=pads),
        oh.make_node("Relu", ["a"], ["b"], "act"),
        oh.make_node("Conv", ["b", "w"], ["y"], "second", pads=pads),
        weights={"w": weights},
        ir=ir,
    )


def run(path: Path | onnx.ModelProto) -> list[Array]:
    """Outputs of a network on fixed inputs, without optimizations."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    given = path.SerializeToString() if isinstance(path, onnx.ModelProto) else str(path)
    session = onnxruntime.InferenceSession(given, options, providers=["CPUExecutionProvider"])
    random = np.random.default_rng(3)
    feeds = {}
    for value in session.get_inputs():
        shape = [size if isinstance(size, int) else 1 for size in value.shape]
        dtype = {"tensor(bool)": np.bool_, "tensor(int64)": np.int64}.get(value.type, np.float32)
        feeds[value.name] = random.normal(size=shape).astype(dtype)
    outputs: list[Array] = session.run(None, feeds)
    return outputs
