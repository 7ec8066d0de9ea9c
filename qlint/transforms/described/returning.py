"""From prepared nodes back to the description whose layers they were lowered from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from qlint.files.description.records import End, LayerEntry
from qlint.files.tensors import Tensor
from qlint.network.lower.builder import LAYER_KEY
from qlint.network.raising.axes import Unfit, canonical
from qlint.network.raising.inverse import Pattern, in_matlabs_order
from qlint.network.raising.model import HANDLERS
from qlint.network.raising.raising import Raising
from qlint.transforms.described.draft import Replacement, with_replaced
from qlint.transforms.described.merging import merged
from qlint.transforms.described.regrown import regrown
from qlint.tristate import Unknown

if TYPE_CHECKING:
    from qlint.files.description.records import Body, Description
    from qlint.files.model import Graph, Model, Node
    from qlint.network.lower.assemble import Lowered, LoweredLayer
    from qlint.network.matlab.typed import TypedLayer


@dataclass(frozen=True, slots=True)
class Returned:
    """A preparation of nodes as a preparation of layers.

    Attributes:
        description: the very one that was given where nothing changed.
        unfit: layers that cannot say what became of their nodes, and why; the description is not to be used then.
    """

    description: Description
    unfit: Mapping[str, str]


def returned(description: Description, lowered: Lowered, prepared: Model) -> Returned:
    """Bring what became of a description's nodes back to its layers.

    A layer whose nodes are all there, with the constants they had, is untouched. One with other constants gets them as
    its learnables. One whose nodes are gone goes, and its input is its output. Of all others the nodes are raised.

    Args:
        description: as lowered.
        lowered: what was made of it.
        prepared: the lowered model after node-level transforms.
    """
    after = _by_layer(lowered, prepared)
    found: dict[str, Replacement] = {}
    unfit: dict[str, str] = {}
    strangers = [node for node in prepared.graph.nodes if LAYER_KEY not in node.metadata and node.transform]
    for node in strangers:
        unfit[node.outputs[0]] = f"{node.op_type} is a layer of its own, for which the description has no place"
    around = _Around(description, lowered.model, prepared)
    for name, item in lowered.layers.items():
        try:
            replacement = _Layer(around, item, after[name]).replacement()
        except Unfit as reason:
            unfit[name] = str(reason)
        else:
            if replacement is not None:
                found[name] = replacement

    for network, last in _emptied(description.body, found):
        unfit[last] = f"it is all that {network} holds"

    def ask(layer: TypedLayer) -> Replacement | None:
        return found.get(layer.name)

    return Returned(description if unfit else with_replaced(description, ask), unfit)


def _emptied(body: Body, found: Mapping[str, Replacement]) -> Iterator[tuple[str, str]]:
    """Networks that would hold nothing any more, each with its last layer."""
    pending: list[tuple[str, Body]] = [("", body)]
    while pending:
        name, current = pending.pop()
        prefix = f"{name}/" if name else ""
        gone = [prefix + own in found and not found[prefix + own].entries for own in current.layers]
        if all(gone):
            yield (f"networkLayer {name!r}" if name else "the network"), prefix + list(current.layers)[-1]
        pending += [(prefix + own, entry.nested) for own, entry in current.layers.items() if entry.nested is not None]


def owners(lowered: Lowered) -> dict[str, str]:
    """The layer of each word that nodes are marked with: of layers inside a projected one, that one."""
    return {node.metadata[LAYER_KEY]: name for name, item in lowered.layers.items() for node in item.nodes}


def _by_layer(lowered: Lowered, prepared: Model) -> dict[str, list[Node]]:
    owner = owners(lowered)
    found: dict[str, list[Node]] = {name: [] for name in lowered.layers}
    for node in prepared.graph.nodes:
        name = owner.get(node.metadata.get(LAYER_KEY, ""))
        if name is not None:
            found[name].append(node)
    return found


class _Around:
    """What layers are brought back with.

    Attributes:
        description: they stand in.
        before, after: the models.
        arrays: names of the description's arrays, by layer.
    """

    def __init__(self, description: Description, before: Model, after: Model) -> None:
        self.description = description
        self.before = before
        self.after = after
        self.arrays: dict[str, list[str]] = {}
        for name in description.arrays.names():
            self.arrays.setdefault(name.rpartition("/")[0], []).append(name)

    @cached_property
    def raising(self) -> Raising:
        """Makes layers of the prepared model's nodes."""
        return Raising(self.after, HANDLERS)


@dataclass(frozen=True, slots=True)
class _Layer:
    """One layer before and after.

    Attributes:
        around: what is around it.
        item: the layer as lowered.
        nodes: what is left of its nodes, or stands in their place.
    """

    around: _Around
    item: LoweredLayer
    nodes: list[Node]

    def replacement(self) -> Replacement | None:
        """What takes the layer's place; None where it is untouched.

        Raises:
            Unfit: no layer says what became of it.
        """
        item = self.item
        if not item.nodes:
            return None
        kept = {node.index: node for node in self.nodes}
        pairs = [(node, kept.get(node.index)) for node in item.nodes]
        if not self.nodes and item.layer.inputs:
            return self._removed()
        changed: dict[str, str] = {}
        for old, new in pairs:
            if new is None or new.replaced:
                return self._raised()
            changed |= self._changed(old, new)
        if len(self.nodes) > len(pairs):
            return self._raised()
        return self._learned(changed) if changed else None

    def _removed(self) -> Replacement:
        if len(self.item.layer.inputs) > 1 or len(self.item.layer.outputs) > 1:
            raise Unfit("it has several inputs or outputs, so that removing it is no removal of a layer")
        return Replacement(arrays=self._without())

    def _without(self) -> dict[str, Tensor | None]:
        """The layer's arrays, gone."""
        return dict.fromkeys(self.around.arrays.get(self.item.layer.name, ()))

    def _changed(self, old: Node, new: Node) -> dict[str, str]:
        """Constants of a node that are not what they were: the new tensor by the old one.

        Raises:
            Unfit: something else than constants and wires is not what it was.
        """
        found: dict[str, str] = {}
        constants, others = self.around.before.graph.initializers, self.around.after.graph.initializers
        if len(old.inputs) != len(new.inputs):
            raise Unfit(f"its {old.op_type} has other inputs")
        for was, now in zip(old.inputs, new.inputs, strict=True):
            if (was in constants) != (now in others):
                raise Unfit(f"its {old.op_type} has a constant where data were, or data in the place of a constant")
            if was in constants and constants[was] is not others[now]:
                found[was] = now
        return found

    def _learned(self, changed: Mapping[str, str]) -> Replacement:
        """The same entry with other learnables."""
        names = {tensor.name: key for key, tensor in self.item.learnables.items()}
        values: dict[str, Any] = {}
        for was, now in changed.items():
            if was not in names:
                raise Unfit(f"{was!r} is none of its learnables")
            found = self.around.after.graph.initializers[now].values()
            if isinstance(found, Unknown):
                raise Unfit(f"{found.missing} is not known")
            values[names[was]] = found
        name, entry = self.item.layer.name, self.item.layer.typed.entry
        layer, inputs = self.item.layer, [*self.item.inputs.values()]
        if layer.inner is not None:
            raise Unfit("its learnables are those of layers within it")
        known = ((key, layer.learnable(key)) for key in layer.typed.type.learnables)
        shapes = {key: tensor.shape for key, tensor in known if tensor is not None}
        pattern = Pattern(name, layer.type, layer.properties, shapes)
        arrays = {
            f"{name}/{key}": Tensor.from_array(f"{name}/{key}", in_matlabs_order(pattern, inputs, key, array))
            for key, array in values.items()
        }
        return self._in_place(entry, arrays)

    def _in_place(self, entry: LayerEntry, arrays: Mapping[str, Tensor | None]) -> Replacement:
        layer = self.item.layer
        return Replacement(
            (entry,),
            (),
            tuple(End(entry.name, port) for port in layer.inputs),
            tuple(End(entry.name, port) for port in layer.outputs),
            arrays,
        )

    def _raised(self) -> Replacement:
        """Another layer in the place of this one."""
        layer = self.item.layer
        found = regrown(self.around.raising, self.nodes, self._arriving(), self.item)
        entry = merged(layer.typed.entry, found.entry, self.around.description)
        arrays: dict[str, Tensor | None] = self._without()
        arrays |= {f"{layer.name}/{key}": tensor for key, tensor in found.arrays.items()}
        return self._in_place(entry, arrays)

    def _arriving(self) -> dict[str, tuple[str, Any]]:
        """For each tensor that comes in: its port, and what its axes are."""
        item = self.item
        if not item.layer.inputs:
            return {}
        made = {name for node in self.nodes for name in node.outputs}
        data = list(dict.fromkeys(_data(self.around.after.graph, self.nodes, made)))
        if len(data) != len(item.inputs):
            raise Unfit("it reads other data than before")
        signals = [*item.inputs.items()]
        return {
            tensor: (port, canonical(signal.format.count("S"), time=signal.has_time) if signal.known else None)
            for tensor, (port, signal) in zip(data, signals, strict=True)
        }


def _data(graph: Graph, nodes: list[Node], made: set[str]) -> Iterator[str]:
    """Tensors that nodes read from outside, without constants."""
    for node in nodes:
        for name in node.inputs:
            if name and name not in made and name not in graph.initializers:
                yield name
