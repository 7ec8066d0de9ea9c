"""Learnables from MATLAB's order to ONNX's, and what a lowering does where it cannot go on."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING

from qlint.network.lower.base import LayerView, Nodes
from qlint.network.lower.signal import Size

if TYPE_CHECKING:
    import numpy as np


def expect(layer: LayerView, name: str, shape: Sequence[int]) -> None:
    """Refuse a learnable that is not of this shape, in MATLAB's order but for trailing ones, which MATLAB drops.

    Raises:
        DescriptionError: it has another shape.
    """
    found = layer.learnable(name)
    if found is not None and trimmed(found.shape) != trimmed(shape):
        layer.wrong(
            f"{name} is {shown(found.shape)}, but the layer's properties and input ask for {shown(shape)}",
            f"give {name} in MATLAB's order, or mend the properties",
        )


def expect_count(layer: LayerView, name: str, count: int) -> None:
    """Refuse a learnable that has not this many elements.

    Raises:
        DescriptionError: it has more or fewer.
    """
    found = layer.learnable(name)
    if found is not None and prod(found.shape) != count:
        layer.wrong(
            f"{name} is {shown(found.shape)}, but {count} elements are needed",
            f"give {name} so many elements, or mend the properties",
        )


def placed(
    layer: LayerView,
    nodes: Nodes,
    name: str,
    shape: Sequence[int],
    *,
    order: Sequence[int],
    view: Sequence[int] | None = None,
    into: Sequence[int] | None = None,
) -> str:
    """A learnable whose axes ONNX wants in another order; returns its tensor.

    Args:
        layer: it belongs to.
        nodes: of the layer.
        name: MATLAB's.
        shape: in MATLAB's order. An array may lack trailing ones, as MATLAB drops them.
        order: MATLAB's axes in ONNX's order.
        view: the axes that `order` is about, where MATLAB holds some of them as one (the first varies fastest).
        into: the shape in ONNX's order, where it has fewer or more axes than `order` gives.

    Raises:
        DescriptionError: the array has another shape.
    """
    expect(layer, name, shape)
    seen = tuple(view or shape)
    final = tuple(into) if into is not None else tuple(seen[axis] for axis in order)

    def arrange(values: np.ndarray) -> np.ndarray:
        return values.reshape(seen, order="F").transpose(tuple(order)).reshape(final)

    return nodes.learnable(name, final, arrange)


def vector(layer: LayerView, nodes: Nodes, name: str, count: int, *, into: Sequence[int] = ()) -> str:
    """A learnable with one number per channel, in whatever shape; in MATLAB's order of elements, first axis fastest.

    Args:
        layer: it belongs to.
        nodes: of the layer.
        name: MATLAB's.
        count: how many numbers.
        into: the shape in ONNX's order; default: one axis.

    Raises:
        DescriptionError: the array has another number of elements.
    """
    expect_count(layer, name, count)
    shape = tuple(into) or (count,)
    return nodes.learnable(name, shape, lambda values: values.reshape(-1, order="F").reshape(shape))


def trimmed(shape: Sequence[int]) -> tuple[int, ...]:
    """A shape without the trailing ones, which MATLAB does not keep."""
    sizes = list(shape)
    while sizes and sizes[-1] == 1:
        sizes.pop()
    return tuple(sizes)


def shown(shape: Sequence[Size]) -> str:
    """Sizes as MATLAB shows them: `[3 3 1 8]`, with `?` for what is not known."""
    return "[" + " ".join("?" if size is None else str(size) for size in shape) + "]"
