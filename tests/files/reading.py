"""Shared by the tests of this folder: models in ONNX's textual syntax, or from nodes, through the reader."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import onnx
import onnx.parser
from onnx import TensorProto, helper

from qlint.files.model import Model
from qlint.files.onnx_file import read_model

FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64
node = helper.make_node
value = helper.make_tensor_value_info


def read(model: onnx.ModelProto | bytes, **more: Any) -> Model:
    data = model if isinstance(model, bytes) else model.SerializeToString()
    return read_model(Path("folder/model.onnx"), data=data, **more)


def parsed(body: str, *, opset: int = 17, ir: int = 8, imports: str = "", functions: str = "") -> onnx.ModelProto:
    return onnx.parser.parse_model(f'<ir_version: {ir}, opset_import: ["" : {opset}{imports}]>\n{body}\n{functions}')


def text(body: str, *, bind: dict[str, Any] | None = None, **more: Any) -> Model:
    return read(parsed(body, **more), bind=bind)


def made(
    nodes: Iterable[onnx.NodeProto],
    *,
    inputs: Iterable[onnx.ValueInfoProto] = (),
    outputs: Iterable[str] = ("y",),
    initializers: Iterable[TensorProto] = (),
    opset: int = 17,
    **more: Any,
) -> onnx.ModelProto:
    """A model of these nodes; its input is x of [1, 4] unless given."""
    graph = helper.make_graph(
        list(nodes),
        "g",
        list(inputs) or [value("x", FLOAT, [1, 4])],
        [value(name, FLOAT, None) for name in outputs],
        list(initializers),
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8, **more)


def integers(name: str, *values: int) -> TensorProto:
    return helper.make_tensor(name, INT64, [len(values)], values)


def shape(model: Model, name: str) -> Any:
    return model.graph.types[name].shape


def operators(model: Model) -> list[str]:
    return [n.op_type for n in model.graph.nodes]
