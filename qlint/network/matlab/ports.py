"""The ports of a layer, by its type and properties alone."""

from __future__ import annotations

from qlint.network.matlab.registry import TYPES
from qlint.network.matlab.table import Values


def ports(type: str, properties: Values) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names of a layer's input and output ports, in MATLAB's order.

    A layer of several inputs that does not say how many has two; a custom layer that does not say has one.

    Args:
        type: the layer type's name.
        properties: in normal form.
    """
    layer = TYPES.get(type)
    if layer is None or (layer.open and layer.opaque):
        return _custom(properties, "in", "Input"), _custom(properties, "out", "Output")
    if "NumInputs" in layer.properties and properties.get("NumInputs") is None:
        properties = {**properties, "NumInputs": 2}
    return layer.inputs(properties), layer.outputs(properties)


def _custom(properties: Values, stem: str, noun: str) -> tuple[str, ...]:
    named, count = properties.get(f"{noun}Names"), properties.get(f"Num{noun}s")
    if isinstance(named, list) and all(isinstance(name, str) for name in named):
        return tuple(named)
    return numbered_ports(stem, count if isinstance(count, int) else 1)


def numbered_ports(stem: str, count: int) -> tuple[str, ...]:
    """Ports of a layer that says how many it has: one alone has no number."""
    return (stem,) if count == 1 else tuple(f"{stem}{number + 1}" for number in range(count))
