"""zero-average-padding: padding of an average pooling goes where no window reaches it.

Where a window does, padding with zeros changes the averages; only who trained the network can decide for that.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from qlint.network.catalogue import entry_for
from qlint.network.catalogue.windows import kernel, padding_value, pads, per_axis
from qlint.network.view import View
from qlint.transforms.affine import Refused
from qlint.transforms.patch import Declined, NodeSpec, Patch, ReplaceNode
from qlint.tristate import Unknown

if TYPE_CHECKING:
    from qlint.files.model import Node
    from qlint.transforms.base import Context

_SPARED = ("auto_pad", "pads")
"""Attributes that say nothing once no padding is left."""


class ZeroAveragePadding:
    """Takes padding without effect from average pooling."""

    name = "zero-average-padding"

    def find(self, context: Context) -> Iterator[Patch | Declined]:
        """One patch or refusal for each average pooling that pads with anything but 0."""
        for node in context.graph.nodes:
            if node.op_type != "AveragePool" or node.domain:
                continue
            view = View(node, context.scope)
            entry = entry_for(view)
            if entry is None or padding_value(view) == 0:
                continue
            id = context.id_of(node)
            try:
                _expect_untouched(view)
            except Refused as refusal:
                yield Declined(self.name, id, entry.type, f"manual: {refusal}")
                continue
            yield self._patch(context, node, entry.type)

    def _patch(self, context: Context, node: Node, type: str) -> Patch:
        attributes = {key: value for key, value in node.attributes.items() if key not in _SPARED}
        spec = NodeSpec(node.op_type, node.inputs, node.outputs, attributes, node.domain, node.name)
        return Patch(
            transform=self.name,
            klass="exact",
            id=context.id_of(node),
            type=type,
            title="remove padding that no window of the average pooling reaches",
            operations=(ReplaceNode(context.id_of(node), spec),),
            inputs=node.inputs,
            outputs=node.outputs,
            graph=context.graph.path,
        )


def _expect_untouched(view: View) -> None:
    """No window may reach into the padding, and there must be as many windows without it.

    Raises:
        Refused: if it is not so, or not known.
    """
    if view.attribute("ceil_mode", 0):
        raise Refused("ceil_mode may let the last window reach beyond the input; choose sizes that the stride divides")
    edges, window = pads(view), kernel(view)
    for fact in (edges, window):
        if isinstance(fact, Unknown):
            hint = f"; fix it with {fact.remedy}" if fact.remedy else ""
            raise Refused(f"whether the padding has an effect is not known without the {fact.missing}{hint}")
    assert not isinstance(edges, Unknown)
    assert not isinstance(window, Unknown)
    rank = len(window)
    steps, spreads = per_axis(view, "strides"), per_axis(view, "dilations")
    for axis in range(rank):
        begin, end = edges[axis], edges[axis + rank]
        if begin or end:
            _expect_axis_untouched(view, axis, (begin, end), (window[axis] - 1) * spreads[axis] + 1, steps[axis])


def _expect_axis_untouched(view: View, axis: int, edges: tuple[int, int], reach: int, step: int) -> None:
    begin, end = edges
    advice = "average with zeros (count_include_pad=1) or without padding, and train or calibrate it anew"
    if begin:
        raise Refused(f"the first window of spatial axis {axis} averages without its padding; {advice}")
    length = view.size(axis + 2)
    if isinstance(length, Unknown):
        hint = f"; fix it with {length.remedy}" if length.remedy else ""
        raise Refused(f"whether the padding has an effect depends on the {length.missing}{hint}")
    if (length + end - reach) // step != (length - reach) // step:
        raise Refused(f"the last window of spatial axis {axis} averages without its padding; {advice}")


TRANSFORM = ZeroAveragePadding()
