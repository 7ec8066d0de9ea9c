"""Shared by the tests of this folder: networks from ONNX's textual syntax, through the real reader."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnx
import onnx.parser

from qlint.files.onnx_file import read_model
from qlint.network.lift import lift
from qlint.network.network import Layer, Network


def network(body: str, *, opset: int = 17, ir: int = 8, extra: str = "", bind: dict[str, Any] | None = None) -> Network:
    """`body` is a graph in ONNX's textual syntax (and `<>` for no attributes); `extra` holds further imports and functions."""
    body = body.replace("<>", "")
    imports, _, functions = extra.partition("\n")
    text = f'<ir_version: {ir}, opset_import: ["" : {opset}{imports}]>\n{body}\n{functions}'
    return lifted(onnx.parser.parse_model(text), bind=bind)


def lifted(model: onnx.ModelProto, *, bind: dict[str, Any] | None = None) -> Network:
    """A network from a model in memory."""
    return lift(read_model(Path("model.onnx"), data=model.SerializeToString(), bind=bind or {}))


def types(net: Network) -> list[str]:
    """Layer types without the inputs, in topological order."""
    return [layer.type for layer in net if "nput" not in layer.type or layer.type.startswith("onnx:")]


def only(net: Network, type: str) -> Layer:
    """The one layer of a type."""
    found = [layer for layer in net if layer.type == type]
    assert len(found) == 1, [layer.type for layer in net]
    return found[0]
