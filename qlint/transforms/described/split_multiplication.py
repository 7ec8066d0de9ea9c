"""A multiplicationLayer of more than two inputs becomes a cascade of two-input ones, in the order of its inputs.

Source: Considerations for Supported Layers for Quantization (MATLAB and FPGA).
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from qlint.files.description.records import Connection, End, LayerEntry
from qlint.transforms.described.base import Outcome, Rewrite
from qlint.transforms.described.draft import Replacement, with_replaced
from qlint.transforms.described.naming import Names

if TYPE_CHECKING:
    from qlint.files.description.records import Description
    from qlint.network.matlab.typed import TypedLayer

_TYPE = "multiplicationLayer"


class SplitMultiplication:
    """See the module."""

    name = "split-multiplication"

    def run(self, description: Description) -> Outcome:
        """See `DescribedTransform.run`."""
        done: list[Rewrite] = []
        names = Names(description)

        def split(layer: TypedLayer) -> Replacement | None:
            count = len(layer.inputs)
            if layer.type.name != _TYPE or count <= 2:
                return None
            done.append(
                Rewrite(self.name, "exact", layer.name, _TYPE, f"split {count} inputs into {count - 1} layers of two")
            )
            entry = layer.entry
            steps = [names.fresh(layer, f"{entry.name}_{number}") for number in range(1, count - 1)] + [entry.name]
            kept = {key: value for key, value in entry.properties.items() if key not in ("NumInputs", "InputNames")}
            entries = tuple(
                LayerEntry(step, _TYPE, {**kept, "NumInputs": 2}, entry.ignore, entry.path) for step in steps
            )
            return Replacement(
                entries,
                tuple(Connection(End(one), End(next, "in1")) for one, next in pairwise(steps)),
                (End(steps[0], "in1"), *(End(step, "in2") for step in steps)),
                (End(entry.name, "out"),),
            )

        return Outcome(with_replaced(description, split), tuple(done))


TRANSFORM = SplitMultiplication()
