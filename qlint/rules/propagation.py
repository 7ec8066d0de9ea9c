"""Where a network computes with fixed-point data: one walk in topological order by an environment's table.

Layers that are always quantized make fixed-point data; conditionally quantized ones do if every data input is
fixed-point; transparent ones disappear in preparation and hand on what they get; all others, and whatever comes
from outside the network, make single-precision data.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from qlint.rules.model import Quantization, Role

if TYPE_CHECKING:
    from qlint.network.network import Layer, Network


class Propagation:
    """Which layers make fixed-point data, and what keeps the others from it."""

    __slots__ = ("_causes", "_fixed", "_fixed_inputs")

    def __init__(self, network: Network, quantization: Quantization) -> None:
        roles: dict[str, Role] = {}
        self._fixed: set[Layer] = set()
        self._fixed_inputs: set[Layer] = set()
        self._causes: dict[Layer, tuple[int, Layer | None]] = {}
        for layer in network:
            role = roles.get(layer.type)
            if role is None:
                role = roles[layer.type] = quantization.role(layer.type)
            handed_on = role in (Role.CONDITIONALLY, Role.TRANSPARENT)
            cause = self._nearest_float(layer)
            if cause is None:
                self._fixed_inputs.add(layer)
            elif handed_on:
                self._causes[layer] = cause
            if role is Role.ALWAYS or (handed_on and cause is None):
                self._fixed.add(layer)

    def _nearest_float(self, layer: Layer) -> tuple[int, Layer | None] | None:
        """Distance to and layer of the nearest ancestor that makes an input float; None if all are fixed-point.

        Of several at one distance it is that of the first input. The layer is None for data from outside.
        """
        if not layer.sources:
            return (1, None)
        nearest: tuple[int, Layer | None] | None = None
        for source in layer.sources:
            if source is None:
                found: tuple[int, Layer | None] = (1, None)
            elif source in self._fixed:
                continue
            else:
                passed = self._causes.get(source)
                found = (1, source) if passed is None else (passed[0] + 1, passed[1])
            if nearest is None or found[0] < nearest[0]:
                nearest = found
        return nearest

    def is_fixed(self, layer: Layer) -> bool:
        """Whether the layer makes fixed-point data."""
        return layer in self._fixed

    def has_fixed_inputs(self, layer: Layer) -> bool:
        """Whether every data input of the layer is fixed-point."""
        return layer in self._fixed_inputs

    def cause(self, layer: Layer) -> Layer | None:
        """The nearest ancestor that makes an input of the layer float; None if none does or it is outside."""
        if layer in self._fixed_inputs:
            return None
        nearest = self._nearest_float(layer)
        return nearest[1] if nearest is not None else None


def propagate(network: Network, quantization: Quantization) -> Propagation:
    """Walk the network once; linear in its layers and edges."""
    return Propagation(network, quantization)
