"""A rewrite as data: what a transform yields, what is proven, saved and applied.

A node is named by its id, `<graph path>/<first non-empty output>`. Operations apply in order, and each names things as
they are at that moment.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    import numpy as np

    Attribute: TypeAlias = int | float | str | list[int] | list[float] | list[str] | np.ndarray
    """An attribute's value. Nodes with subgraphs are never replaced, only rewired."""

Class: TypeAlias = Literal["exact", "equivalent", "lossy"]


@dataclass(frozen=True, slots=True)
class NodeSpec:
    """A node to be.

    Attributes:
        op_type, domain, name: as in ONNX; the default domain is "".
        inputs, outputs: tensor names; "" for an omitted one.
        attributes: values by name.
    """

    op_type: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Attribute]
    domain: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class AddTensor:
    """A new initializer `name` of the graph with the path `graph`."""

    graph: str
    name: str
    values: np.ndarray


@dataclass(frozen=True, slots=True)
class AddNode:
    """A new node of the graph with the path `graph`, placed by topology."""

    graph: str
    node: NodeSpec


@dataclass(frozen=True, slots=True)
class ReplaceNode:
    """The node with this id becomes `node`; it keeps its place, metadata and doc string."""

    id: str
    node: NodeSpec


@dataclass(frozen=True, slots=True)
class RemoveNode:
    """The node with this id goes. Whatever read its outputs must have been rewired, or must be by the patch's end."""

    id: str


@dataclass(frozen=True, slots=True)
class SetInputs:
    """Another list of inputs for a node, which may have subgraphs."""

    id: str
    inputs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SetOutputs:
    """Another list of outputs for a node; the fused layer takes the last tensor's name. Readers are not touched."""

    id: str
    outputs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SetMetadata:
    """Another value of an entry of the model's metadata_props; None takes it away."""

    key: str
    value: str | None


Operation: TypeAlias = AddTensor | AddNode | ReplaceNode | RemoveNode | SetInputs | SetOutputs | SetMetadata


@dataclass(frozen=True, slots=True)
class Patch:
    """One rewrite.

    Attributes:
        transform: its transform's name.
        klass: "exact" (the same numbers), "equivalent" (equal in exact arithmetic) or "lossy".
        id, type: the layer it is about: its node's id and operator.
        title: what is done, in a few words.
        operations: in the order in which they apply.
        inputs, outputs: tensors at the border of the rewritten region, which exist before and after.
        graph: path of the graph they belong to.
    """

    transform: str
    klass: Class
    id: str
    type: str
    title: str
    operations: tuple[Operation, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    graph: str


@dataclass(frozen=True, slots=True)
class Declined:
    """A layer that a transform is about and leaves alone.

    Attributes:
        transform: its name.
        id, type: the layer's node id and operator.
        reason: why, and what the user can do.
    """

    transform: str
    id: str
    type: str
    reason: str
