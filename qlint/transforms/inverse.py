"""The patch that undoes a patch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from qlint.errors import QlintError
from qlint.files.tensors import Tensor
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


def invert(applied: AppliedPatch) -> Patch:
    """A patch that, applied after `applied`, gives the network before it: the same nodes, wires and constants.

    Raises:
        QlintError: if a dropped constant is too large to be read, or a removed node held subgraphs.
    """
    patch = applied.patch
    operations: list[Operation] = []
    for path, tensor in reversed(applied.dropped_tensors):
        values = tensor.values()
        if isinstance(values, Unknown):
            raise QlintError(f"the patch cannot be undone: {values.missing}", "keep the original file")
        operations.append(AddTensor(path, tensor.name, values))
    operations.extend(AddNode(before.graph, _spec(before)) for before in reversed(applied.dropped_nodes))
    for operation, before in reversed([*zip(patch.operations, applied.before, strict=True)]):
        operations.extend(_undone(operation, before))
    return replace(patch, title=f"undo: {patch.title}", operations=tuple(operations))


def _undone(operation: Operation, before: Before | SetMetadata | None) -> Iterator[Operation]:
    # An added tensor goes by itself when its last reader goes.
    if isinstance(operation, AddNode):
        yield RemoveNode(f"{operation.graph}/{next(filter(None, operation.node.outputs), '')}")
    if before is None:
        return
    if isinstance(before, SetMetadata):
        yield before
        return
    if isinstance(operation, RemoveNode):
        yield AddNode(before.graph, _spec(before))
    elif isinstance(operation, ReplaceNode):
        yield ReplaceNode(_id(before.graph, operation.node.outputs), _spec(before))
    elif isinstance(operation, SetInputs):
        yield SetInputs(before.id, before.spec.inputs)
    elif isinstance(operation, SetOutputs):
        yield SetOutputs(_id(before.graph, operation.outputs), before.spec.outputs)


def _id(graph: str, outputs: tuple[str, ...]) -> str:
    return f"{graph}/{next(filter(None, outputs), '')}"


def _spec(before: Before) -> NodeSpec:
    """The node as it was, with arrays for its tensors."""
    attributes = {}
    for name, value in before.spec.attributes.items():
        read = value.values() if isinstance(value, Tensor) else value
        if isinstance(read, Unknown) or not isinstance(read, int | float | str | list | np.ndarray):
            raise QlintError(
                f"the patch cannot be undone: attribute {name!r} of {before.id!r}", "keep the original file"
            )
        attributes[name] = read
    return replace(before.spec, attributes=attributes)
