"""Operations and what they expect, as JSON values and back; large tensors go into a store beside them."""

from __future__ import annotations

import base64
import binascii
import hashlib
import math
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np

from qlint.errors import QlintError
from qlint.files.element import by_name
from qlint.files.model import Graph
from qlint.files.tensors import ELEMENT_LIMIT, Tensor
from qlint.transforms.apply import AppliedPatch, Before
from qlint.transforms.patch import (
    AddNode,
    AddTensor,
    NodeSpec,
    Operation,
    Patch,
    RemoveNode,
    ReplaceNode,
    SetInputs,
    SetMetadata,
    SetOutputs,
)
from qlint.tristate import Unknown

Json: TypeAlias = Any
Array: TypeAlias = np.ndarray[Any, Any]

INLINE_LIMIT = 64
"""Most elements of a tensor that stands in the JSON itself."""

DAMAGED = "make the patch again with qlint fix --patch"


def digest(values: Array | Unknown) -> str | None:
    """Digest of a tensor's type, shape and values; None of one that is too large to read."""
    if isinstance(values, Unknown):
        return None
    found = hashlib.sha256(f"{values.dtype} {list(values.shape)}\n".encode())
    found.update(
        repr(values.tolist()).encode()
        if values.dtype == object
        else np.ascontiguousarray(values).reshape(-1).view(np.uint8).data
    )
    return f"sha256:{found.hexdigest()}"


class Encoder:
    """Records to JSON.

    Attributes:
        store: large tensors by key, as their bytes.
    """

    def __init__(self) -> None:
        self.store: dict[str, Array] = {}

    def patch(self, applied: AppliedPatch) -> Json:
        """A patch with what it met."""
        patch = applied.patch
        operations = [
            {**self.operation(operation), **({"expect": expectation(before)} if before is not None else {})}
            for operation, before in zip(patch.operations, applied.before, strict=True)
        ]
        return {
            "transform": patch.transform, "class": patch.klass, "id": patch.id, "type": patch.type,
            "title": patch.title, "graph": patch.graph, "inputs": list(patch.inputs), "outputs": list(patch.outputs),
            "operations": operations, "preconditions": preconditions(applied),
        }  # fmt: skip

    def operation(self, operation: Operation) -> Json:
        """An operation without what it expects."""
        if isinstance(operation, AddTensor):
            given = self.tensor(operation.values)
            return {"op": "add-tensor", "graph": operation.graph, "name": operation.name, "tensor": given}
        if isinstance(operation, AddNode):
            return {"op": "add-node", "graph": operation.graph, "node": self.node(operation.node)}
        if isinstance(operation, ReplaceNode):
            return {"op": "replace-node", "id": operation.id, "node": self.node(operation.node)}
        if isinstance(operation, SetInputs):
            return {"op": "set-inputs", "id": operation.id, "inputs": list(operation.inputs)}
        if isinstance(operation, SetOutputs):
            return {"op": "set-outputs", "id": operation.id, "outputs": list(operation.outputs)}
        if isinstance(operation, SetMetadata):
            return {"op": "set-metadata", "key": operation.key, "value": operation.value}
        return {"op": "remove-node", "id": operation.id}

    def node(self, spec: NodeSpec) -> Json:
        """A node to be."""
        return {**_wires(spec), "name": spec.name, "attributes": {k: self.value(v) for k, v in spec.attributes.items()}}

    def value(self, value: Any) -> Json:
        """An attribute's value."""
        return {"tensor": self.tensor(value)} if isinstance(value, np.ndarray) else _plain(value)

    def tensor(self, values: Array) -> Json:
        """A tensor, in the JSON or in the store."""
        record: Json = {"type": Tensor.from_array("", values).type, "shape": list(values.shape)}
        content = np.ascontiguousarray(values).reshape(-1).view(np.uint8)
        if values.size <= INLINE_LIMIT:
            return {**record, "data": base64.b64encode(content.tobytes()).decode()}
        key = f"tensor_{len(self.store)}"
        self.store[key] = content
        return {**record, "key": key, "digest": digest(values)}


class Decoder:
    """JSON, checked against its schema, to records.

    Args:
        read: the bytes of a stored tensor by its key and length.
    """

    def __init__(self, read: Callable[[str, int], Array]) -> None:
        self.read = read
        self.types = by_name()

    def patch(self, data: Json) -> Patch:
        """A patch.

        Raises:
            QlintError: if a tensor is not what is said of it.
        """
        operations = tuple(map(self.operation, data["operations"]))
        return Patch(
            data["transform"], data["class"], data["id"], data["type"], data["title"], operations,
            tuple(data["inputs"]), tuple(data["outputs"]), data["graph"],
        )  # fmt: skip

    def operation(self, data: Json) -> Operation:
        """An operation."""
        match data["op"]:
            case "add-tensor":
                return AddTensor(data["graph"], data["name"], self.tensor(data["tensor"]))
            case "add-node":
                return AddNode(data["graph"], self.node(data["node"]))
            case "replace-node":
                return ReplaceNode(data["id"], self.node(data["node"]))
            case "set-inputs":
                return SetInputs(data["id"], tuple(data["inputs"]))
            case "set-outputs":
                return SetOutputs(data["id"], tuple(data["outputs"]))
            case "set-metadata":
                return SetMetadata(data["key"], data["value"])
            case _:
                return RemoveNode(data["id"])

    def node(self, data: Json) -> NodeSpec:
        """A node to be."""
        attributes = {name: self.value(value) for name, value in data["attributes"].items()}
        return NodeSpec(
            data["op_type"], tuple(data["inputs"]), tuple(data["outputs"]), attributes, data["domain"], data["name"]
        )

    def value(self, data: Json) -> Any:
        """An attribute's value."""
        if isinstance(data, list):
            return [self.value(item) for item in data]
        if isinstance(data, dict):
            return float(data["float"]) if "float" in data else self.tensor(data["tensor"])
        return data

    def tensor(self, data: Json) -> Array:
        """A tensor."""
        element, shape = self.types.get(data["type"]), data["shape"]
        count = math.prod(shape)
        if element is None or element.bits == 0 or count > ELEMENT_LIMIT:
            raise QlintError(f"it holds a tensor of type {data['type'][:40]} and shape {shape[:8]}", DAMAGED)
        length = count * element.dtype.itemsize
        if "data" in data:
            try:
                content = np.frombuffer(base64.b64decode(data["data"], validate=True), np.uint8)
            except (binascii.Error, ValueError) as error:
                raise QlintError("a tensor's data is not base64", DAMAGED) from error
        else:
            content = self.read(data["key"], length)
        if len(content) != length:
            raise QlintError(f"a tensor has {len(content)} bytes where {length} are needed", DAMAGED)
        values: Array = content.view(element.dtype).reshape(shape)
        if "digest" in data and digest(values) != data["digest"]:
            raise QlintError("a tensor beside it is not the one that belongs to it", DAMAGED)
        return values


def expectation(before: Before | SetMetadata) -> Json:
    """What an operation met, as it is compared when the patch is applied again."""
    if isinstance(before, SetMetadata):
        return {"value": before.value}
    attributes = {name: _met(value) for name, value in before.spec.attributes.items() if not _holds_graphs(value)}
    constants = {name: digest(tensor.values()) for name, tensor in before.constants.items()}
    return {**_wires(before.spec), "attributes": attributes, "constants": constants}


def preconditions(applied: AppliedPatch) -> Json:
    """Constants that the patch leaves without a reader."""
    tensors = [
        {"graph": path, "name": tensor.name, "digest": digest(tensor.values())}
        for path, tensor in applied.dropped_tensors
    ]
    nodes = [{"id": before.id, **expectation(before)} for before in applied.dropped_nodes]
    return {"unread_tensors": tensors, "unread_nodes": nodes}


def _wires(spec: NodeSpec) -> dict[str, Json]:
    return {"op_type": spec.op_type, "domain": spec.domain, "inputs": list(spec.inputs), "outputs": list(spec.outputs)}


def _met(value: Any) -> Json:
    return {"digest": digest(value.values())} if isinstance(value, Tensor) else _plain(value)


def _plain(value: Any) -> Json:
    """Numbers and texts; JSON has no NaN and no infinity."""
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": repr(value)}
    if isinstance(value, list | tuple):
        return [_met(item) for item in value]
    if isinstance(value, Mapping):
        return {}
    return value.item() if isinstance(value, np.generic) else value


def _holds_graphs(value: Any) -> bool:
    return isinstance(value, Graph) or (isinstance(value, list) and bool(value) and isinstance(value[0], Graph))
