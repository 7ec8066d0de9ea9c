"""Constant folding of the small operators that stand between a constant and its use.

One evaluator serves two needs: learnables behind Identity, Transpose or Expand nodes, and shape
arithmetic in which some sizes are known and others are not. A partly known value is an array and a mask;
operators that only move elements act on both alike, elementwise ones combine the masks. Nothing here
allocates more than the caller's limit.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

from qlint.files.element import by_name
from qlint.files.model import Node
from qlint.files.tensors import Tensor
from qlint.network.constants import WHOLE
from qlint.network.partial import Partial, missing_size
from qlint.tristate import Unknown


def foldable(op_type: str) -> bool:
    """Whether `fold` knows the operator of the default domain."""
    return op_type in _FOLDS or op_type in WHOLE


def fold(node: Node, arguments: list[Partial | None], opset: int, limit: int) -> list[Partial] | None:
    """Compute the outputs of a node from (partly) known inputs; None if it cannot be within `limit` elements."""
    import numpy as np

    try:
        with np.errstate(all="ignore"):
            if node.op_type in WHOLE:
                arrays = [None if argument is None else _array(argument) for argument in arguments]
                found = WHOLE[node.op_type](node, arrays, opset, limit)
                return [Partial(each, None) for each in (found if isinstance(found, list) else [found])]
            result = _FOLDS[node.op_type](node, arguments, opset, limit)
    except (ArithmeticError, AttributeError, IndexError, KeyError, MemoryError, OverflowError, TypeError, ValueError):
        return None  # a malformed constant subexpression is simply not folded
    if result is not None and result.known is not None:
        if result.known.all():
            result.known = None
        elif result.missing is None:
            result.missing = next((a.missing for a in arguments if a is not None and a.missing is not None), None)
    return None if result is None else [result]


def _array(argument: Partial | None) -> Any:
    if argument is None or argument.values is None or argument.known is not None:
        raise ValueError("not fully known")
    return argument.values


def _first(arguments: list[Partial | None]) -> Partial:
    argument = arguments[0]
    if argument is None or argument.values is None:
        raise ValueError("unknown")
    return argument


def _moved(argument: Partial, move: Callable[[Any], Any]) -> Partial:
    known = None if argument.known is None else move(argument.known)
    return Partial(move(argument.values), known, argument.missing)


def _constant(node: Node, arguments: list[Partial | None], opset: int, limit: int) -> Partial | None:
    import numpy as np

    for key, kind in (
        ("value_float", np.float32),
        ("value_floats", np.float32),
        ("value_int", np.int64),
        ("value_ints", np.int64),
    ):
        if key in node.attributes:
            return Partial(np.asarray(node.attributes[key], dtype=kind), None)
    return None


def _shape(node: Node, arguments: list[Partial | None], opset: int, limit: int) -> Partial | None:
    import numpy as np

    given = arguments[0]
    assert given is not None
    shape = given.shape if given.values is None else given.values.shape
    if shape is None:
        return None
    start, end = node.attributes.get("start", 0), node.attributes.get("end", len(shape))
    sizes = shape[start:end] if node.op_type == "Shape" else shape
    known = np.array([isinstance(s, int) for s in sizes], dtype=bool)
    missing = None
    for axis, size in enumerate(shape):
        if not isinstance(size, int) and missing is None and size in sizes:
            missing = missing_size(given.name, axis, size)
    values = np.array([s if isinstance(s, int) else 0 for s in sizes], dtype=np.int64)
    if node.op_type == "Size":
        return Partial(values.prod(keepdims=False), np.asarray(known.all()), missing)
    return Partial(values, known, missing)


def _elementwise(function: str) -> Callable[..., Partial | None]:
    def apply(node: Node, arguments: list[Partial | None], opset: int, limit: int) -> Partial | None:
        import numpy as np

        operands = [a for a in arguments if a is not None]
        if any(a.values is None for a in operands):
            return None
        arrays = [a.values for a in operands]
        if opset < 7 and len({a.shape for a in arrays}) > 1:
            return None  # `axis` says where the second operand belongs
        if int(np.prod(np.broadcast_shapes(*(a.shape for a in arrays)), dtype=object)) > limit:
            return None
        ufunc = np.fmod if node.attributes.get("fmod", 0) else getattr(np, function)
        if function in ("maximum", "minimum"):
            values = functools.reduce(ufunc, arrays)
        elif function == "divide" and np.issubdtype(arrays[0].dtype, np.integer):
            values = np.trunc(np.true_divide(arrays[0], np.where(arrays[1] == 0, 1, arrays[1]))).astype(arrays[0].dtype)
        else:
            values = ufunc(*arrays)
            if function in ("divide", "power"):
                values = values.astype(arrays[0].dtype)
        if all(a.known is None for a in operands):
            return Partial(values, None)
        masks = [np.ones(a.values.shape, bool) if a.known is None else a.known for a in operands]
        known = masks[0]
        for mask in masks[1:]:
            known = np.logical_and(known, mask)
        return Partial(values, np.broadcast_to(known, values.shape))

    return apply


def _cast(node: Node, arguments: list[Partial | None], opset: int, limit: int) -> Partial | None:
    argument = _first(arguments)
    if node.op_type == "CastLike":
        # Only the type of the second argument matters, which need not be there where inference found it.
        inferred = node.graph.types.get(node.outputs[0])
        told = len(arguments) < 2 and inferred is not None and inferred.type
        target = by_name()[told].dtype if told else _array(arguments[1]).dtype
    else:
        import onnx

        target = onnx.helper.tensor_dtype_to_np_dtype(node.attributes["to"])
    return Partial(argument.values.astype(target), argument.known, argument.missing)


def _axes(node: Node, arguments: list[Partial | None]) -> list[int]:
    if len(arguments) > 1 and arguments[1] is not None:
        return [int(a) for a in _array(arguments[1]).ravel()]
    return [int(a) for a in node.attributes.get("axes", [])]


def _unsqueeze(node: Node, arguments: list[Partial | None], opset: int, limit: int) -> Partial | None:
    import numpy as np

    axes = tuple(_axes(node, arguments))
    return _moved(_first(arguments), lambda x: np.expand_dims(x, axes))


def _squeeze(node: Node, arguments: list[Partial | None], opset: int, limit: int) -> Partial | None:
    import numpy as np

    axes = tuple(_axes(node, arguments)) or None
    return _moved(_first(arguments), lambda x: np.squeeze(x, axes))


def _gather(node: Node, arguments: list[Partial | None], opset: int, limit: int) -> Partial | None:
    import numpy as np

    argument, indices = _first(arguments), _array(arguments[1])
    if indices.size > limit:
        return None
    return _moved(argument, lambda x: np.asarray(np.take(x, indices, axis=node.attributes.get("axis", 0))))


def _slice(node: Node, arguments: list[Partial | None], opset: int, limit: int) -> Partial | None:
    argument = _first(arguments)
    if opset < 10:
        starts, ends = node.attributes["starts"], node.attributes["ends"]
        axes, steps = node.attributes.get("axes"), None
    else:
        starts, ends = _array(arguments[1]).tolist(), _array(arguments[2]).tolist()
        axes = _array(arguments[3]).tolist() if len(arguments) > 3 and arguments[3] is not None else None
        steps = _array(arguments[4]).tolist() if len(arguments) > 4 and arguments[4] is not None else None
    axes = list(range(len(starts))) if axes is None else axes
    steps = [1] * len(starts) if steps is None else steps
    cut = [slice(None)] * argument.values.ndim
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        size = argument.values.shape[axis]
        # ONNX clamps; for a negative step an end below -size means "through the first element".
        stop = None if step < 0 and end < -size else end
        cut[axis] = slice(start, stop, step)
    return _moved(argument, lambda x: x[tuple(cut)])


def _concat(node: Node, arguments: list[Partial | None], opset: int, limit: int) -> Partial | None:
    import numpy as np

    parts = [a for a in arguments if a is not None]
    if any(a.values is None for a in parts) or sum(a.values.size for a in parts) > limit:
        return None
    axis = node.attributes.get("axis", 0)
    values = np.concatenate([a.values for a in parts], axis)
    if all(a.known is None for a in parts):
        return Partial(values, None)
    known = np.concatenate([np.ones(a.values.shape, bool) if a.known is None else a.known for a in parts], axis)
    return Partial(values, known)


def _reshape(node: Node, arguments: list[Partial | None], opset: int, limit: int) -> Partial | None:
    argument, target = _first(arguments), [int(s) for s in _array(arguments[1]).ravel()]
    if not node.attributes.get("allowzero", 0):
        target = [argument.values.shape[i] if s == 0 else s for i, s in enumerate(target)]
    return _moved(argument, lambda x: x.reshape(target))


def _transpose(node: Node, arguments: list[Partial | None], opset: int, limit: int) -> Partial | None:
    permutation = node.attributes.get("perm")
    return _moved(_first(arguments), lambda x: x.transpose(permutation))


def _flatten(node: Node, arguments: list[Partial | None], opset: int, limit: int) -> Partial | None:
    argument = _first(arguments)
    rows = math.prod(argument.values.shape[: node.attributes.get("axis", 1)])
    return _moved(argument, lambda x: x.reshape(rows, -1))


def _expand(node: Node, arguments: list[Partial | None], opset: int, limit: int) -> Partial | None:
    import numpy as np

    argument = _first(arguments)
    target = np.broadcast_shapes(argument.values.shape, tuple(int(s) for s in _array(arguments[1]).ravel()))
    if math.prod(target) > limit:
        return None
    return _moved(argument, lambda x: np.broadcast_to(x, target))


def _constant_of_shape(node: Node, arguments: list[Partial | None], opset: int, limit: int) -> Partial | None:
    import numpy as np

    target = [int(s) for s in _array(arguments[0]).ravel()]
    if math.prod(target) > limit or min(target, default=0) < 0:
        return None
    value = node.attributes.get("value")
    values = value.values() if isinstance(value, Tensor) else np.zeros(1, np.float32)
    return None if isinstance(values, Unknown) else Partial(np.broadcast_to(values.reshape(-1)[0], target), None)


def _identity(node: Node, arguments: list[Partial | None], opset: int, limit: int) -> Partial | None:
    return _first(arguments)


def _reduce_prod(node: Node, arguments: list[Partial | None], opset: int, limit: int) -> Partial | None:
    argument, axes = _first(arguments), tuple(_axes(node, arguments)) or None
    keep = bool(node.attributes.get("keepdims", 1))
    if axes is None and node.attributes.get("noop_with_empty_axes", 0):
        return argument
    known = None if argument.known is None else argument.known.all(axis=axes, keepdims=keep)
    return Partial(argument.values.prod(axis=axes, keepdims=keep), known, argument.missing)


def _range(node: Node, arguments: list[Partial | None], opset: int, limit: int) -> Partial | None:
    import numpy as np

    start, end, step = (_array(a).reshape(-1)[0] for a in arguments[:3])
    if step == 0 or abs((float(end) - float(start)) / float(step)) > limit:
        return None
    return Partial(np.arange(start, end, step, dtype=_array(arguments[0]).dtype), None)


def _dequantize(node: Node, arguments: list[Partial | None], opset: int, limit: int) -> Partial | None:
    import numpy as np

    values, scale = _array(arguments[0]), _array(arguments[1])
    zero = _array(arguments[2]) if len(arguments) > 2 and arguments[2] is not None else np.zeros_like(scale)
    if node.attributes.get("block_size", 0):
        return None
    if scale.size > 1:
        shape = [1] * values.ndim
        shape[node.attributes.get("axis", 1)] = -1
        scale, zero = scale.reshape(shape), zero.reshape(shape)
    return Partial(((values.astype(np.float32) - zero.astype(np.float32)) * scale).astype(scale.dtype), None)


_UFUNCS = {
    "Abs": "absolute", "Add": "add", "Ceil": "ceil", "Div": "divide", "Equal": "equal", "Exp": "exp", "Floor":
    "floor", "Greater": "greater", "Less": "less", "Log": "log", "Max": "maximum", "Min": "minimum", "Mod": "mod",
    "Mul": "multiply", "Neg": "negative", "Not": "logical_not", "Pow": "power", "Reciprocal": "reciprocal", "Sqrt":
    "sqrt", "Sub": "subtract", "Where": "where",
}  # fmt: skip

_FOLDS: dict[str, Callable[[Node, list[Partial | None], int, int], Partial | None]] = {
    **{op: _elementwise(function) for op, function in _UFUNCS.items()},
    "Cast": _cast, "CastLike": _cast, "Concat": _concat, "Constant": _constant, "ConstantOfShape":
    _constant_of_shape, "DequantizeLinear": _dequantize, "Expand": _expand, "Flatten": _flatten, "Gather": _gather,
    "Identity": _identity, "Range": _range, "ReduceProd": _reduce_prod, "Reshape": _reshape, "Shape": _shape,
    "Size": _shape, "Slice": _slice, "Squeeze": _squeeze, "Transpose": _transpose, "Unsqueeze": _unsqueeze,
}  # fmt: skip
