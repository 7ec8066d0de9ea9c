"""The PaddingValue of an average pooling that does not pad becomes 0, the only one that quantizes.

Source: Considerations for Supported Layers for Quantization (PaddingValue must be 0); where nothing is padded, the
value means nothing. Padding that is there is left to `zero-average-padding`, which looks at what windows reach.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from qlint.files.description.records import End
from qlint.network.matlab.windows import pairs
from qlint.transforms.described.base import Outcome, Rewrite
from qlint.transforms.described.draft import Replacement, with_replaced

if TYPE_CHECKING:
    from qlint.files.description.records import Description
    from qlint.network.matlab.typed import TypedLayer

_RANKS = {"averagePooling1dLayer": 1, "averagePooling2dLayer": 2}


class ClearPaddingValue:
    """See the module."""

    name = "clear-padding-value"

    def run(self, description: Description) -> Outcome:
        """See `DescribedTransform.run`."""
        done: list[Rewrite] = []

        def clear(layer: TypedLayer) -> Replacement | None:
            kind, entry = layer.type.name, layer.entry
            if kind not in _RANKS or layer.properties["PaddingValue"] != "mean":
                return None
            sizes = layer.properties["PaddingSize"]
            if layer.properties["PaddingMode"] != "manual" or sizes is None:
                return None
            if any(before or after for before, after in pairs(sizes, _RANKS[kind])):
                return None
            done.append(Rewrite(self.name, "exact", layer.name, kind, "set the PaddingValue to 0: nothing is padded"))
            new = replace(entry, properties={**entry.properties, "PaddingValue": 0})
            return Replacement((new,), (), (End(entry.name),), (End(entry.name),))

        return Outcome(with_replaced(description, clear), tuple(done))


TRANSFORM = ClearPaddingValue()
