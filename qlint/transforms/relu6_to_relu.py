"""relu6-to-relu: a clipped relu becomes a relu, so that the layers around it can be equalized.

Nagel et al. 2019 do so before cross-layer equalization. The network computes something else where the ceiling was
reached, so it runs only where the user allows it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from qlint.transforms.homogeneous import clip_bounds
from qlint.transforms.patch import Declined, NodeSpec, Patch, RemoveNode, ReplaceNode

if TYPE_CHECKING:
    from qlint.files.model import Node
    from qlint.transforms.base import Context
    from qlint.transforms.patch import Operation

_TYPE = "clippedReluLayer"
_FLOATS = ("float", "float16", "double")
_OLDEST_OPSET = 6
"""Before it, Relu and Clip had an attribute about the memory they use."""


class Relu6ToRelu:
    """Takes the ceiling off a relu."""

    name = "relu6-to-relu"

    def find(self, context: Context) -> Iterator[Patch | Declined]:
        """One patch for each Clip from 0 and each Min of a Relu and a constant, or why it is left alone."""
        if context.opset < _OLDEST_OPSET:
            return
        for node in context.graph.nodes:
            if node.domain or node in context.scope.folded or not node.inputs or not all(node.outputs):
                continue
            relu = _rectifier(context, node) if node.op_type == "Min" else None
            bounds = (0.0, _ceiling(context, node, relu)) if relu is not None else clip_bounds(context, node)
            if bounds is None or bounds[0] not in (0, None) or bounds[1] == np.inf:
                continue
            reason = self._reason(context, node, bounds)
            if reason:
                yield Declined(self.name, context.id_of(node), _TYPE, reason)
            else:
                yield self._patch(context, node, relu, float(bounds[1] or 0.0))

    def _reason(self, context: Context, node: Node, bounds: tuple[float | None, float | None]) -> str:
        """Why a clipped relu stays; "" if it can go."""
        if None in bounds:
            return "its bounds are not constant, so that it may be another function; export it with constant bounds"
        if not bounds[1] or bounds[1] < 0:
            return "it always gives the same number, and a relu would not; check the model"
        if context.element_type(node.outputs[0]) not in _FLOATS:
            return "it is not known to compute in a floating-point type that Relu has; check the model's types"
        return ""

    def _patch(self, context: Context, node: Node, relu: Node | None, ceiling: float) -> Patch:
        first = relu or node
        spec = NodeSpec("Relu", first.inputs[:1], node.outputs, {}, name=node.name)
        operations: list[Operation] = [ReplaceNode(context.id_of(node), spec)]
        if relu is not None:
            operations.append(RemoveNode(context.id_of(relu)))
        return Patch(
            transform=self.name,
            klass="lossy",
            id=context.id_of(node),
            type=_TYPE,
            title=f"replace the relu with ceiling {ceiling:g} by a relu, which changes what the network computes",
            operations=tuple(operations),
            inputs=first.inputs[:1],
            outputs=node.outputs,
            graph=context.graph.path,
        )


def _rectifier(context: Context, node: Node) -> Node | None:
    """The Relu before a Min of two, which nothing else reads; else None."""
    if len(node.inputs) != 2:
        return None
    for name in node.inputs:
        maker = context.producer(name)
        if maker is not None and maker.op_type == "Relu" and not maker.domain and context.only_reader(name) is node:
            return maker
    return None


def _ceiling(context: Context, node: Node, relu: Node) -> float | None:
    """The constant number of a Min; infinite if it is no single number that is constant, and so no ceiling."""
    other = next((name for name in node.inputs if name != relu.outputs[0]), "")
    if not context.scope.is_static(other):
        return np.inf
    values = context.values(other)
    return float(values.reshape(-1)[0]) if values is not None and values.size == 1 and values.ndim <= 1 else np.inf


TRANSFORM = Relu6ToRelu()
