"""Facts of a model that contradict each other. What is merely missing is unknown and passes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from qlint.errors import ModelError
from qlint.files.model import Graph, Node, Shape
from qlint.files.order import described
from qlint.files.quoting import quoted
from qlint.files.tensors import Tensor

AGAIN = "export the model again"

ANY_SIZE = -1
"""Paddle's exporter and others write it for a size that is not fixed."""

_INT64 = 1 << 63

_Stored: TypeAlias = list[tuple[int, ...] | None]


def check_sizes(name: str, dims: Iterable[int]) -> None:
    """Sizes that a file declares for a tensor.

    Raises:
        ModelError: if one is negative (but `ANY_SIZE`), or the tensor has more elements than a 64-bit number counts.
    """
    elements = 1
    for size in dims:
        if size < ANY_SIZE:
            raise ModelError(f"the tensor {quoted(name)} is declared with a size of {size}", AGAIN)
        elements *= max(size, 1)
        if elements >= _INT64:
            raise ModelError(f"the sizes of the tensor {quoted(name)} overflow", AGAIN)


def check_unique(names: Iterable[str], what: str) -> None:
    """Names of one kind in one graph.

    Raises:
        ModelError: if one comes twice.
    """
    seen: set[str] = set()
    for name in names:
        if name in seen and name:
            raise ModelError(f"there are two {what} named {quoted(name)}", AGAIN)
        seen.add(name)


def check_weights(graphs: list[Graph], remedy: str = AGAIN) -> None:
    """Hold the weights in a model's graphs against the inputs they meet.

    Only weights that the file holds count: a shape that was inferred for computed ones proves nothing.

    Raises:
        ModelError: if channels or lengths contradict each other.
    """
    for graph in graphs:
        for node in graph.nodes:
            check = _CHECKS.get(node.op_type)
            if check is not None and not node.domain:
                stored = [_stored(graph, name) for name in node.inputs]
                problem = check(node, [_shape(graph, name) for name in node.inputs], stored)
                if problem:
                    raise ModelError(f"{described(node)}: {problem}", remedy)


def _shape(graph: Graph | None, name: str) -> Shape:
    """Shape of a tensor by ONNX's name resolution."""
    while graph is not None and name:
        known = graph.types.get(name)
        if known is not None:
            return known.shape
        graph = graph.parent.graph if graph.parent is not None else None
    return None


def _stored(graph: Graph | None, name: str) -> tuple[int, ...] | None:
    """Shape of a tensor whose values the file holds, as an initializer or in a Constant node."""
    while graph is not None and name:
        tensor = graph.initializers.get(name)
        if tensor is not None:
            return tensor.shape
        node = graph.producer.get(name)
        if node is not None or name in graph.inputs:
            value = node.attributes.get("value") if node is not None and node.op_type == "Constant" else None
            return value.shape if isinstance(value, Tensor) else None
        graph = graph.parent.graph if graph.parent is not None else None
    return None


def _differ(a: Any, b: Any) -> bool:
    return isinstance(a, int) and isinstance(b, int) and a != b


def _length(shapes: _Stored, position: int) -> int | None:
    """Length of a vector input, if known."""
    shape = shapes[position] if position < len(shapes) else None
    return shape[0] if shape is not None and len(shape) == 1 else None


def _convolution(node: Node, shapes: list[Shape], stored: _Stored) -> str:
    x, weights = shapes[0], stored[1]
    group = node.attributes.get("group", 1)
    if weights is None or len(weights) < 3:
        return _window(node, shapes, stored)
    kernel = node.attributes.get("kernel_shape")
    if kernel and tuple(kernel) != weights[2:]:
        return f"its kernel_shape {kernel[:8]} is not that of its weights, {list(weights[2:10])}"
    if group < 1:
        return f"its group is {group}"
    transposed = node.op_type == "ConvTranspose"
    if weights[0] % group:
        return f"its {weights[0]} {'channels' if transposed else 'filters'} cannot be divided into {group} groups"
    filters = weights[1] * group if transposed else weights[0]
    if _differ(filters, _length(stored, 2)):
        return f"its bias has {_length(stored, 2)} elements for {filters} filters"
    if x is None or len(x) < 2:
        return _window(node, shapes, stored)
    if len(x) != len(weights):
        return f"its input has {len(x)} axes and its weights {len(weights)}"
    wanted = weights[0] if transposed else weights[1] * group
    if _differ(x[1], wanted):
        return f"its weights {quoted(node.inputs[1])} are for {wanted} input channels, but its input has {x[1]}"
    return _window(node, shapes, stored)


def _window(node: Node, shapes: list[Shape], stored: _Stored) -> str:
    """The attributes of a window that slides over an input: one number for each spatial axis, two of padding."""
    kernel = node.attributes.get("kernel_shape")
    weights = stored[1] if len(stored) > 1 and node.op_type.startswith("Conv") else None
    rank = len(kernel) if kernel else len(weights) - 2 if weights is not None else None
    for name, least, per_axis in _WINDOW:
        numbers = node.attributes.get(name)
        if not numbers:
            continue
        if rank is not None and len(numbers) != rank * per_axis:
            return f"its {name} has {len(numbers)} numbers for {rank} spatial axes"
        if min(numbers) < least:
            return f"its {name} holds {min(numbers)}"
    return ""


def _gemm(node: Node, shapes: list[Shape], stored: _Stored) -> str:
    a, b = (shapes[0], shapes[1]) if any(stored) else (None, None)
    if a is None or b is None or len(a) != 2 or len(b) != 2:
        return ""
    columns = a[0 if node.attributes.get("transA", 0) else 1]
    rows = b[1 if node.attributes.get("transB", 0) else 0]
    outputs, bias = b[0 if node.attributes.get("transB", 0) else 1], _length(stored, 2)
    if bias != 1 and _differ(outputs, bias):
        return f"its bias has {bias} elements for {outputs} outputs"
    return _inner(columns, rows)


def _matmul(node: Node, shapes: list[Shape], stored: _Stored) -> str:
    a, b = (shapes[0], shapes[1]) if any(stored) else (None, None)
    if not a or not b:
        return ""
    return _inner(a[-1], b[-2] if len(b) > 1 else b[0])


def _inner(columns: Any, rows: Any) -> str:
    return f"it multiplies rows of {columns} elements by columns of {rows}" if _differ(columns, rows) else ""


def _normalization(node: Node, shapes: list[Shape], stored: _Stored) -> str:
    if node.attributes.get("spatial", 1) == 0:  # before opset 9: a parameter for each element
        return ""
    if any(shape is not None and len(shape) != 1 for shape in stored[1:]):
        return "its parameters are no vectors"
    found = (_length(stored, position) for position in range(1, len(stored)))
    lengths = sorted({length for length in found if length is not None})
    if len(lengths) > 1:
        return f"its parameters have different lengths: {', '.join(map(str, lengths))}"
    x = shapes[0]
    if lengths and x is not None and len(x) > 1 and _differ(x[1], lengths[0]):
        return f"its parameters are for {lengths[0]} channels, but its input has {x[1]}"
    return ""


def _groups(node: Node, shapes: list[Shape], stored: _Stored) -> str:
    x, length = shapes[0], _length(stored, 1)
    if length is None or x is None or len(x) < 2 or length == node.attributes.get("num_groups"):  # before opset 21
        return ""
    return f"its parameters are for {length} channels, but its input has {x[1]}" if _differ(x[1], length) else ""


def _recurrent(node: Node, shapes: list[Shape], stored: _Stored) -> str:
    x, weights = shapes[0], stored[1]
    if weights is None or len(weights) != 3:
        return ""
    if x is not None and len(x) == 3 and _differ(x[2], weights[2]):
        return f"its weights are for {weights[2]} inputs, but its input has {x[2]}"
    recurrent = stored[2] if len(stored) > 2 else None
    if recurrent is not None and len(recurrent) == 3 and recurrent[:2] != weights[:2]:
        return f"its weights {list(weights)} and recurrent weights {list(recurrent)} do not belong together"
    return ""


def _broadcast(node: Node, shapes: list[Shape], stored: _Stored) -> str:
    """A stored operand beside a computed one; until opset 6 attributes said how they meet."""
    aligned = node.op_type != "LayerNormalization" and ("axis" in node.attributes or "broadcast" in node.attributes)
    if aligned or not any(stored) or len(shapes) < 2:
        return ""
    a, b = shapes[0], stored[1] if stored[1] is not None else shapes[1]
    if stored[0] is not None:
        a = stored[0]
    if a is None or b is None or (node.op_type == "PRelu" and len(b) == 1):  # old exporters give a slope per channel
        return ""
    for one, other in zip(reversed(a), reversed(b), strict=False):
        if 1 not in (one, other) and _differ(one, other):
            return f"its operands have {one} and {other} elements on one axis"
    return ""


_ANY_NUMBER = -_INT64

_WINDOW = (("kernel_shape", 1, 1), ("strides", 1, 1), ("dilations", 1, 1), ("pads", _ANY_NUMBER, 2))
"""Attributes with the least number they may hold and how many they have for each axis; padding may also crop."""

_CHECKS: dict[str, Callable[[Node, list[Shape], _Stored], str]] = {
    "Add": _broadcast,
    "AveragePool": _window,
    "BatchNormalization": _normalization,
    "Conv": _convolution,
    "ConvTranspose": _convolution,
    "Div": _broadcast,
    "GRU": _recurrent,
    "Gemm": _gemm,
    "GroupNormalization": _groups,
    "InstanceNormalization": _normalization,
    "LSTM": _recurrent,
    "LayerNormalization": _broadcast,
    "LpPool": _window,
    "MatMul": _matmul,
    "MaxPool": _window,
    "Mul": _broadcast,
    "PRelu": _broadcast,
    "RNN": _recurrent,
    "Sub": _broadcast,
}
