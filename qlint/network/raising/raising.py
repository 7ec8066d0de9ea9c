"""The walk over a graph's nodes that makes a description of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from qlint.files.description.records import End
from qlint.files.model import Node
from qlint.network import patterns
from qlint.network.catalogue import entry_for
from qlint.network.lower.builder import LAYER_KEY
from qlint.network.matlab.kinds import UnfitError
from qlint.network.matlab.registry import TYPES
from qlint.network.raising.axes import CHANNELS, Axes, Placed, Unfit, canonical, is_canonical, ordered, shown
from qlint.network.raising.network import Beyond, RaisedLayer, entry
from qlint.network.scope import Scope
from qlint.network.view import View

if TYPE_CHECKING:
    from qlint.files.model import Model
    from qlint.network.raising.constants import Constant

Handler: TypeAlias = Callable[["Raising", View, str], None]
"""Makes the layers of a view, given their type; raises `Unfit` where MATLAB has none."""

_FLATTENING = {
    "onnx": "nnet.onnx.layer.FlattenLayer",
    "keras": "nnet.keras.layer.FlattenCStyleLayer",
    "matlab": "flattenLayer",
}


class Raising:
    """State of one walk.

    Attributes:
        model: the model.
        scope: the names of its graph.
        layers: made so far, by name.
        where: what each tensor is, for those that are data.
        beyond: what could not be said.
    """

    def __init__(self, model: Model, handlers: Mapping[str, Handler]) -> None:
        self.model = model
        self.scope = Scope(model.graph, model.opsets.get("", 1))
        self.layers: dict[str, RaisedLayer] = {}
        self.where: dict[str, Placed] = {}
        self.beyond: list[Beyond] = []
        self._handlers = handlers
        self._names: set[str] = set()
        self._views = patterns.find(self.scope)
        self._silent = self._sizes() | self.scope.folded
        self._silent |= {node for view in self._views.values() for node in view.nodes[:-1]}

    def walk(self, swallowed: set[Node], known: Callable[[Node, set[Node]], Sequence[Node]]) -> None:
        """Raise all nodes that data flow through.

        Args:
            swallowed: nodes that belong to a layer already.
            known: adds a layer that begins with a node and is known otherwise, and has none of the swallowed nodes;
                returns its nodes, or none.
        """
        for node in self.scope.graph.nodes:
            if node in swallowed or not self._is_read(node):
                continue
            swallowed.update(known(node, swallowed))
            if node not in swallowed:
                self.raise_node(node)

    def raise_node(self, node: Node) -> None:
        """Raise one node, or the pattern that it is the last node of."""
        if node not in self._silent:
            self.raised(self._views.get(node) or View(node, self.scope))

    def begin(self) -> None:
        """Forget the layers made so far, but not their names."""
        self.layers, self.where, self.beyond = {}, {}, []

    def _sizes(self) -> set[Node]:
        """Nodes that compute with sizes and constants alone; no data flow through them."""
        found: set[Node] = set()
        made: set[str] = set()
        for node in self.scope.graph.nodes:
            is_size = node.op_type in ("Shape", "Size") and not node.domain
            given = [name for name in node.inputs if name]
            if is_size or (given and all(name in made or self.scope.is_static(name) for name in given)):
                found.add(node)
                made.update(node.outputs)
        return found

    def _is_read(self, node: Node) -> bool:
        graph = self.scope.graph
        return any(name in self.scope.visible or graph.consumers.get(name) for name in node.outputs if name)

    def raised(self, view: View) -> None:
        """Raise one view, into a custom layer if there is no other."""
        found = entry_for(view)
        handler = self._handlers.get(found.type if found is not None else f"onnx:{view.op}")
        before = len(self.layers)
        try:
            if handler is None:
                raise Unfit(f"MATLAB has no layer for {view.op}" if found is None else f"there is no {found.type}")
            handler(self, view, found.type if found is not None else "")
        except Unfit as reason:
            while len(self.layers) > before:
                self.layers.popitem()
            self.opaque(view, str(reason))

    def opaque(self, view: View, reason: str) -> None:
        """A custom layer, of which only the connections are known."""
        name = self.name(view.nodes[-1])
        self.beyond.append(Beyond(name, view.op, reason))
        read = dict.fromkeys(self._unpadded(tensor) for tensor in (*view.data(), *_captured(view)))
        data = [tensor for tensor in read if tensor in self.where]
        outputs = [output for output in view.nodes[-1].outputs if output and self._seen(output)]
        numbered = [("in" if len(data) == 1 else f"in{at}", t) for at, t in enumerate(data, start=1)]
        properties = {
            key: value for key, value in sorted(view.node.attributes.items()) if _plain(value) and key != "name"
        }
        self.layers[name] = RaisedLayer(
            entry(name, f"onnx:{view.op}", properties, custom=True),
            [(port, self.where[tensor].end) for port, tensor in numbered],
            view.nodes,
        )
        for at, output in enumerate(outputs, start=1):
            rank = len(self.scope.shape(output) or ())
            axes = {2: canonical(0), 3: canonical(0, time=True), 4: canonical(2), 5: canonical(3)}.get(rank)
            self.place(output, End(name, "out" if len(outputs) == 1 else f"out{at}"), axes)

    def _unpadded(self, tensor: str) -> str:
        """A tensor, or what it was before a padding that is left to the layer behind it."""
        maker = self.scope.graph.producer.get(tensor)
        return maker.inputs[0] if tensor not in self.where and maker is not None and maker.op_type == "Pad" else tensor

    def _seen(self, output: str) -> bool:
        return output in self.scope.visible or bool(self.scope.graph.consumers.get(output))

    def name(self, node: Node | None, stem: str = "") -> str:
        """A layer's name that no other has: the node's layer, the node's own, or its tensor's."""
        words = [stem] if node is None else [node.metadata.get(LAYER_KEY, ""), node.name, *node.outputs, node.op_type]
        plain = [_plain_name(word) for word in words if word]
        return self._fresh(next((word for word in plain if word and word not in self._names), plain[-1] or "layer"))

    def _fresh(self, stem: str) -> str:
        name, number = stem, 1
        while name in self._names:
            number += 1
            name = f"{stem}_{number}"
        self._names.add(name)
        return name

    def place(self, tensor: str, end: End, axes: Axes | None, base: Placed | None = None, *, by: str = "") -> Placed:
        """Note what a tensor is.

        Args:
            tensor: the tensor.
            end: the layer's output that it is.
            axes: its labels.
            base: what it was made of, which knows the sizes of labels that share an axis.
            by: name of the node that brought it into this order.
        """
        sizes = dict(base.sizes) if base is not None else {}
        shape = self.scope.shape(tensor)
        if axes is not None and shape is not None and len(shape) == len(axes):
            known = {axis[0]: size for axis, size in zip(axes, shape, strict=True) if len(axis) == 1}
            sizes |= {label: size for label, size in known.items() if size is not None or label not in sizes}
        elif axes is not None and shape is not None:
            axes = None
        found = self.where[tensor] = Placed(end, axes, sizes, by or (base.by if base is not None else ""))
        return found

    def data(self, tensor: str) -> Placed:
        """What a tensor is.

        Raises:
            Unfit: it is no data that a description has.
        """
        found = self.where.get(tensor)
        if found is None:
            raise Unfit(f"{tensor!r} is a constant or comes from outside, where MATLAB's layer takes data")
        return found

    def separate(self, tensor: str) -> Placed:
        """A tensor whose axes have a label each: what was flattened becomes a flatten layer.

        Raises:
            Unfit: no layer flattens it so.
        """
        placed = self.data(tensor)
        joined = [axis for axis in placed.known if len(axis) > 1]
        if not joined:
            return placed
        kept = {"B", "T"}
        rest = [label for label in placed.labels if label not in kept]
        if len(joined) > 1 or set(joined[0]) != set(rest):
            raise Unfit(f"its input is laid out as {shown(placed.known)}, which no flattening of MATLAB's gives")
        spatial = [label for label in ordered(joined[0]) if label != "C"]
        styles = {("C", *spatial): "onnx", (*spatial, "C"): "keras", ("C", *reversed(spatial)): "matlab"}
        style = styles.get(joined[0])
        mattering = [label for label in joined[0] if placed.sizes.get(label) != 1]
        for order, other in styles.items():
            if style is None and [label for label in order if placed.sizes.get(label) != 1] == mattering:
                style = other
        if style is None:
            raise Unfit(f"its input is laid out as {shown(placed.known)}, which no flattening of MATLAB's gives")
        name = self.name(None, placed.by or f"{tensor}_flat")
        self.layers[name] = RaisedLayer(entry(name, _FLATTENING[style], {}), [("in", placed.end)])
        axes = tuple(CHANNELS if len(axis) > 1 else axis for axis in placed.known)
        return self.place(tensor, End(name, "out"), axes)

    def lowered(self, tensor: str) -> Placed:
        """A tensor that stands as lowered data do: [B, C, S..., T].

        Raises:
            Unfit: it does not.
        """
        placed = self.separate(tensor)
        if not is_canonical(placed.known):
            raise Unfit(f"its input is laid out as {shown(placed.known)}")
        return placed

    def layer(
        self,
        view: View,
        type: str,
        properties: Mapping[str, Any],
        inputs: Sequence[tuple[str, Placed]],
        *,
        learnables: Mapping[str, Constant] | None = None,
    ) -> str:
        """Add a layer; returns its name. Its outputs are still to be placed.

        Raises:
            Unfit: MATLAB's property cannot have such a value.
        """
        given = {key: _value(value) for key, value in properties.items() if value is not None}
        known = TYPES[type]
        for key, value in given.items():
            kind = known.properties[key] if key in known.properties else known.shorthands[key]
            try:
                kind.kind.read(value)
            except UnfitError as error:
                raise Unfit(f"{key} of {type} cannot be {value}: {error}") from error
        name = self.name(view.nodes[-1])
        arrays = {key: found.tensor(f"{name}/{key}") for key, found in (learnables or {}).items()}
        ends = [(port, placed.end) for port, placed in inputs]
        self.layers[name] = RaisedLayer(entry(name, type, given), ends, view.nodes, arrays)
        return name

    def called(self, view: View) -> str:
        """What a layer beside that of a view is named after."""
        node = view.nodes[-1]
        return node.metadata.get(LAYER_KEY, "") or node.name or node.outputs[0]

    def inserted(self, stem: str, type: str, properties: Mapping[str, Any], placed: Placed) -> Placed:
        """A layer of its own in front of another; returns what it puts out, laid out as what it reads."""
        name = self.name(None, stem)
        self.layers[name] = RaisedLayer(entry(name, type, properties), [("in", placed.end)])
        return Placed(End(name, "out"), placed.axes, placed.sizes, placed.by)


def _plain_name(word: str) -> str:
    """A name without slashes, which go before a port."""
    return "".join(letter for letter in word if letter.isprintable()).strip("/ ").replace("/", "_")


def _value(value: Any) -> Any:
    from qlint.tristate import Unknown

    if isinstance(value, Unknown):
        raise Unfit(f"{value.missing} is not known")
    return value


def _plain(value: Any) -> bool:
    return isinstance(value, int | float | str) or (
        isinstance(value, list) and all(isinstance(item, int | float | str) for item in value)
    )


def _captured(view: View) -> list[str]:
    from qlint.files.model import Graph

    found: list[str] = []
    for value in view.node.attributes.values():
        for graph in value if isinstance(value, list) else [value]:
            if isinstance(graph, Graph):
                found += sorted(graph.captured())
    return found
