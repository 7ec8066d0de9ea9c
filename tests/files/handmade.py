"""Protobuf bytes by hand, where the protobuf library would refuse to write them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import onnx
from onnx import TensorProto, helper

from qlint.files.external import ExternalFiles
from qlint.files.source import Source
from qlint.files.tensors import Tensor
from qlint.files.wire import Stripped, strip


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def field(number: int, content: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(content)) + content


def model_of(*tensors: TensorProto, **more: Any) -> onnx.ModelProto:
    """A model with these initializers."""
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "g", [], [], list(tensors))
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, **more)


def raw_model(tensor: bytes) -> bytes:
    """A model whose one initializer is given as bytes."""
    return b"\x08\x08" + field(
        7, field(1, helper.make_node("Identity", ["w"], ["y"]).SerializeToString()) + field(5, tensor)
    )


def nested(depth: int, tensor: TensorProto | None = None) -> bytes:
    """An If in an If in an If, with a tensor in the innermost branch."""
    constant = helper.make_node(
        "Constant", [], ["y"], value=tensor or helper.make_tensor("t", TensorProto.FLOAT, [], [1.0])
    )
    graph = field(1, constant.SerializeToString())
    for _ in range(depth):
        attribute = onnx.AttributeProto(name="then_branch", type=onnx.AttributeProto.GRAPH).SerializeToString()
        node = onnx.NodeProto(op_type="If", input=["c"], output=["y"]).SerializeToString()
        graph = field(1, node + field(5, attribute + field(6, graph)))
    return b"\x08\x08" + field(7, graph)


def protos(message: Any) -> Iterator[TensorProto]:
    """Every TensorProto in a message."""
    pending = [message]
    while pending:
        found = pending.pop()
        if isinstance(found, TensorProto):
            yield found
            continue
        for descriptor, value in found.ListFields():
            if descriptor.message_type is not None:
                pending.extend([value] if hasattr(value, "ListFields") else value)


def read(data: bytes, path: Path = Path("model.onnx")) -> tuple[onnx.ModelProto, Stripped, list[Tensor]]:
    """The stripped model and its tensors in the order of `protos`."""
    source = Source.open(path, data)
    stripped = strip(source.buffer)
    model = onnx.ModelProto.FromString(stripped.content)
    external = ExternalFiles(source)
    return model, stripped, [Tensor.from_proto(proto, stripped, source, external) for proto in protos(model)]
