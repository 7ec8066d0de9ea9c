"""fold-constants: learnables that nodes compute from constants become constants.

What reads a file for its weights finds none where a Transpose, a Cast or a weight normalization stands before them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from qlint.network.catalogue import entry_for
from qlint.network.view import View
from qlint.transforms.affine import Refused
from qlint.transforms.patch import Declined, Patch
from qlint.transforms.rewrite import Rewrite, is_quantized

if TYPE_CHECKING:
    from qlint.files.model import Node
    from qlint.transforms.base import Context

_MOVES = {
    "Concat", "Constant", "Expand", "Flatten", "Gather", "Identity", "Reshape", "Slice", "Split", "Squeeze",
    "Transpose", "Unsqueeze",
}  # fmt: skip
"""Operators that move values and compute none."""


class FoldConstants:
    """Gives layers the learnables that nodes compute for them."""

    name = "fold-constants"

    def find(self, context: Context) -> Iterator[Patch | Declined]:
        """One patch or refusal for each learnable that is computed from constants, whoever reads it."""
        hidden: dict[str, list[tuple[Node, str, str]]] = {}
        for node in context.graph.nodes:
            if node in context.scope.folded:
                continue
            entry = entry_for(View(node, context.scope))
            for learnable, place in entry.learnables.items() if entry is not None else ():
                name = node.inputs[place] if isinstance(place, int) and place < len(node.inputs) else ""
                if entry is not None and name and _maker(context, name) is not None and not is_quantized(context, name):
                    hidden.setdefault(name, []).append((node, learnable, entry.type))
        for name, readers in hidden.items():
            node, learnable, type = readers[0]
            try:
                yield self._patch(context, name, [reader for reader, _, _ in readers], learnable, type)
            except Refused as refusal:
                yield Declined(self.name, context.id_of(node), type, str(refusal))

    def _patch(self, context: Context, name: str, readers: list[Node], learnable: str, type: str) -> Patch:
        rewrite = Rewrite(context)
        readers = list(dict.fromkeys(readers))
        source = _source(context, name)
        if source is None:
            values = rewrite.weights(readers[0], readers[0].inputs.index(name), f"the {learnable}")
            source = rewrite.tensor(name, values, values.dtype, f"the {learnable}")
        for reader in readers:
            places = [place for place, each in enumerate(reader.inputs) if each == name]
            rewrite.rewire(reader, dict.fromkeys(places, source))
        read = dict.fromkeys(each for reader in readers for each in reader.inputs if each)
        return Patch(
            transform=self.name,
            klass="exact" if _only_moves(context, name) else "equivalent",
            id=context.id_of(readers[0]),
            type=type,
            title=f"fold its computed {learnable} into a constant",
            operations=tuple(rewrite.operations),
            inputs=tuple(each for each in read if not context.scope.is_static(each)),
            outputs=tuple(each for reader in readers for each in reader.outputs if each),
            graph=context.graph.path,
        )


def _maker(context: Context, name: str) -> Node | None:
    """The node that computes a constant, here or outside; None for one that is there as it is, or no constant."""
    parameter = context.scope.parameter(name)
    if parameter is not None:
        return parameter.node if parameter.node is not None and parameter.node.op_type != "Constant" else None
    return context.producer(name) if context.scope.is_static(name) else None


def _source(context: Context, name: str) -> str | None:
    """The constant of this graph that Identity nodes hand on as `name`, if nothing else lies between."""
    node = context.producer(name)
    while node is not None and node.op_type == "Identity" and not node.domain:
        name = node.inputs[0]
        node = context.producer(name)
        if node is None:
            return name if name in context.graph.initializers else None
        if node.op_type == "Constant" and not node.domain:
            return name
    return None


def _only_moves(context: Context, name: str) -> bool:
    """Whether the nodes of this graph that compute a constant only move values."""
    pending, seen = [name], {name}
    while pending:
        node = context.producer(pending.pop())
        if node is None:
            continue
        if node.op_type not in _MOVES:
            return False
        pending.extend(each for each in node.inputs if each not in seen)
        seen.update(node.inputs)
    return True


TRANSFORM = FoldConstants()
