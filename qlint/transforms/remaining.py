"""Layers that preparation is about and that are still there: each has its reason in the report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from qlint.files.model import Graph, Model
from qlint.transforms.base import node_id
from qlint.transforms.patch import Declined

_LAYERS = {"BatchNormalization": "batchNormalizationLayer", "Dropout": "dropoutLayer"}
_HANDLERS = {
    "BatchNormalization": ("fuse-batch-normalization", "replace-batch-normalization"),
    "Dropout": ("remove-dropout",),
}


def layer_type(type: str) -> str:
    """The layer type that reports show for what a transform calls a layer: some name the operator."""
    return _LAYERS.get(type, type)


def unspoken(model: Model, declined: Sequence[Declined], steps: Sequence[str]) -> Iterator[Declined]:
    """An entry for each batch normalization or dropout that no transform spoke of.

    Args:
        model: as prepared.
        declined: what transforms said.
        steps: names of those that ran.
    """
    spoken = {entry.id for entry in declined}
    pending: list[Graph] = [model.graph]
    while pending:
        graph = pending.pop()
        pending.extend(graph.subgraphs())
        for node in graph.nodes:
            type = _LAYERS.get(node.op_type) if not node.domain else None
            if type is None:
                continue
            id = node_id(node)
            if id in spoken:
                continue
            ran = [name for name in _HANDLERS[node.op_type] if name in steps]
            named = ran[0] if ran else _HANDLERS[node.op_type][0]
            yield Declined(named, id, type, "no transform matches it" if ran else "the transform was left out")
