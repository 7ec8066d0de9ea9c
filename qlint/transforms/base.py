"""What a transform is given and what it gives."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol

from qlint.network.scope import Scope
from qlint.transforms.origin import Origins
from qlint.tristate import Unknown

if TYPE_CHECKING:
    import numpy as np

    from qlint.files.model import Graph, Model, Node, Shape
    from qlint.transforms.patch import Declined, Patch


def node_id(node: Node) -> str:
    """A node's id: its graph's path and its first output that has a name."""
    return f"{node.graph.path}/{next(filter(None, node.outputs), '')}"


class Context:
    """One graph as a transform sees it.

    Attributes:
        model: the model, not to be changed.
        graph: the main graph or a subgraph.
        scope: names in it and around it.
        opset: version of the default domain.
        origins: what its constants are made of.
    """

    __slots__ = ("_numbers", "_taken", "graph", "model", "opset", "origins", "scope")

    def __init__(self, model: Model, graph: Graph, scope: Scope, taken: set[str]) -> None:
        self.model = model
        self.graph = graph
        self.scope = scope
        self.opset = scope.opset
        self.origins = Origins(scope)
        self._taken = taken
        self._numbers: dict[str, int] = {}  # where to go on, as a thousand layers may share one tensor

    def fresh(self, stem: str) -> str:
        """A name that no tensor of the model has, the same in every run: `stem`, else `stem_1`, `stem_2`, ..."""
        name, number = stem, self._numbers.get(stem, 0)
        while not name or name in self._taken:
            number += 1
            name = f"{stem}_{number}"
        self._numbers[stem] = number
        self._taken.add(name)
        return name

    def values(self, name: str) -> np.ndarray | None:
        """The constant that `name` is (an initializer, a Constant node, or folded from such); else None.

        None too for what a caller may override and for what is too large. Values may be NaN or infinite.
        """
        found = self.scope.static_values(name)
        return None if isinstance(found, Unknown) else found

    def reason_not_constant(self, name: str) -> str:
        """Why `values` is None, for `Declined`: "value of 'w', which a caller may override"."""
        found = self.scope.static_values(name)
        return found.missing if isinstance(found, Unknown) else ""

    def consumers(self, name: str) -> list[Node]:
        """Nodes of this graph that read a tensor, in order, each once."""
        return self.graph.consumers.get(name, [])

    def only_reader(self, name: str) -> Node | None:
        """The one node that reads a tensor; None if there are more or none, or anything else sees it (`is_visible`)."""
        readers = self.graph.consumers.get(name, [])
        return readers[0] if len(readers) == 1 and name not in self.scope.visible else None

    def is_visible(self, name: str) -> bool:
        """Whether a tensor is an output of the graph, or read by a subgraph."""
        return name in self.scope.visible

    def producer(self, name: str) -> Node | None:
        """The node of this graph that makes a tensor."""
        return self.graph.producer.get(name)

    def shape(self, name: str) -> Shape:
        """Axis sizes of a tensor as far as they are known, here or outside."""
        return self.scope.shape(name)

    def element_type(self, name: str) -> str | None:
        """Element type of a tensor ("float", "float16"), here or outside; None where it is unknown."""
        return self.scope.type(name).type

    def id_of(self, node: Node) -> str:
        """The id that operations name a node by."""
        return node_id(node)


class Transform(Protocol):
    """A kind of rewrite. Stateless: the same graph yields the same patches.

    Attributes:
        name: as in rule files, with dashes.
    """

    name: str

    def find(self, context: Context) -> Iterator[Patch | Declined]:
        """Rewrites of this graph as it is, each independent of the others, and layers left alone with a reason.

        Linear in the graph. Chains need not be followed: it is asked again after what it found was applied.
        """
        ...


def contexts(model: Model) -> Iterator[Context]:
    """A context for the main graph and for each one below it; they share the names that `Context.fresh` gave out."""
    taken = _names(model)
    opset = model.opsets.get("", 1)
    pending: list[tuple[Graph, Scope | None]] = [(model.graph, None)]
    while pending:
        graph, outer = pending.pop()
        scope = Scope(graph, opset, outer)
        yield Context(model, graph, scope, taken)
        pending.extend((inner, scope) for inner in reversed([*graph.subgraphs()]))


def _names(model: Model) -> set[str]:
    names: set[str] = set()
    pending = [model.graph]
    while pending:
        graph = pending.pop()
        names.update(graph.types, graph.inputs, graph.initializers, graph.producer, graph.outputs)
        pending.extend(graph.subgraphs())
    return names
