"""An executor that remembers tensors it comes by, also those inside subgraphs."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from qlint.errors import QlintError
from qlint.files.model import Graph, Model, Node
from qlint.numeric.executor import Executor

_HELD = 1 << 28
"""Bytes of values that are kept; of what is beyond only the shape is."""


class Recorder(Executor):
    """Runs a model and keeps the values of some tensors as they first occur.

    Args:
        model: the model.
        wanted: names of tensors.
        backend: as for `Executor`; onnxruntime shows no tensors on the way, so that none but the inputs are seen.

    Attributes:
        values: what was seen, by path of the graph and name.
        shapes: shapes of the same tensors, also of those that did not fit.
    """

    def __init__(self, model: Model, wanted: Collection[str], *, backend: str = "numpy") -> None:
        super().__init__(model, backend=backend)
        self.values: dict[tuple[str, str], np.ndarray[Any, Any]] = {}
        self.shapes: dict[tuple[str, str], tuple[int, ...]] = {}
        self.recording = True
        self._wanted = frozenset(wanted)
        self._room = _HELD

    def run(
        self,
        inputs: Mapping[str, np.ndarray[Any, Any]],
        *,
        outputs: Sequence[str] | None = None,
        keep: Collection[str] = (),
    ) -> dict[str, np.ndarray[Any, Any]]:
        """As an executor's; what was seen on the way to an error is forgotten, as the network does not take it."""
        values, shapes, room = dict(self.values), dict(self.shapes), self._room
        try:
            return super().run(inputs, outputs=outputs, keep=keep)
        except (QlintError, MemoryError):
            self.values, self.shapes, self._room = values, shapes, room
            raise

    def note_inputs(self, inputs: Mapping[str, np.ndarray[Any, Any]]) -> None:
        """Remember the network's inputs, those it was run on."""
        for name, value in inputs.items():
            self._note("graph", name, value)

    def find(self, graph: Graph, name: str) -> tuple[np.ndarray[Any, Any] | None, tuple[int, ...] | None]:
        """The value and the shape of a tensor as a graph sees it; None where they were not seen."""
        at: Graph | None = graph
        while at is not None:
            key = (at.path, name)
            if key in self.shapes:
                return self.values.get(key), self.shapes[key]
            at = at.parent.graph if at.parent is not None else None
        return None, None

    def _compute(self, node: Node, frame: Any) -> Sequence[Any]:
        results = super()._compute(node, frame)
        if self.recording:
            for name, value in zip(node.outputs, results, strict=False):
                if name in self._wanted:
                    self._note(node.graph.path, name, value)
        return results

    def _note(self, path: str, name: str, value: Any) -> None:
        if (path, name) in self.shapes or not isinstance(value, np.ndarray):
            return
        self.shapes[path, name] = value.shape
        if value.nbytes <= self._room:
            self._room -= value.nbytes
            self.values[path, name] = value
