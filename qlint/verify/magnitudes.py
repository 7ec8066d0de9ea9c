"""The sum of |w||x| behind each element of a region's outputs, to which rounding errors are in proportion."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from qlint.files.model import Graph, Model, Node
from qlint.verify.cut import Region, execute, is_float

if TYPE_CHECKING:
    from qlint.transforms.patch import Patch

Array = np.ndarray[Any, Any]


def _added(patch: Patch) -> dict[str, Array]:
    """Values of the floating-point tensors a patch brings, by name."""
    found = {}
    for operation in patch.operations:
        values = getattr(operation, "values", None)
        name = getattr(operation, "name", None)
        if isinstance(values, np.ndarray) and isinstance(name, str) and is_float(values.dtype):
            found[name] = values
    return found


def step(patch: Patch) -> float:
    """The step of the coarsest type among the tensors a patch brings; float64's where it brings none."""
    return max((_limits(values.dtype)[0] for values in _added(patch).values()), default=2.0**-52)


def _limits(dtype: np.dtype[Any]) -> tuple[float, float]:
    """A type's step at 1 and its smallest normal number."""
    if dtype.kind == "f":
        return float(np.finfo(dtype).eps), float(np.finfo(dtype).tiny)
    return 2.0**-7, 2.0**-126


def magnitudes(region: Region, model: Model, border: Mapping[str, Array], patch: Patch) -> dict[str, Array]:
    """The sum of |w||x| behind each element of the outputs: the region computed with magnitudes for everything.

    Below the smallest normal number of its type a learnable is rounded by a fixed amount, so it counts as that.
    """
    added = _added(patch)

    def magnitude(name: str, array: Array) -> Array:
        if not is_float(array.dtype):
            return array
        wide = np.abs(array.astype(np.float64))
        return np.maximum(wide, _limits(array.dtype)[1]) if name in added else wide

    wide = region.widened(model, magnitude)
    factor = 1.0
    nodes: list[Node] = []
    for node in wide.graph.nodes:
        factor *= _slope(node, wide.graph)
        nodes.extend(_of_magnitudes(node))
    wide.graph.nodes = nodes
    given = {name: np.abs(value) if is_float(value.dtype) else value for name, value in border.items()}
    found = execute(wide, region, given, wide=True)
    return {name: np.abs(value) * factor for name, value in found.items()}


_SIGNLESS = {"Sub": "Add", "Neg": "Identity"}


def _of_magnitudes(node: Node) -> Iterator[Node]:
    """A node as it acts on magnitudes: nothing cancels."""
    if node.domain:
        yield node
    elif node.op_type == "BatchNormalization" and len(node.inputs) > 3:
        negative = f"{node.outputs[0]}:negative mean"
        yield _like(node, "Neg", (node.inputs[3],), (negative,), {})
        inputs = (*node.inputs[:3], negative, *node.inputs[4:])
        yield _like(node, node.op_type, inputs, node.outputs, node.attributes)
    else:
        attributes = dict(node.attributes)
        if node.op_type == "Gemm":
            attributes |= {key: abs(attributes[key]) for key in ("alpha", "beta") if key in attributes}
        yield _like(node, _SIGNLESS.get(node.op_type, node.op_type), node.inputs, node.outputs, attributes)


def _like(node: Node, op_type: str, inputs: tuple[str, ...], outputs: tuple[str, ...], attributes: Any) -> Node:
    return Node(node.graph, 0, op_type, "", node.name, inputs, outputs, attributes, node.pointer, None, {})


def _slope(node: Node, graph: Graph) -> float:
    """By how much an activation magnifies negative numbers, which magnitudes would not show."""
    if node.op_type == "LeakyRelu":
        return max(1.0, abs(float(node.attributes.get("alpha", 0.01))))
    if node.op_type == "PRelu" and node.inputs[1] in graph.initializers:
        slopes: Any = graph.initializers[node.inputs[1]]
        return max(1.0, float(np.max(np.abs(slopes.values()), initial=0.0)))
    return 1.0
