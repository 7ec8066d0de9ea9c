"""A described network run as if it had the inputs, outputs and layouts of the model that it was raised from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from qlint.errors import ExecutionError
from qlint.network.raising.axes import Axes, ordered

if TYPE_CHECKING:
    from qlint.files.model import Model
    from qlint.numeric.executor import Executor

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class Way:
    """One input or output.

    Attributes:
        tensor: its name in the model that is imitated.
        own: the tensor's name in the network that runs.
        axes: what the axes are in that model; in the network they are [B, C, S..., T].
    """

    tensor: str
    own: str
    axes: Axes | None


class Translated:
    """Runs a network by another one's names and layouts.

    Args:
        executor: runs the network.
        inputs, outputs: ways in and out.
        like: the model that is imitated, for the types of its outputs.
    """

    def __init__(self, executor: Executor, inputs: Sequence[Way], outputs: Sequence[Way], like: Model) -> None:
        self._executor = executor
        self._inputs = inputs
        self._outputs = outputs
        self._like = like

    @property
    def fallbacks(self) -> Counter[str]:
        """See `Executor.fallbacks`."""
        return self._executor.fallbacks

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """The other model's outputs, as this network computes them.

        Raises:
            ExecutionError: the network does not run on them, or gives other sizes.
        """
        given = {way.own: _inwards(inputs[way.tensor], way.axes) for way in self._inputs}
        made = self._executor.run(given, outputs=list(dict.fromkeys(way.own for way in self._outputs)))
        return {way.tensor: self._outwards(made[way.own], way) for way in self._outputs}

    def _outwards(self, value: Array, way: Way) -> Array:
        known = self._like.graph.types.get(way.tensor)
        if known is not None and known.type in ("float16", "double"):
            value = value.astype("float16" if known.type == "float16" else "float64")
        if way.axes is None:
            return value
        labels = [label for axis in way.axes for label in axis]
        order = ordered(labels)
        if value.ndim != len(labels):
            raise ExecutionError(f"{way.own!r} has {value.ndim} axes, not {len(labels)}", "report this")
        sizes = dict(zip(order, value.shape, strict=True))
        shape = [int(np.prod([sizes[label] for label in axis], dtype=np.int64)) for axis in way.axes]
        return value.transpose([order.index(label) for label in labels]).reshape(shape)


def _inwards(value: Array, axes: Axes | None) -> Array:
    if axes is None:
        return value.astype(np.float32)
    labels = [axis[0] for axis in axes]
    moved = value.transpose([labels.index(label) for label in ordered(labels)])
    return np.ascontiguousarray(moved, np.float32)
