"""All layer types, by name."""

from __future__ import annotations

from types import MappingProxyType

from qlint.network.matlab import activations, arranging, inputs, opaque, sequences, sliding
from qlint.network.matlab.opaque import custom
from qlint.network.matlab.table import LayerType

TYPES = MappingProxyType(
    {
        layer.name: layer
        for module in (inputs, sliding, activations, sequences, arranging, opaque)
        for layer in module.TYPES
    }
)
"""By MATLAB's name, in the order of the tables."""


def layer_type(name: str, *, is_custom: bool = False) -> LayerType | None:
    """What is known of a layer type; None for a name that is neither in the tables nor a custom layer's.

    A custom layer's name has a dot (a class in a package, as what importers generate), or its entry says
    `custom: true`.
    """
    found = TYPES.get(name)
    if found is None and (is_custom or "." in name):
        return custom(name)
    return found
