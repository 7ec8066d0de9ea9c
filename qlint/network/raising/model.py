"""A whole model of nodes as a description."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qlint.network.raising import arithmetic, dense, doors, elementwise, moving, padding, windows
from qlint.network.raising.network import Raised, RaisedLayer
from qlint.network.raising.raising import Handler, Raising
from qlint.network.raising.recorded import Recorded

if TYPE_CHECKING:
    from qlint.files.model import Model

HANDLERS: dict[str, Handler] = {
    **windows.HANDLERS,
    **dense.HANDLERS,
    **elementwise.HANDLERS,
    **arithmetic.HANDLERS,
    **moving.HANDLERS,
    **padding.HANDLERS,
}
"""By layer type, or `onnx:<operator>` for what the catalogue has no layer for."""


def raise_model(model: Model) -> Raised:
    """The layers that a model's nodes amount to, as entries of a description, with what it cannot say.

    Learnables are read when they are asked for.
    """
    raising = Raising(model, HANDLERS)
    inputs, swallowed = doors.add_inputs(raising)
    raising.walk(swallowed, Recorded(raising).layer_at)
    outputs = doors.add_outputs(raising, inputs)
    return Raised(
        _alive(raising.layers, {door.end.layer for door in (*inputs, *outputs)}),
        tuple(inputs),
        tuple(outputs),
        tuple(raising.beyond),
    )


def _alive(layers: dict[str, RaisedLayer], wanted: set[str]) -> dict[str, RaisedLayer]:
    """The layers that lead to what is wanted."""
    pending, alive = list(wanted), set(wanted)
    while pending:
        for _, end in layers[pending.pop()].inputs:
            if end.layer not in alive:
                alive.add(end.layer)
                pending.append(end.layer)
    return {name: layer for name, layer in layers.items() if name in alive}
