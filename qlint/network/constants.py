"""Constant folding of operators that stand between constants only: all their inputs are known as a whole.

Weight normalization (a norm of the weights, by which they are divided), weights stored as one tensor and split, and
the like hide learnables behind them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from qlint.files.model import Node

PRODUCTS = 1 << 28
"""Most multiplications that a product of constants may cost."""


def split(node: Node, arrays: list[Any], opset: int, limit: int) -> list[Any]:
    """The outputs of a Split: of given sizes, else as equal as can be, the last one smaller."""
    import numpy as np

    axis = node.attributes.get("axis", 0)
    sizes = arrays[1].tolist() if len(arrays) > 1 and arrays[1] is not None else node.attributes.get("split")
    if sizes is None:
        parts = node.attributes.get("num_outputs", len(node.outputs))
        chunk = -(-arrays[0].shape[axis] // parts)
        sizes = [chunk] * (parts - 1) + [arrays[0].shape[axis] - chunk * (parts - 1)]
    if min(sizes) < 0 or sum(sizes) != arrays[0].shape[axis] or len(sizes) != len(node.outputs):
        raise ValueError("the sizes are not those of the tensor")
    return np.split(arrays[0], np.cumsum(sizes)[:-1], axis)


def clip(node: Node, arrays: list[Any], opset: int, limit: int) -> Any:
    """Clip, with its bounds as attributes before opset 11."""
    import numpy as np

    low, high = (
        arrays[place] if len(arrays) > place and arrays[place] is not None else node.attributes.get(key, default)
        for place, key, default in ((1, "min", -math.inf), (2, "max", math.inf))
    )
    if arrays[0].dtype.kind in "iu":  # which infinities are none of
        limits = np.iinfo(arrays[0].dtype)
        low, high = np.maximum(low, limits.min), np.minimum(high, limits.max)
    return np.minimum(np.maximum(arrays[0], low), high).astype(arrays[0].dtype)


def tile(node: Node, arrays: list[Any], opset: int, limit: int) -> Any:
    """Tile."""
    import numpy as np

    repeats = [int(count) for count in arrays[1]]
    if len(repeats) != arrays[0].ndim or math.prod(repeats) * arrays[0].size > limit:
        raise ValueError("too large")
    return np.tile(arrays[0], repeats)


def pad(node: Node, arrays: list[Any], opset: int, limit: int) -> Any:
    """Pad with a constant; edges may also be cut."""
    import numpy as np

    values = arrays[0]
    if node.attributes.get("mode", "constant") != "constant":
        raise ValueError("another mode")
    if opset < 11:
        pads = list(node.attributes.get("pads", node.attributes.get("paddings", ())))
        fill: Any = node.attributes.get("value", 0.0)
        axes = list(range(values.ndim))
    else:
        pads = arrays[1].tolist()
        fill = arrays[2].reshape(-1)[0] if len(arrays) > 2 and arrays[2] is not None else 0
        given = arrays[3] if len(arrays) > 3 else None
        axes = list(range(values.ndim)) if given is None else [int(axis) % values.ndim for axis in given]
    if len(pads) != 2 * len(axes):
        raise ValueError("the pads do not fit")
    edges = [(0, 0)] * values.ndim
    for axis, begin, end in zip(axes, pads, pads[len(axes) :], strict=False):
        edges[axis] = (begin, end)
    shape = [size + begin + end for size, (begin, end) in zip(values.shape, edges, strict=True)]
    if min(shape, default=0) < 0 or math.prod(shape) > limit:
        raise ValueError("too large")
    cut = values[tuple(slice(max(-begin, 0), size - max(-end, 0)) for size, (begin, end) in
                       zip(values.shape, edges, strict=True))]  # fmt: skip
    return np.pad(cut, [(max(begin, 0), max(end, 0)) for begin, end in edges], constant_values=fill)


def _reduction(reduced: Callable[[Any, Any, bool], Any]) -> Callable[[Node, list[Any], int, int], Any]:
    def apply(node: Node, arrays: list[Any], opset: int, limit: int) -> Any:
        import numpy as np

        values = arrays[0]
        given = arrays[1].tolist() if len(arrays) > 1 and arrays[1] is not None else node.attributes.get("axes")
        if not given and node.attributes.get("noop_with_empty_axes", 0):
            raise ValueError("nothing is reduced")
        # Sums of short floats are rounded once, at the end.
        wide = values.astype(np.float64) if values.dtype.kind not in "iub" else values
        found = reduced(wide, tuple(given) if given else None, bool(node.attributes.get("keepdims", 1)))
        return np.asarray(found).astype(values.dtype)

    return apply


def _mean(values: Any, axes: Any, keep: bool) -> Any:
    if values.dtype.kind in "iub":
        raise ValueError("a mean of integers is rounded in ways of its own")
    return values.mean(axis=axes, keepdims=keep)


def _norm(values: Any, axes: Any, keep: bool) -> Any:
    import numpy as np

    return np.sqrt((values.astype(np.float64) ** 2).sum(axis=axes, keepdims=keep))


def matmul(node: Node, arrays: list[Any], opset: int, limit: int) -> Any:
    """MatMul of two small matrices, as in the update of low rank that is added to weights."""
    first, second = arrays
    if first.ndim != 2 or second.ndim != 2 or first.size * second.shape[1] > PRODUCTS or first.dtype.kind != "f":
        raise ValueError("too large")
    return first @ second


def _activation(function: Callable[[Any], Any]) -> Callable[[Node, list[Any], int, int], Any]:
    return lambda node, arrays, opset, limit: function(arrays[0]).astype(arrays[0].dtype)


def _softplus(values: Any) -> Any:
    import numpy as np

    return np.logaddexp(0, values)


def _tanh(values: Any) -> Any:
    import numpy as np

    return np.tanh(values)


WHOLE: dict[str, Callable[[Node, list[Any], int, int], Any]] = {
    "Clip": clip,
    "MatMul": matmul,
    "Pad": pad,
    "ReduceL1": _reduction(lambda values, axes, keep: abs(values).sum(axis=axes, keepdims=keep)),
    "ReduceL2": _reduction(_norm),
    "ReduceMax": _reduction(lambda values, axes, keep: values.max(axis=axes, keepdims=keep)),
    "ReduceMean": _reduction(_mean),
    "ReduceMin": _reduction(lambda values, axes, keep: values.min(axis=axes, keepdims=keep)),
    "ReduceSum": _reduction(lambda values, axes, keep: values.sum(axis=axes, keepdims=keep)),
    "ReduceSumSquare": _reduction(lambda values, axes, keep: (values**2).sum(axis=axes, keepdims=keep)),
    "Relu": _activation(lambda values: values.clip(0)),
    "Sigmoid": _activation(lambda values: 0.5 * (1 + _tanh(0.5 * values))),
    "Softplus": _activation(_softplus),
    "Split": split,
    "Tanh": _activation(_tanh),
    "Tile": tile,
}
"""Operators by name: (node, inputs as arrays or None, opset, most elements) to an array, or a list of them."""
