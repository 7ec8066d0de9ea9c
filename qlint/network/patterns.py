"""Layers that stand on several nodes: MatMul+Add, x * Sigmoid(x), Min(Relu(x), c), and gelu in pieces.

A pattern may swallow a tensor only if nothing else reads it and it is not an output of its graph.
Gelu is recognized by what it computes, not by how its nodes are arranged: the candidate nodes are evaluated
at sample points and compared with the formula.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from qlint.files.model import Node
from qlint.network.catalogue.convolution import is_bias
from qlint.network.scope import Scope
from qlint.network.view import View
from qlint.tristate import Unknown

_POINTS = (-3.0, -1.25, -0.5, 0.0, 0.3, 1.0, 2.75)
_TOLERANCE = 2e-4
_ARITHMETIC = {"Add", "Sub", "Mul", "Div", "Pow", "Erf", "Tanh"}
_FORWARD_STEPS = 4


def _gelu(x: float) -> float:
    return 0.5 * x * (1 + math.erf(x / math.sqrt(2)))


def _gelu_tanh(x: float) -> float:
    return 0.5 * x * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def find(scope: Scope) -> dict[Node, View]:
    """All patterns of a graph: last node -> view. The other nodes of a view belong to it alone."""
    views: dict[Node, View] = {}
    taken: set[Node] = set()
    for node in scope.graph.nodes:
        finder = _FINDERS.get(node.op_type) if not node.domain else None
        if finder is None or node in scope.folded or node in taken:
            continue
        view = finder(node, scope)
        if view is not None and not taken.intersection(view.nodes):
            views[view.nodes[-1]] = view
            taken.update(view.nodes)
    return views


def only_reader(scope: Scope, tensor: str) -> Node | None:
    """The one node that reads a tensor; None if there are several, or if the tensor leaves the graph."""
    readers = scope.graph.consumers.get(tensor, [])
    if len(readers) != 1 or tensor in scope.visible:
        return None
    return readers[0]


def _other(node: Node, tensor: str) -> str | None:
    """The other operand of a binary node; None if it is the same one."""
    if len(node.inputs) != 2 or node.inputs[0] == node.inputs[1]:
        return None
    return node.inputs[1] if node.inputs[0] == tensor else node.inputs[0]


def _biased_matmul(node: Node, scope: Scope) -> View | None:
    plain = View(node, scope)
    weights = plain.parameter(1)
    if weights is None or weights.shape is None or len(weights.shape) != 2 or plain.is_static(0):
        return None
    add = only_reader(scope, node.outputs[0])
    if add is None or add.op_type != "Add" or add.domain:
        return None
    bias = _other(add, node.outputs[0])
    if bias is None or not is_bias(View(add, scope), add.inputs.index(bias), weights.shape[1]):
        return None
    return View(node, scope, (node, add), {"bias": bias})


def _swish(node: Node, scope: Scope) -> View | None:
    reader = only_reader(scope, node.outputs[0])
    if reader is None or reader.op_type != "Mul" or reader.domain or _other(reader, node.outputs[0]) != node.inputs[0]:
        return None
    return View(reader, scope, (node, reader), {"swish": True}, op="Swish")


def _clipped(node: Node, scope: Scope) -> View | None:
    reader = only_reader(scope, node.outputs[0])
    if reader is None or reader.op_type != "Min" or reader.domain:
        return None
    bound = _other(reader, node.outputs[0])
    ceiling = None if bound is None else _scalar(scope, bound)
    if ceiling is None:
        return None
    return View(reader, scope, (node, reader), {"ceiling": bound}, op="Clip", given={"min": 0.0, "max": ceiling})


def _scalar(scope: Scope, tensor: str) -> float | None:
    parameter = scope.parameter(tensor)
    if parameter is None or parameter.shape is None or any(size != 1 for size in parameter.shape):
        return None
    values = parameter.values()
    return None if isinstance(values, Unknown) else float(values.reshape(-1)[0])


def _gelu_around(node: Node, scope: Scope) -> View | None:
    """Grow a region from an Erf or Tanh node, backwards to one tensor x and forwards until it computes gelu."""
    formula = _gelu if node.op_type == "Erf" else _gelu_tanh
    for x in _candidates(node, scope):
        region = _behind(node, x, scope)
        if region is None:
            continue
        last = node
        for _ in range(_FORWARD_STEPS):
            following = only_reader(scope, last.outputs[0])
            if following is None or following.domain or following.op_type not in _ARITHMETIC:
                break
            side = _behind(following, x, scope, known=set(region))
            if side is None:
                break
            region, last = region | side, following
            if _computes(region, last, x, scope, formula) and _closed(region, last, scope):
                kind = "none" if node.op_type == "Erf" else "tanh"
                roles = {"approximation": kind, "x": x}
                nodes = tuple(scope.in_order(region))
                return View(last, scope, nodes, roles, op="Gelu", given={"approximate": kind})
    return None


def _candidates(node: Node, scope: Scope) -> list[str]:
    """Tensors that could be x: what is reached by walking back over arithmetic with constants, and one addition."""
    found: list[str] = []
    pending, depth = [node.inputs[0]], 0
    while pending and depth < 8:
        tensor = pending.pop(0)
        depth += 1
        if scope.parameter(tensor) is None and tensor not in found:
            found.append(tensor)
        maker = scope.graph.producer.get(tensor)
        if maker is not None and maker.op_type in _ARITHMETIC and not maker.domain:
            pending.extend(name for name in maker.inputs if scope.parameter(name) is None)
    return found


def _behind(node: Node, x: str, scope: Scope, known: set[Node] | None = None) -> set[Node] | None:
    """Nodes needed to compute `node` from x and scalar constants; None if something else is needed."""
    region, pending = set(known or ()), [node]
    while pending:
        current = pending.pop()
        if current in region:
            continue
        if current.op_type not in _ARITHMETIC or current.domain or len(region) > 12:
            return None
        region.add(current)
        for name in current.inputs:
            if name == x or _scalar(scope, name) is not None:
                continue
            maker = scope.graph.producer.get(name)
            if maker is None:
                return None
            pending.append(maker)
    return region


_OPERATIONS: dict[str, Callable[..., float]] = {
    "Add": lambda a, b: a + b,
    "Sub": lambda a, b: a - b,
    "Mul": lambda a, b: a * b,
    "Div": lambda a, b: a / b,
    "Pow": lambda a, b: a**b,
    "Erf": math.erf,
    "Tanh": math.tanh,
}


def _computes(region: set[Node], last: Node, x: str, scope: Scope, formula: Callable[[float], float]) -> bool:
    ordered = scope.in_order(region)
    for point in _POINTS:
        values = {x: point}
        try:
            for node in ordered:
                operands = [values[n] if n in values else _scalar(scope, n) for n in node.inputs]
                values[node.outputs[0]] = _OPERATIONS[node.op_type](*operands)
            if not abs(values[last.outputs[0]] - formula(point)) <= _TOLERANCE:
                return False
        except (ArithmeticError, TypeError, ValueError):
            return False  # a pole or a complex power: not gelu
    return True


def _closed(region: set[Node], last: Node, scope: Scope) -> bool:
    """Whether nothing outside reads what the region computes on the way."""
    for node in region - {last}:
        for output in node.outputs:
            readers = scope.graph.consumers.get(output, [])
            if output in scope.visible or any(reader not in region for reader in readers):
                return False
    return True


_FINDERS: dict[str, Callable[[Node, Scope], View | None]] = {
    "MatMul": _biased_matmul,
    "Sigmoid": _swish,
    "Relu": _clipped,
    "Erf": _gelu_around,
    "Tanh": _gelu_around,
}
