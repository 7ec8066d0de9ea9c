"""Running transforms over a model until there is nothing left to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from qlint.files.model import Model, Node
from qlint.transforms import editing
from qlint.transforms.apply import AppliedPatch, apply, editable, find
from qlint.transforms.base import Transform, contexts
from qlint.transforms.patch import AddNode, AddTensor, Declined, Patch, ReplaceNode, SetInputs, SetMetadata, SetOutputs

ROUND_LIMIT = 200
"""Most rounds of one transform in a row; a round does all that is independent, so only chains need many."""

RETURN_LIMIT = 50
"""How often it is begun again with the first transform."""


@dataclass(slots=True)
class Prepared:
    """What came of it.

    Attributes:
        model: the model after all patches; equal to the one given if there are none.
        applied: patches in the order in which they were applied.
        declined: layers left alone in the end, and why.
    """

    model: Model
    applied: list[AppliedPatch] = field(default_factory=list)
    declined: list[Declined] = field(default_factory=list)


def prepare(model: Model, transforms: Sequence[Transform]) -> Prepared:
    """Run transforms in order, each until it finds nothing, until none does.

    A transform runs where those before it find nothing more: what one of them makes another may still be able to
    fold, before a later one puts a layer in the place of what was left.

    Args:
        model: is not changed.
        transforms: in the order in which they are to run.
    """
    prepared = Prepared(editable(model))
    declined: dict[str, list[Declined]] = {}
    done: dict[str, int] = {}  # what had been applied in all when a transform last found nothing
    place = returns = 0
    while place < len(transforms):
        transform, before = transforms[place], len(prepared.applied)
        if done.get(transform.name) != before:
            declined[transform.name], exhausted = _exhaust(prepared, transform)
            if exhausted:
                done[transform.name] = len(prepared.applied)
        if len(prepared.applied) > before and returns < RETURN_LIMIT:
            place, returns = 0, returns + 1
        else:
            place += 1
    prepared.declined = list(dict.fromkeys(entry for entries in declined.values() for entry in entries))
    return prepared


def _exhaust(prepared: Prepared, transform: Transform) -> tuple[list[Declined], bool]:
    """Rounds of one transform; returns what the last one declined, and whether it found nothing else."""
    declined: list[Declined] = []
    for _ in range(ROUND_LIMIT):
        round_ = _Round(prepared.model)
        # All are found before the first is applied: each was found in the graph as it was.
        found = [entry for context in contexts(prepared.model) for entry in transform.find(context)]
        declined = [entry for entry in found if isinstance(entry, Declined)]
        count = len(prepared.applied)
        for entry in found:
            if isinstance(entry, Declined):
                continue
            reason = _locked(prepared.model, entry)
            if reason:
                declined.append(Declined(entry.transform, entry.id, entry.type, reason))
            elif round_.admits(entry):
                prepared.applied.append(apply(prepared.model, entry))
                round_.note_new(entry)
        if len(prepared.applied) == count:
            return declined, True
    return declined, False


class _Round:
    """What the patches of one round have touched: a later one may only touch what is as it was when it was found."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.changed: set[Node] = set()
        self.read: set[Node] = set()

    def admits(self, patch: Patch) -> bool:
        """Whether a patch may be applied; if so, what it touches is noted."""
        changed: set[Node] = set()
        read: set[Node] = set()
        made = _made(patch)
        for operation in patch.operations:
            if isinstance(operation, AddTensor | SetMetadata):
                continue
            inputs: tuple[str, ...] = ()
            if isinstance(operation, AddNode):
                path, inputs = operation.graph, operation.node.inputs
            else:
                node = find(self.model, operation.id)
                if node is None:
                    # Either another patch took it away, or an operation before this one made or renamed it.
                    if operation.id.removeprefix(f"{patch.graph}/") in made:
                        continue
                    return False
                changed.add(node)
                path = node.graph.path
                if isinstance(operation, SetInputs):
                    inputs = operation.inputs
                elif isinstance(operation, ReplaceNode):
                    inputs = operation.node.inputs
            graph = self.model.graphs.get(path)
            if graph is None:
                return False
            for name in inputs:
                if not name or name in made:
                    continue
                place = editing.owner(graph, name)
                if place is None:
                    return False
                maker = place[0].producer.get(name)
                if maker is not None:
                    read.add(maker)
        read -= changed
        if not (changed.isdisjoint(self.changed) and changed.isdisjoint(self.read) and read.isdisjoint(self.changed)):
            return False
        self.changed |= changed
        self.read |= read
        return True

    def note_new(self, patch: Patch) -> None:
        """Nodes that an applied patch added are not as they were either: one may have the id of another before it."""
        for operation in patch.operations:
            if isinstance(operation, AddNode):
                producer = self.model.graphs[operation.graph].producer
                self.changed.update(producer[name] for name in operation.node.outputs if name in producer)


def _made(patch: Patch) -> set[str]:
    """Names that the patch gives to tensors."""
    names: set[str] = set()
    for operation in patch.operations:
        if isinstance(operation, AddTensor):
            names.add(operation.name)
        elif isinstance(operation, AddNode | ReplaceNode):
            names.update(operation.node.outputs)
        elif isinstance(operation, SetOutputs):
            names.update(operation.outputs)
    return names


def _locked(model: Model, patch: Patch) -> str:
    """Why a patch cannot be written back; "" if it can."""
    if find(model, patch.id) is None:
        return "another node has the same id; rename the first output of one of them"
    for operation in patch.operations:
        if isinstance(operation, AddTensor | AddNode | SetMetadata):
            continue
        node = find(model, operation.id)
        handed = node is not None and bool(node.pointer) and not node.call
        while node is not None:
            if handed and node.call:
                return (
                    "it stands in a graph that is handed to a model-local function, which may use it more than once; "
                    "inline the functions first (onnx.inliner.inline_local_functions)"
                )
            node = node.graph.parent
    return ""
