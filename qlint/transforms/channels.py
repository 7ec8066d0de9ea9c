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


def arithmetic_before(context: Context, nodes: Iterable[Node], data: str) -> tuple[Affine, int]:
    """What nodes that follow each other compute on the channels of a tensor, and the axis these lie along.

    That is the last one where a MatMul by a constant matrix reads it, else axis 1.

    Args:
        context: where they stand.
        nodes: of each, `constant_operand` is not None.
        data: what the first one reads.

    Raises:
        Refused: if it is not a function per channel, or not known to be one.
    """
    nodes = tuple(nodes)
    rank, axis, channels = _layout(context, nodes[-1].outputs[0])
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
        along = sizes[axis - rank] if len(sizes) >= rank - axis else 1
        if along != 1 and (known is None or len(known) != rank or known[axis] != along):
            raise Refused(f"{data!r} is not known to have {along} channels; give its sizes with --bind")
        with np.errstate(all="ignore"):
            total = total.then(arithmetic(context, node, rank=rank, axis=axis, channels=channels))
    return total, axis


def _layout(context: Context, name: str) -> tuple[int, int, int]:
    """Rank, channel axis and channels of a tensor: as the layer that reads it says, else as inference does.

    Raises:
        Refused: if they are not known.
    """
    reader = context.only_reader(name)
    known = context.shape(name)
    weights = context.scope.parameter(reader.inputs[1]) if reader is not None and len(reader.inputs) > 1 else None
    if reader is not None and weights is not None and not reader.domain:
        shape = weights.shape or ()
        place = _INPUT_AXES.get(reader.op_type) if len(shape) > 2 else None
        size = shape[place] if place is not None else None
        if isinstance(size, int):
            return len(shape), 1, size * (reader.attributes.get("group", 1) if reader.op_type == "Conv" else 1)
        if reader.op_type == "MatMul" and len(shape) == 2 and known is not None and len(known) > 2:
            size = shape[0]
            if isinstance(size, int):
                return len(known), len(known) - 1, size
    if known is None or len(known) < 2 or not isinstance(known[1], int):
        raise Refused(f"the number of channels of {name!r} is not known; give its sizes with --bind")
    return len(known), 1, known[1]
