"""What stands for a layer that cannot be computed."""

from __future__ import annotations

from qlint.files.model import OPAQUE_DOMAIN
from qlint.network.lower.base import LayerView, Nodes
from qlint.network.lower.signal import Signal, Size
from qlint.network.matlab.registry import TYPES


def opaque(
    layer: LayerView,
    inputs: list[Signal],
    nodes: Nodes,
    *outputs: tuple[str, tuple[Size, ...] | None],
    output: str | None = None,
) -> list[Signal]:
    """A layer whose outputs' formats and sizes may be known, but not their values.

    Args:
        layer: the layer.
        inputs: its inputs.
        nodes: of the layer.
        outputs: format and shape of each output; "" and None where they are not known.
        output: name of its first output's tensor; default: the layer's.
    """
    made = nodes.node(
        layer.type,
        [signal.tensor for signal in inputs],
        output=output or layer.name,
        outputs=len(outputs),
        attributes={"reason": f"layer {layer.name!r} ({layer.type}): {why_opaque(layer.type)}"},
        domain=OPAQUE_DOMAIN,
    )
    return [Signal(name, format, shape) for name, (format, shape) in zip(made, outputs, strict=True)]


def opaque_alike(layer: LayerView, inputs: list[Signal], nodes: Nodes) -> list[Signal]:
    """A layer whose one output has the format and sizes of its first input."""
    return opaque(layer, inputs, nodes, (inputs[0].format, inputs[0].shape))


def why_opaque(type: str) -> str:
    """Why what a layer of this type computes is not known."""
    known = TYPES.get(type)
    if known is None:
        return "it is a custom layer, and what it computes is not in the description"
    return known.opaque or "its properties or its input leave open what it computes"
