"""Taking a node that changes nothing out of a graph: whoever read its output reads its input instead."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qlint.files.model import Graph, Node
from qlint.numeric.plan import reads, subgraphs
from qlint.transforms.affine import Refused
from qlint.transforms.patch import RemoveNode, SetInputs, SetOutputs

if TYPE_CHECKING:
    from qlint.network.scope import Scope
    from qlint.transforms.base import Context
    from qlint.transforms.patch import Operation

CROWD = 8
"""Most nodes into one reader that are taken out one after the other, a round for each, so that ids stay."""


@dataclass(frozen=True, slots=True)
class Bypass:
    """How a node is taken out.

    Attributes:
        operations: what is to be done.
        inputs, outputs: border tensors of the region.
    """

    operations: tuple[Operation, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


class Bypasses:
    """Finds ways around nodes of one graph, in such a way that no two of them touch the same node.

    Args:
        context: the graph.
        leaving: nodes that are to be taken out.
    """

    def __init__(self, context: Context, leaving: Iterable[Node] = ()) -> None:
        self._context = context
        self._outputs = set(context.graph.outputs)
        self._inside: dict[str, list[Node]] = {}
        self._busy: set[Node] = set()
        self._reads: dict[Node, list[str]] = {}
        self._read_inside(context.graph)
        counts = Counter(reader for node in leaving for reader in context.consumers(node.outputs[0]))
        self._crowded = {reader for reader, count in counts.items() if count > CROWD}

    def _read_inside(self, graph: Graph) -> None:
        """Note who reads this graph's tensors from the graphs below it, and which of those graphs give them out."""
        pending = list(graph.subgraphs())
        while pending:
            inner = pending.pop()
            pending.extend(inner.subgraphs())
            for node in inner.nodes:
                for name in dict.fromkeys(filter(None, node.inputs)):
                    if not _defined_between(name, inner, graph):
                        self._inside.setdefault(name, []).append(node)
            # Such a tensor's name is the inner graph's output, which no operation renames.
            self._outputs.update(name for name in inner.outputs if not _defined_between(name, inner, graph))

    def around(self, node: Node, source: str, also: Iterable[Node] = ()) -> Bypass | None:
        """A way around a node.

        Args:
            node: a node whose first output has the same values as `source`; no other output is used.
            source: an input of it, or of one of `also`.
            also: nodes before it that nothing else needs.

        Returns:
            The way; None if it has to wait, since an earlier one touches the same nodes.

        Raises:
            Refused: if there is none: the output's name has to stay, and so has the input's.
        """
        gone, name = (node, *also), node.outputs[0]
        forward = name not in self._outputs and not self._is_hidden(source, name)
        maker = self._context.graph.producer.get(source)
        # Paths of subgraphs follow from the names of the outputs of the node that holds them.
        backward = maker is not None and source not in self._outputs and not any(True for _ in subgraphs(maker))
        backward = backward and not self._is_hidden(name, source)
        if not forward and not backward:
            raise Refused(
                f"it joins {source!r} and {name!r}, whose names both have to stay (inputs or outputs of a graph, or"
                " hidden in a subgraph by its own); it costs nothing at run time"
            )
        # What is busy is found out before anything else, so that many ways into one node cost what the first one does.
        if not self._busy.isdisjoint(gone):
            return None
        after = self._readers(name, gone)
        if forward and not (backward and self._crowded.intersection(after)) and self._busy.isdisjoint(after):
            return self._forward(gone, source, after)
        if backward and maker is not None and maker not in self._busy:
            beside = self._readers(source, gone)
            if self._busy.isdisjoint(beside):
                return self._backward(gone, source, maker, beside)
        return None

    def _is_hidden(self, name: str, read: str) -> bool:
        """Whether a graph below that reads one tensor has its own by the name of the one it would have to read."""
        return any(_defined_between(name, node.graph, self._context.graph) for node in self._inside.get(read, ()))

    def is_free(self, node: Node) -> bool:
        """Whether no way found so far touches a node; it counts as touched from now on."""
        free = node not in self._busy
        self._busy.add(node)
        return free

    def _readers(self, name: str, gone: Iterable[Node]) -> list[Node]:
        found = (*self._context.graph.consumers.get(name, ()), *self._inside.get(name, ()))
        return [node for node in dict.fromkeys(found) if node not in gone]

    def _forward(self, gone: tuple[Node, ...], source: str, readers: list[Node]) -> Bypass:
        """The readers of the node's output read its input; every other tensor keeps its name."""
        name = gone[0].outputs[0]
        operations = [*self._renamed(readers, name, source), *self._removed(gone)]
        return self._bypass(operations, gone, readers, (source,), hidden=name)

    def _backward(self, gone: tuple[Node, ...], source: str, maker: Node, readers: list[Node]) -> Bypass:
        """The node before takes the output's name, which is a graph's output."""
        name = gone[0].outputs[0]
        outputs = tuple(name if each == source else each for each in maker.outputs)
        operations = [
            *self._removed(gone),
            SetOutputs(self._context.id_of(maker), outputs),
            *self._renamed(readers, source, name),
        ]
        return self._bypass(operations, gone, [maker, *readers], (), hidden=source, shown=(name,))

    def _removed(self, gone: Iterable[Node]) -> list[Operation]:
        return [RemoveNode(self._context.id_of(node)) for node in gone]

    def _renamed(self, readers: Iterable[Node], old: str, new: str) -> list[Operation]:
        return [
            SetInputs(self._context.id_of(node), tuple(new if each == old else each for each in node.inputs))
            for node in readers
        ]

    def _bypass(
        self,
        operations: list[Operation],
        gone: tuple[Node, ...],
        changed: list[Node],
        inputs: tuple[str, ...],
        *,
        hidden: str,
        shown: tuple[str, ...] = (),
    ) -> Bypass:
        """The record, with the changed nodes of this graph (or those that hold them) for a region."""
        self._busy.update(gone, changed)
        region = dict.fromkeys(self._holder(node) for node in changed)
        made = {output for node in (*region, *gone) for output in node.outputs}
        border = dict.fromkeys(inputs)
        border.update(
            dict.fromkeys(
                name for node in region for name in sorted(reads(node)) if name not in made and self._is_computed(name)
            )
        )
        outputs = dict.fromkeys((*shown, *(name for node in region for name in node.outputs if name)))
        outputs.pop(hidden, None)
        return Bypass(tuple(operations), tuple(border), tuple(outputs))

    def _read_by(self, node: Node) -> list[str]:
        """Names that a node reads, also from its subgraphs; found once, since these can be large."""
        found = self._reads.get(node)
        if found is None:
            found = self._reads[node] = sorted(reads(node))
        return found

    def _is_computed(self, name: str) -> bool:
        """Whether a tensor is no constant, and visible here."""
        scope: Scope | None = self._context.scope
        while scope is not None:
            if name in scope.graph.producer or name in scope.graph.inputs:
                return self._context.scope.parameter(name) is None
            scope = scope.outer
        return False

    def _holder(self, node: Node) -> Node:
        """The node of this graph in which a node of a graph below it stands; itself for a node of this graph."""
        while node.graph is not self._context.graph and node.graph.parent is not None:
            node = node.graph.parent
        return node


def _defined_between(name: str, inner: Graph, outer: Graph) -> bool:
    """Whether a graph, or one around it but within the outer one, has a tensor of its own by that name."""
    at: Graph | None = inner
    while at is not None and at is not outer:
        if name in at.producer or name in at.inputs or name in at.initializers:
            return True
        at = at.parent.graph if at.parent is not None else None
    return False
