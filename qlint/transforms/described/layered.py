"""A transform of nodes that leaves the insides of described layers alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from qlint.network.lower.builder import LAYER_KEY
from qlint.transforms.apply import find
from qlint.transforms.patch import Patch, RemoveNode, ReplaceNode

if TYPE_CHECKING:
    from collections import Counter

    from qlint.transforms.base import Context, Transform
    from qlint.transforms.patch import Declined


class Layered:
    """Yields what another transform does, but for rewrites that take a part of a layer's nodes away.

    The Transpose between two layers of sequences is no layer: that two of them cancel is nothing a description could
    say, and nothing that it has to.

    Args:
        transform: the other one.
        counts: how many nodes each layer has, by the word they are marked with.
        sources: layers that have no inputs, whose nodes are their normalization.
    """

    def __init__(self, transform: Transform, counts: Counter[str], sources: frozenset[str]) -> None:
        self.name = transform.name
        self._transform = transform
        self._counts = counts
        self._sources = sources

    def find(self, context: Context) -> Iterator[Patch | Declined]:
        """The other transform's patches and refusals."""
        for entry in self._transform.find(context):
            if not isinstance(entry, Patch) or self._is_whole(entry, context):
                yield entry

    def _is_whole(self, patch: Patch, context: Context) -> bool:
        gone: dict[str, int] = {}
        kept: set[str] = set()
        for operation in patch.operations:
            if isinstance(operation, RemoveNode | ReplaceNode):
                node = find(context.model, operation.id)
                word = "" if node is None else node.metadata.get(LAYER_KEY, "")
                if isinstance(operation, RemoveNode):
                    gone[word] = gone.get(word, 0) + 1
                else:
                    kept.add(word)
        return all(
            count == self._counts[word] or word in kept or word in self._sources
            for word, count in gone.items()
            if word in self._counts
        )
