"""Nodes whose output is their first input, as far as the file alone proves it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from qlint.files.element import elements
from qlint.network.partial import ALL_KNOWN
from qlint.tristate import Unknown

if TYPE_CHECKING:
    from qlint.files.model import Node, Shape
    from qlint.transforms.base import Context


def changes_nothing(context: Context, node: Node) -> bool:
    """Whether an Identity, Flatten, Reshape, Cast(Like), Pad or Transpose certainly gives back what it is given."""
    known = _UNCHANGED.get(node.op_type) if not node.domain else None
    return known is not None and bool(node.inputs) and bool(node.inputs[0]) and known(context, node)


def cancels(context: Context, node: Node) -> Node | None:
    """The Transpose right before a Transpose that this one undoes, or None."""
    if node.op_type != "Transpose" or node.domain or not node.inputs:
        return None
    before = context.graph.producer.get(node.inputs[0])
    if before is None or before.op_type != "Transpose" or before.domain or before in context.scope.folded:
        return None
    first, second = before.attributes.get("perm"), node.attributes.get("perm")
    if first is None and second is None:
        return before  # both reverse the axes, however many there are
    rank = len(first or second or ())
    first, second = (list(range(rank))[::-1] if perm is None else list(perm) for perm in (first, second))
    if len(first) != len(second) or [first[axis] for axis in second] != list(range(rank)):
        return None
    return before


def _identity(context: Context, node: Node) -> bool:
    return True


def _cast(context: Context, node: Node) -> bool:
    target = node.attributes.get("to")
    if isinstance(target, int):
        element = elements().get(target)
        target = element.name if element is not None else None
    return isinstance(target, str) and context.element_type(node.inputs[0]) == target.lower()


def _cast_like(context: Context, node: Node) -> bool:
    known = context.element_type(node.inputs[0])
    return known is not None and len(node.inputs) == 2 and context.element_type(node.inputs[1]) == known


def _transpose(context: Context, node: Node) -> bool:
    shape, perm = context.shape(node.inputs[0]), node.attributes.get("perm")
    if perm is None:
        return shape is not None and len(shape) <= 1
    return list(perm) == list(range(len(perm)))


def _pad(context: Context, node: Node) -> bool:
    if context.opset < 11:
        pads = node.attributes.get("pads", node.attributes.get("paddings"))
        return pads is not None and not any(pads)
    values = context.scope.static_values(node.inputs[1]) if len(node.inputs) > 1 else None
    return values is not None and not isinstance(values, Unknown) and not np.any(values)


def _flatten(context: Context, node: Node) -> bool:
    """Two axes stay two if they are flattened between them; [1, n] is also flattened before, [n, 1] after both."""
    shape, axis = context.shape(node.inputs[0]), node.attributes.get("axis", 1)
    if shape is None or len(shape) != 2:
        return False
    axis += 2 if axis < 0 else 0
    return bool(axis == 1 or (axis == 0 and shape[0] == 1) or (axis == 2 and shape[1] == 1))


def _reshape(context: Context, node: Node) -> bool:
    """The target gives each axis its own size back; where it says -1 for one, the others leave no choice."""
    if _is_own_shape(context, node):
        return True
    shape = context.shape(node.inputs[0])
    if shape is None:
        return False
    target = _target(context, node)
    given = context.shape(node.outputs[0])
    if target is None:
        target = [None] * len(given) if given is not None else None
    if target is None or len(target) != len(shape):
        return False
    keeps = not node.attributes.get("allowzero", 0)
    open = 0
    for axis, (size, wanted) in enumerate(zip(shape, target, strict=True)):
        if wanted == 0 and keeps:
            continue
        if wanted == -1:
            open += 1
        elif wanted is None:
            if not _same_size(size, given, axis):
                return False
        elif wanted != size:
            return False
    return open <= 1


def _is_own_shape(context: Context, node: Node) -> bool:
    maker = context.producer(node.inputs[1]) if len(node.inputs) > 1 else None
    return (
        maker is not None
        and maker.op_type == "Shape"
        and not maker.domain
        and maker.inputs[0] == node.inputs[0]
        and maker.attributes.keys().isdisjoint(("start", "end"))
    )


def _same_size(size: int | str | None, given: Shape, axis: int) -> bool:
    """Whether inference found the same size, or the same symbol, after the Reshape."""
    return size is not None and given is not None and axis < len(given) and given[axis] == size


def _target(context: Context, node: Node) -> list[int | None] | None:
    """A Reshape's target, None for a size that is not known before run time; None if not even its rank is."""
    if context.opset < 5:
        return list(node.attributes.get("shape", ())) or None
    name = node.inputs[1] if len(node.inputs) > 1 else ""
    values = context.scope.static_values(name) if name else None
    if values is None:
        return None
    if not isinstance(values, Unknown):
        return [int(size) for size in np.asarray(values).reshape(-1)]
    partial = context.scope.shape_values.get(name)
    if partial is None or partial.values is None:
        return None
    sizes = np.asarray(partial.values).reshape(-1)
    known = np.ones(sizes.shape, bool) if partial.known is ALL_KNOWN else np.asarray(partial.known).reshape(-1)
    return [int(size) if sure else None for size, sure in zip(sizes, known, strict=True)]


_UNCHANGED: dict[str, Callable[[Context, Node], bool]] = {
    "Cast": _cast,
    "CastLike": _cast_like,
    "Flatten": _flatten,
    "Identity": _identity,
    "Pad": _pad,
    "Reshape": _reshape,
    "Transpose": _transpose,
}
