"""Nodes that a factor above 0 per channel passes through: positively homogeneous, each channel by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from qlint.transforms.affine import is_pass_through
from qlint.transforms.passages import is_average, is_flatten

if TYPE_CHECKING:
    from qlint.files.model import Node
    from qlint.transforms.base import Context

_ELEMENTWISE = ("Relu", "LeakyRelu", "PRelu")
_POOLING = ("MaxPool", "AveragePool", "GlobalMaxPool", "GlobalAveragePool")

_NO_BOUND = 3e38
"""Exporters write the largest float32 where a Clip has no bound."""


def through(context: Context, node: Node, kind: str, rank: int) -> str:
    """Where the channels lie after a node: "image" (axis 1), "flat" (axis 1, each channel's numbers side by side)...

    Args:
        context: where the node stands.
        node: reads the tensor as its first input.
        kind: where they lie before: also "matrix" (of rank 2, axis 1) or "last" (the last axis).
        rank: of the tensor, if it is an image.

    Returns:
        The same words; "" if factors do not pass through it.
    """
    if any(node.outputs[1:]):
        return ""
    if node.op_type in _ELEMENTWISE or is_pass_through(context, node) or _is_relu(context, node):
        return kind
    if node.op_type == "Flatten" and node.attributes.get("axis", 1) in (1, 1 - rank):
        return {"image": "flat", "matrix": "matrix", "flat": "flat"}.get(kind, "")
    if kind != "image":
        return ""
    if node.op_type in _POOLING or (node.op_type == "Pad" and _pads_places(context, node, rank)):
        return kind
    if node.op_type in ("Reshape", "Squeeze") and is_flatten(context, node, node.inputs[0]):
        return "flat"
    if node.op_type == "ReduceMean" and is_average(context, node, node.inputs[0]):
        return "image" if node.attributes.get("keepdims", 1) else "flat"
    return ""


def clip_bounds(context: Context, node: Node) -> tuple[float | None, float | None] | None:
    """Bounds of a Clip, infinite where there is none, None where not known; None for another node."""
    if node.op_type != "Clip" or node.domain:
        return None
    bounds: list[float | None] = []
    for place, (key, default) in enumerate((("min", -np.inf), ("max", np.inf)), 1):
        if place < len(node.inputs) and node.inputs[place]:
            values = context.values(node.inputs[place])
            bound = float(values.reshape(-1)[0]) if values is not None and values.size == 1 else None
        else:
            bound = float(node.attributes.get(key, default))
        bounds.append(default if bound is not None and abs(bound) >= _NO_BOUND else bound)
    return bounds[0], bounds[1]


def is_clip(context: Context, node: Node) -> bool:
    """Whether a node is a Clip."""
    return clip_bounds(context, node) is not None and not any(node.outputs[1:])


def _is_relu(context: Context, node: Node) -> bool:
    """Whether a Clip is a relu, or nothing."""
    bounds = clip_bounds(context, node)
    return bounds is not None and bounds[0] in (0, -np.inf) and bounds[1] == np.inf


def _pads_places(context: Context, node: Node, rank: int) -> bool:
    """Whether a Pad adds zeros or copies (or takes away) places of an image, and no channels."""
    constant = node.attributes.get("mode", "constant") == "constant"
    axes = list(range(rank))
    if context.opset < 11:
        pads = node.attributes.get("pads", node.attributes.get("paddings"))
        value = node.attributes.get("value", 0.0)
    else:
        found = [_given(context, node, place) for place in (1, 2, 3)]
        if None in found:
            return False
        pads, filled, given = (known or [] for known in found)
        axes, value = [*map(int, given)] or axes, (filled or [0.0])[0]
    if (constant and value != 0) or not rank or pads is None or len(pads) != 2 * len(axes):
        return False
    return not any(pads[place] or pads[place + len(axes)] for place, axis in enumerate(axes) if axis % rank == 1)


def _given(context: Context, node: Node, place: int) -> list[float] | None:
    """Values of a constant input, none of one that is left out; None if it is not constant."""
    if place >= len(node.inputs) or not node.inputs[place]:
        return []
    values = context.values(node.inputs[place])
    return None if values is None else values.reshape(-1).tolist()
