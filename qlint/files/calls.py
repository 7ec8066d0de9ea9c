"""Model-local functions and calls of them, while they are inlined."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from qlint.files.quoting import text

if TYPE_CHECKING:
    from onnx import AttributeProto, FunctionProto, NodeProto

Key: TypeAlias = tuple[str, str, str]
"""Domain, name and overload of a function."""


@dataclass(slots=True)
class Call:
    """A call being inlined.

    Attributes:
        prefix: begins the names of tensors that exist only inside.
        names: tensor names inside -> names in the graph.
        attributes: values of the function's attributes.
    """

    prefix: str
    names: dict[str, str]
    attributes: dict[str, AttributeProto]


@dataclass(slots=True)
class Function:
    """A model-local function, decoded once for all its calls.

    Attributes:
        key: domain, name and overload.
        pointer: JSON pointer to it.
        inputs, outputs: names inside.
        defaults: values of attributes that a call may leave out.
        nodes: its body.
    """

    key: Key
    pointer: str
    inputs: list[str]
    outputs: list[str]
    defaults: dict[str, AttributeProto]
    nodes: list[NodeProto]

    @classmethod
    def of(cls, key: Key, index: int, proto: FunctionProto) -> Function:
        """Decode one."""
        defaults = {text(attribute.name): attribute for attribute in proto.attribute_proto}
        inputs, outputs = [*map(text, proto.input)], [*map(text, proto.output)]
        return cls(key, f"/functions/{index}", inputs, outputs, defaults, list(proto.node))
