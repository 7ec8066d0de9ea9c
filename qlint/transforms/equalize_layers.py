"""equalize-layers: the ranges of neighbouring layers' channels are levelled, so that int8 serves them all.

A channel may be divided by s > 0 before, and multiplied after, whatever is positively homogeneous. All layers that hang
together so are one patch. The product of a tensor's factors is recorded in the model's metadata, so that a later run
knows how much of what is allowed has been spent.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from qlint.network.catalogue import entry_for
from qlint.network.view import View
from qlint.transforms.affine import OLDEST_OPSET, Array, Refused
from qlint.transforms.equalization import LARGEST, Joint, Layer, equalize
from qlint.transforms.joints import LayerRefused, Search, bias_of, is_layer
from qlint.transforms.patch import AddTensor, Declined, Patch
from qlint.transforms.rewrite import Rewrite
from qlint.transforms.spent import recorded

if TYPE_CHECKING:
    from qlint.files.model import Node
    from qlint.transforms.base import Context

_ROUNDED = 1e-5
"""How much of a bound, as |log s|, is lost where factors are recorded with few digits."""


class EqualizeLayers:
    """Levels ranges across layers."""

    name = "equalize-layers"

    def find(self, context: Context) -> Iterator[Patch | Declined]:
        """One patch for each set of layers that hang together, and a refusal for each layer that cannot be scaled."""
        if context.opset < OLDEST_OPSET:
            return
        search = Search(context)
        joints: list[Joint] = []
        for node in context.graph.nodes:
            if not is_layer(context, node):
                continue
            path = search.path(node)
            if path is None:
                continue
            try:
                joint = search.joint(node, path)
            except LayerRefused as refusal:
                yield self._declined(context, refusal.node, refusal.reason)
                continue
            if joint is not None:
                joints.append(joint)
        for connected in _connected(joints):
            try:
                patch = self._patch(context, connected)
            except Refused as refusal:
                yield self._declined(context, connected[0].producer.node, str(refusal))
                continue
            if patch is not None:
                yield patch

    def _declined(self, context: Context, node: Node, reason: str) -> Declined:
        return Declined(self.name, context.id_of(node), _type(context, node), reason)

    def _patch(self, context: Context, joints: list[Joint]) -> Patch | None:
        """The patch of connected joints; None if they are level.

        Raises:
            Refused: if the new weights are not finite.
        """
        rewrite = Rewrite(context)
        layers = list(dict.fromkeys(layer for joint in joints for layer in (joint.producer, *joint.consumers)))
        for layer in layers:
            values = rewrite.weights(layer.node, 1)
            layer.measure(values)
        equalize(joints, float(np.finfo(values.dtype).tiny))  # one type in all, or their operators would be invalid
        changed = dict.fromkeys(joint for joint in joints if not joint.is_level)
        if not changed:
            return None
        layers = [layer for layer in layers if layer.before in changed or layer.after in changed]
        for layer in layers:
            _rescale(rewrite, layer, layer.after in changed)
        rewrite.operations.extend(recorded(context, joint) for joint in changed)
        region = {layer.node for layer in layers} | {node for joint in changed for node in joint.between}
        region |= {layer.adder for layer in layers if layer.adder is not None and layer.after in changed}
        made = {output for node in region for output in node.outputs}
        read = dict.fromkeys(name for node in context.scope.in_order(region) for name in node.inputs if name)
        factors = np.concatenate([joint.factors for joint in changed])
        low, high = factors.min(), factors.max()
        products = np.abs(np.log(np.concatenate([joint.product for joint in changed])))
        bounded = f", the bound of {LARGEST:g} reached" if products.max() >= np.log(LARGEST) - _ROUNDED else ""
        return Patch(
            transform=self.name,
            klass="equivalent",
            id=context.id_of(layers[0].node),
            type=_type(context, layers[0].node),
            title=f"equalize the ranges of {len(layers)} layers (factors {low:.3g} to {high:.3g}{bounded})",
            operations=tuple(rewrite.operations),
            inputs=tuple(name for name in read if name not in made and not context.scope.is_static(name)),
            outputs=tuple(layer.node.outputs[0] for layer in layers if layer.after not in changed),
            graph=context.graph.path,
        )


def _rescale(rewrite: Rewrite, layer: Layer, with_bias: bool) -> None:
    """Give a layer new weights and, if its output is scaled, a new bias.

    Raises:
        Refused: if they are not finite.
    """
    node, values = layer.node, rewrite.weights(layer.node, 1)
    wires = {1: _tensor(rewrite, node.inputs[1], layer.scaled(values), values)}
    bias = bias_of(rewrite, layer) if with_bias else None
    if bias is not None and layer.after is not None:
        home, place, old = bias
        new = _tensor(rewrite, home.inputs[place], old.astype(np.float64) / layer.after.factors, old)
        if home is node:
            wires[place] = new
        else:
            rewrite.rewire(home, {place: new})
    rewrite.rewire(node, wires)


def _tensor(rewrite: Rewrite, stem: str, values: Array, old: Array) -> str:
    """Add a tensor; what was not finite before may stay so."""
    with np.errstate(all="ignore"):
        rounded = np.ascontiguousarray(values.astype(old.dtype))
    if (np.isfinite(np.broadcast_to(old, rounded.shape)) & ~np.isfinite(rounded)).any():
        raise Refused(f"{stem!r} would not be finite in {old.dtype.name}; repair the weights")
    name = rewrite.context.fresh(stem)
    rewrite.operations.append(AddTensor(rewrite.context.graph.path, name, rounded))
    return name


def _connected(joints: list[Joint]) -> list[list[Joint]]:
    """Joints that share layers, together; all in topological order."""
    groups: list[list[Joint]] = []
    place: dict[Joint, int] = {}
    for joint in joints:  # the joint before comes first, as its nodes do
        before = joint.producer.before
        if before is None:
            place[joint] = len(groups)
            groups.append([])
        else:
            place[joint] = place[before]
        groups[place[joint]].append(joint)
    return groups


def _type(context: Context, node: Node) -> str:
    entry = entry_for(View(node, context.scope))
    return entry.type if entry is not None else node.op_type


TRANSFORM = EqualizeLayers()
