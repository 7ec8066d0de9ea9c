"""Constant arithmetic before a layer, as a function of the channels that the layer reads."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from qlint.transforms.affine import Affine, Refused, arithmetic, constant_operand

if TYPE_CHECKING:
    from qlint.files.model import Node
    from qlint.transforms.base import Context

_INPUT_AXES = {"Conv": 1, "ConvTranspose": 0}
"""The axis of a convolution's weights along which its input channels (of a group, for Conv) lie."""


def arithmetic_before(context: Context, nodes: Iterable[Node], data: str) -> Affine:
    """What nodes that follow each other compute on the channels of a tensor (its axis 1).

    Args:
        context: where they stand.
        nodes: of each, `constant_operand` is not None.
        data: what the first one reads.

    Raises:
        Refused: if it is not a function per channel, or not known to be one.
    """
    nodes = tuple(nodes)
    rank, channels = _layout(context, nodes[-1].outputs[0])
    known = context.shape(data)
    total = Affine.identity(channels)
    for node in nodes:
        position = constant_operand(context, node)
        if position is None:
            given = next((name for name in node.inputs if context.scope.parameter(name) is not None), node.inputs[0])
            why = context.reason_not_constant(given)
            raise Refused(f"the {node.op_type} is not arithmetic with a constant: {why}")
        shape = context.scope.shape(node.inputs[position])
        values = context.values(node.inputs[position])
        sizes = values.shape if values is not None else shape or ()
        if len(sizes) == rank and (known is None or len(known) != rank):
            raise Refused(f"the rank of {data!r} is not known to be {rank}; give its sizes with --bind")
        along = sizes[1 - rank] if len(sizes) >= rank - 1 else 1
        if along != 1 and (known is None or known[1] != along):
            raise Refused(f"{data!r} is not known to have {along} channels; give its sizes with --bind")
        with np.errstate(all="ignore"):
            total = total.then(arithmetic(context, node, rank=rank, axis=1, channels=channels))
    return total


def _layout(context: Context, name: str) -> tuple[int, int]:
    """Rank and channels of a tensor: as the layer that reads it says, else as inference does.

    Raises:
        Refused: if they are not known.
    """
    reader = context.only_reader(name)
    weights = context.scope.parameter(reader.inputs[1]) if reader is not None and len(reader.inputs) > 1 else None
    if reader is not None and reader.op_type in _INPUT_AXES and weights is not None and len(weights.shape or ()) > 2:
        shape = weights.shape or ()
        size = shape[_INPUT_AXES[reader.op_type]]
        if isinstance(size, int):
            return len(shape), size * (reader.attributes.get("group", 1) if reader.op_type == "Conv" else 1)
    known = context.shape(name)
    if known is None or len(known) < 2 or not isinstance(known[1], int):
        raise Refused(f"the number of channels of {name!r} is not known; give its sizes with --bind")
    return len(known), known[1]
