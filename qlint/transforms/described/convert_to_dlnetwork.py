"""A SeriesNetwork, DAGNetwork or LayerGraph becomes a dlnetwork, which has no output layers.

Source: Considerations for Supported Layers for Quantization (a dlnetwork is required in the MATLAB environment); that
output layers go is recalled. At inference they pass their input on.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from qlint.network.matlab.activations import OUTPUT_LAYERS
from qlint.transforms.described.base import Outcome, Rewrite
from qlint.transforms.described.draft import Replacement, with_replaced
from qlint.transforms.patch import Declined

if TYPE_CHECKING:
    from qlint.files.description.records import Description
    from qlint.network.matlab.typed import TypedLayer

DLNETWORK = "dlnetwork"


class ConvertToDlnetwork:
    """See the module."""

    name = "convert-to-dlnetwork"

    def run(self, description: Description) -> Outcome:
        """See `DescribedTransform.run`."""
        done: list[Rewrite] = []
        declined: list[Declined] = []
        network_class = description.network_class
        if network_class != DLNETWORK:
            done.append(Rewrite(self.name, "exact", "", network_class, f"convert the {network_class} to a dlnetwork"))

        def drop(layer: TypedLayer) -> Replacement | None:
            if layer.type.name not in OUTPUT_LAYERS:
                return None
            if not layer.sources:
                reason = "nothing feeds it, so that there would be no output left; connect it, or remove it"
                declined.append(Declined(self.name, layer.name, layer.type.name, reason))
                return None
            done.append(Rewrite(self.name, "exact", layer.name, layer.type.name, "drop the output layer"))
            return Replacement()

        result = with_replaced(description, drop)
        if network_class != DLNETWORK:
            result = replace(result, network_class=DLNETWORK)
        return Outcome(result, tuple(done), tuple(declined))


TRANSFORM = ConvertToDlnetwork()
