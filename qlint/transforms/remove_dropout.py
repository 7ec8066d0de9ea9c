"""remove-dropout: dropout outside of training, and other nodes that change nothing.

prepareNetwork removes dropout. Here Identity goes too, and Flatten, Reshape, Cast, Pad and Transpose where they
change nothing, and pairs of Transposes of which one undoes the other. Names of graph outputs stay.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from qlint.network.catalogue import entry_for
from qlint.network.view import View
from qlint.transforms.affine import Refused
from qlint.transforms.bypass import Bypasses
from qlint.transforms.patch import Declined, NodeSpec, Patch, ReplaceNode
from qlint.transforms.unchanged import cancels, changes_nothing

if TYPE_CHECKING:
    from qlint.files.model import Node
    from qlint.transforms.base import Context
    from qlint.transforms.patch import Operation


class RemoveDropout:
    """Takes dropout, and nodes without effect, out."""

    name = "remove-dropout"

    def find(self, context: Context) -> Iterator[Patch | Declined]:
        """One patch or refusal for each dropout, Identity, and node that certainly changes nothing.

        Of nodes next to each other one waits for the next round.
        """
        leaving = [node for node in context.graph.nodes if _may_leave(context, node)]
        bypasses = Bypasses(context, leaving)
        for node in leaving:
            if node.op_type == "Dropout":
                found = self._dropout(context, node, bypasses)
            else:
                found = self._without(context, node, bypasses)
            if found is not None:
                yield found

    def _dropout(self, context: Context, node: Node, bypasses: Bypasses) -> Patch | Declined | None:
        try:
            _expect_inference(context, node)
        except Refused as refusal:
            return self._declined(context, node, str(refusal))
        try:
            way = bypasses.around(node, node.inputs[0])
        except Refused:
            if not bypasses.is_free(node):
                return None
            spec = NodeSpec("Identity", node.inputs[:1], node.outputs[:1], {}, name=node.name)
            operations: tuple[Operation, ...] = (ReplaceNode(context.id_of(node), spec),)
            title = "replace dropout by Identity, since it joins tensors whose names both have to stay"
            return self._patch(context, node, title, operations, node.inputs[:1], node.outputs[:1])
        if way is None:
            return None
        return self._patch(context, node, "remove dropout", way.operations, way.inputs, way.outputs)

    def _without(self, context: Context, node: Node, bypasses: Bypasses) -> Patch | Declined | None:
        source, title = node.inputs[0], f"remove {node.op_type} that changes nothing"
        also: tuple[Node, ...] = ()
        undone = None if changes_nothing(context, node) else cancels(context, node)
        if undone is not None:
            source, title = undone.inputs[0], "remove Transpose that undoes the one before it"
            also = (undone,) if context.only_reader(undone.outputs[0]) is node else ()
        try:
            way = bypasses.around(node, source, also)
        except Refused as refusal:
            return self._declined(context, node, str(refusal))
        if way is None:
            return None
        return self._patch(context, node, title, way.operations, way.inputs, way.outputs)

    def _declined(self, context: Context, node: Node, reason: str) -> Declined:
        return Declined(self.name, context.id_of(node), _layer_type(context, node), reason)

    def _patch(
        self,
        context: Context,
        node: Node,
        title: str,
        operations: tuple[Operation, ...],
        inputs: tuple[str, ...],
        outputs: tuple[str, ...],
    ) -> Patch:
        return Patch(
            transform=self.name,
            klass="exact",
            id=context.id_of(node),
            type=_layer_type(context, node),
            title=title,
            operations=operations,
            inputs=inputs,
            outputs=outputs,
            graph=context.graph.path,
        )


def _may_leave(context: Context, node: Node) -> bool:
    if node.domain or node in context.scope.folded or not node.inputs or not node.outputs:
        return False
    return node.op_type == "Dropout" or changes_nothing(context, node) or cancels(context, node) is not None


def _layer_type(context: Context, node: Node) -> str:
    entry = entry_for(View(node, context.scope))
    return entry.type if entry is not None else f"onnx:{node.op_type}"


def _expect_inference(context: Context, node: Node) -> None:
    """A dropout must do nothing, and its mask must not be needed.

    Raises:
        Refused: if that is not so.
    """
    if any(name and (context.is_visible(name) or context.consumers(name)) for name in node.outputs[1:]):
        raise Refused("its mask is used; export the model for inference")
    if not node.outputs[0]:
        raise Refused("only its mask is an output; check the model")
    if context.opset < 7:
        if not node.attributes.get("is_test", 0):
            raise Refused("is_test is 0, so it drops elements at random; export the model for inference")
        return
    if context.opset < 12 or len(node.inputs) < 3 or not node.inputs[2]:
        return
    training = context.values(node.inputs[2])
    if training is None:
        raise Refused(f"whether it is in training mode is not known: {context.reason_not_constant(node.inputs[2])}")
    if np.any(training):
        raise Refused("training_mode is true, so it drops elements at random; export the model for inference")


TRANSFORM = RemoveDropout()
