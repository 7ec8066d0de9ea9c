"""Constants of the node storey as learnables of the network storey."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qlint.files.model import Node, Shape
from qlint.files.tensors import Tensor
from qlint.tristate import Unknown

if TYPE_CHECKING:
    from qlint.network.scope import Scope


class Parameter:
    """A constant, or what would be one if no caller could override it: a `Learnable` of the network storey.

    Attributes:
        name: the tensor's name.
        constant: False where a caller may override an initializer it depends on.
        node: the node that computes it, or None for an initializer.
        scope: the names around it, by which its node's inputs are known.
    """

    __slots__ = ("constant", "name", "node", "scope", "tensor")

    def __init__(
        self, name: str, scope: Scope, *, tensor: Tensor | None = None, node: Node | None = None, constant: bool
    ) -> None:
        self.name = name
        self.tensor = tensor
        self.node = node
        self.constant = constant
        self.scope = scope

    @property
    def type(self) -> str:
        """Element type ("float"); "undefined" where inference did not find it."""
        return self.tensor.type if self.tensor is not None else self.scope.type(self.name).type or "undefined"

    @property
    def shape(self) -> Shape:
        """Axis sizes; of a computed constant, as inference found them."""
        return self.tensor.shape if self.tensor is not None else self.scope.type(self.name).shape

    def values(self) -> Any:
        """The values as a numpy array, or an `Unknown`."""
        if not self.constant:
            return Unknown(f"value of {self.name!r}, which a caller may override")
        return self.scope.values(self.name)
