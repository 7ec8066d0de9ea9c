"""What lies between a normalization and the layer it goes into: nodes that a function per channel passes through."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from qlint.transforms.affine import Refused, is_pass_through
from qlint.transforms.rewrite import sole_reader, value_reader

if TYPE_CHECKING:
    from qlint.files.model import Node
    from qlint.transforms.base import Context


class Passage:
    """The way from a tensor to the layer that reads it.

    Attributes:
        layer: the first node on it through which the function does not pass.
        name: the tensor that the layer reads.
        between: the nodes before it, in order.
        watchers: nodes that read but the shape or type of a tensor, which are the first one's still, and the tensor.
        flat: whether the layer reads features, each channel's side by side.
    """

    def __init__(self, context: Context, name: str) -> None:
        """Find it.

        Raises:
            Refused: if another node reads the values of a tensor on the way.
        """
        self.between: list[Node] = []
        self.watchers: list[tuple[Node, str]] = []
        self.flat = False
        reshaped = False
        while True:
            if reshaped:
                layer = sole_reader(context, name)
            else:
                layer, watchers = value_reader(context, name)
                self.watchers.extend((node, name) for node in watchers)
            if not is_pass_through(context, layer):
                if not self.flat and is_flatten(context, layer, name):
                    self.flat = True
                elif self.flat or not is_average(context, layer, name):
                    break
                reshaped = True
            self.between.append(layer)
            name = layer.outputs[0]
        self.layer, self.name = layer, name


def is_flatten(context: Context, node: Node, name: str) -> bool:
    """Whether a node makes (N, C, ...) into (N, C * ...), each channel's numbers side by side."""
    if node.domain or node.inputs[0] != name:
        return False
    known = context.shape(name)
    if node.op_type == "Flatten":
        axis = node.attributes.get("axis", 1)
        return bool((axis + len(known) if axis < 0 and known is not None else axis) == 1)
    if known is None or len(known) < 2:
        return False
    if node.op_type == "Squeeze":
        axes = _axes(context, node, len(known))
        return axes is not None and sorted(axes) == list(range(2, len(known)))
    if node.op_type != "Reshape":
        return False
    given = context.shape(node.outputs[0])
    if given is None or len(given) != 2:
        return False
    within = [size for size in known[1:] if isinstance(size, int)]
    if len(within) == len(known) - 1 and given[1] == int(np.prod(within, dtype=np.int64)):
        return True
    return given[0] is not None and given[0] == known[0]


def is_average(context: Context, node: Node, name: str) -> bool:
    """Whether a node averages over places of each channel, and over nothing but what it is given."""
    if node.domain or node.inputs[0] != name:
        return False
    if node.op_type == "GlobalAveragePool":
        return True
    if node.op_type == "AveragePool":
        return not node.attributes.get("ceil_mode", 0) and not node.attributes.get("count_include_pad", 0)
    known = context.shape(name)
    if node.op_type != "ReduceMean" or known is None:
        return False
    axes = _axes(context, node, len(known))
    if not axes or min(axes) < 2:
        return False
    return bool(node.attributes.get("keepdims", 1)) or len(axes) == len(known) - 2


def _axes(context: Context, node: Node, rank: int) -> list[int] | None:
    """The axes that a node takes away, counted from 0; None if not known or not given."""
    given = node.attributes.get("axes")
    if len(node.inputs) > 1 and node.inputs[1]:
        values = context.values(node.inputs[1])
        given = None if values is None else values.reshape(-1).tolist()
    return None if given is None else [axis % rank for axis in given]


def expect_features(context: Context, passage: Passage, data: str) -> None:
    """A MatMul must read (N, C).

    Raises:
        Refused: if it is not known to.
    """
    known = context.shape(passage.name) if passage.between else context.shape(data)
    if not passage.flat and (known is None or len(known) != 2):
        raise Refused("it feeds a MatMul whose input is not known to be of rank 2")
