"""The catalogue: the one table that says which layer type stands on which ONNX operators.

Adding a layer type is one `Entry` in one of the modules below.
"""

from __future__ import annotations

from qlint.network.catalogue import activation, convolution, elementwise, normalization, pooling, recurrent, shaping
from qlint.network.catalogue.entry import Entry
from qlint.network.view import View

ENTRIES: tuple[Entry, ...] = (
    *convolution.ENTRIES,
    *normalization.ENTRIES,
    *activation.ENTRIES,
    *pooling.ENTRIES,
    *elementwise.ENTRIES,
    *shaping.ENTRIES,
    *recurrent.ENTRIES,
)

_BY_OPERATOR: dict[str, tuple[Entry, ...]] = {
    operator: tuple(entry for entry in ENTRIES if operator in entry.operators)
    for operator in {operator for entry in ENTRIES for operator in entry.operators}
}


def entry_for(view: View) -> Entry | None:
    """The layer type a view is, or None where the operator has no MATLAB counterpart."""
    if view.node.domain:
        return None
    for entry in _BY_OPERATOR.get(view.node.op_type, ()):
        if entry.accepts(view):
            return entry
    return None
