"""Reading an ONNX file: bytes to a `Model`, without its weights."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from qlint.errors import ModelError, QlintError
from qlint.files.binding import bind_sizes, open_empty_inputs, open_negative_sizes
from qlint.files.consistency import AGAIN, check_weights
from qlint.files.external import ExternalFiles
from qlint.files.functions import inline
from qlint.files.inference import infer
from qlint.files.model import Model
from qlint.files.operators import check_operators
from qlint.files.order import arrange
from qlint.files.quoting import text
from qlint.files.records import Records, TypeReader, domain_of, entries
from qlint.files.source import Source
from qlint.files.wire import Stripped, strip

if TYPE_CHECKING:
    from onnx import ModelProto

_FIRST_IR_WITH_OPSETS = 3


def read_model(
    path: Path, *, data: bytes | None = None, bind: Mapping[str, int | list[int | str]] | None = None
) -> Model:
    """Read a model: nodes in topological order, functions inlined, shapes inferred, weights left where they are.

    Args:
        path: the file; with `data` only its name, and where external data would lie.
        data: the file's bytes, if they are not to be read from `path`.
        bind: sizes for symbols (`{"N": 1}`) and inputs (`{"x": [1, 3, 224, 224]}`); others than those that are in
            `Model.bindable` come to nothing.

    Returns:
        The model. Its tensors read their values from the file on demand.

    Raises:
        ModelError: if it is no model, damaged, or contradicts itself; a subclass for LFS pointers and external data.
        UsageError: if a binding contradicts the model.
    """
    shown = path.as_posix()
    try:
        with _without_collector(), Source.open(path, data) as source:
            stripped = strip(source.buffer)
            source.close()
            return _model(shown, source, stripped, bind or {})
    except QlintError as error:
        error.at(shown)  # what fails below does not know the file
        raise


def _model(shown: str, source: Source, stripped: Stripped, bind: Mapping[str, int | list[int | str]]) -> Model:
    proto = _parsed(stripped.content)
    bindable = bind_sizes(proto, bind)
    open_empty_inputs(proto)
    function_opsets = [_opsets(function).get("", 0) for function in proto.functions]
    inlined = inline(proto)
    opsets = _opsets(proto)
    if not opsets:
        if proto.ir_version >= _FIRST_IR_WITH_OPSETS:
            raise ModelError("the model imports no opset", AGAIN)
        opsets = {"": 1}
        proto.opset_import.add(domain="", version=1)
    declared = TypeReader(declared=True)
    records = Records(
        stripped, source, ExternalFiles(source), ir_version=proto.ir_version, type_of=declared, inlined=inlined
    )
    graph = records.graph(proto.graph, "graph", "/graph")
    moved = arrange(graph)
    check_operators(records.graphs, opsets, function_opsets)
    if declared.negative:
        open_negative_sizes(proto)
    infer(records.graphs, proto, moved, declared.seen)
    check_weights(records.graphs, "check --bind against the model" if not bind.keys().isdisjoint(bindable) else AGAIN)
    return Model(
        path=shown,
        digest=stripped.digest,
        ir_version=proto.ir_version,
        opsets=opsets,
        metadata=entries(proto),
        producer=f"{text(proto.producer_name)} {text(proto.producer_version)}".strip(),
        graph=graph,
        bindable=bindable,
    )


def _parsed(content: bytes) -> ModelProto:
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped, unused-ignore]
    from onnx import ModelProto

    model = ModelProto()
    try:
        model.ParseFromString(content)
    except DecodeError as error:
        raise ModelError(
            "it is not an ONNX model, or it is damaged", "check that the file was copied completely"
        ) from error
    return model


def _opsets(proto: object) -> dict[str, int]:
    """The imported version of each domain; the highest where a domain is imported twice."""
    opsets: dict[str, int] = {}
    for entry in proto.opset_import:  # type: ignore[attr-defined]
        domain = domain_of(entry.domain)
        opsets[domain] = max(opsets.get(domain, entry.version), entry.version)
    return opsets


@contextmanager
def _without_collector() -> Iterator[None]:
    """Records are made by the hundred thousand and none is garbage; looking for garbage among them is quadratic."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
