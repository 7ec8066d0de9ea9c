"""The values of a model's constant tensors while it is executed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from qlint.errors import ExecutionError
from qlint.files.model import Node
from qlint.files.tensors import Tensor
from qlint.numeric.kernel import Array

HELD = 1 << 29
"""Bytes of weights that are kept from run to run; what is beyond is read again each time."""


class Weights:
    """Reads tensors and keeps the first `limit` bytes of them.

    Args:
        limit: bytes to keep.
    """

    __slots__ = ("_held", "_plain", "_room")

    def __init__(self, limit: int = HELD) -> None:
        self._held: dict[Tensor, Array] = {}
        self._plain: dict[Node, bool] = {}  # whether a node's attributes hold no tensors
        self._room = limit

    def __call__(self, tensor: Tensor) -> Array:
        """The values of a tensor.

        Raises:
            ExecutionError: if they are too many to read.
            ModelError: if they cannot be read.
        """
        held = self._held.get(tensor)
        if held is not None:
            return held
        values = tensor.values()
        if not isinstance(values, np.ndarray):
            raise ExecutionError(
                f"tensor {tensor.name!r} has too many elements to compute with", "split it into smaller tensors"
            )
        if not values.flags.aligned:
            values = np.require(values, requirements="A")  # BLAS would copy it at every use
        if values.nbytes <= self._room:
            self._room -= values.nbytes
            self._held[tensor] = values
        return values

    def attributes(self, node: Node) -> Mapping[str, Any]:
        """A node's attributes with tensors replaced by their values."""
        plain = self._plain.get(node)
        if plain is None:
            plain = self._plain[node] = not any(map(_tensors, node.attributes.values()))
        if plain:
            return node.attributes
        return {name: self._resolved(value) for name, value in node.attributes.items()}

    def _resolved(self, attribute: Any) -> Any:
        if not _tensors(attribute):
            return attribute
        return [self(tensor) for tensor in attribute] if isinstance(attribute, list) else self(attribute)


def _tensors(attribute: Any) -> bool:
    """Whether an attribute is a tensor or a list of them."""
    return isinstance(attribute[0] if isinstance(attribute, list) and attribute else attribute, Tensor)
