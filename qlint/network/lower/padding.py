"""Padding of convolutions with something else than zeros.

Source: `PaddingValue` on the reference pages of MATLAB's convolution layers: a number; "symmetric-include-edge", which
mirrors with the edge; "symmetric-exclude-edge", without it; "replicate", which repeats the edge.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from qlint.network.lower.base import Nodes
from qlint.network.lower.operands import ints, number
from qlint.network.lower.signal import Size
from qlint.network.lower.sliding import flat

_MODES = {"symmetric-exclude-edge": "reflect", "replicate": "edge"}
_FIRST = np.iinfo(np.int64).min
"""The end of a slice that runs backwards through the first element."""


def fits(lengths: Sequence[Size], pads: Sequence[tuple[int, int]], value: float | str) -> bool:
    """Whether every axis has as many elements as are to be mirrored; MATLAB's pages do not say what else happens."""
    if value not in ("symmetric-include-edge", "symmetric-exclude-edge"):
        return True
    edge = int(value == "symmetric-exclude-edge")
    return all(
        not isinstance(length, int) or max(pad) + edge <= length or pad == (0, 0)
        for length, pad in zip(lengths, pads, strict=True)
    )


def padded(nodes: Nodes, tensor: str, pads: Sequence[tuple[int, int]], value: float | str) -> str:
    """A tensor with its axes after batch and channels padded; returns the padded tensor.

    Args:
        nodes: of the layer.
        tensor: to pad.
        pads: (before, after) of each of these axes.
        value: MATLAB's `PaddingValue`.
    """
    if value == "symmetric-include-edge":
        for axis, pad in enumerate(pads):
            tensor = _mirrored(nodes, tensor, axis + 2, pad)
        return tensor
    amounts = ints(nodes, "pads", flat([(0, 0), (0, 0), *pads]))
    inputs = [tensor, amounts]
    if isinstance(value, str):
        return nodes.node("Pad", inputs, attributes={"mode": _MODES[value]})[0]
    return nodes.node("Pad", [*inputs, number(nodes, "PaddingValue", value)])[0]


def _mirrored(nodes: Nodes, tensor: str, axis: int, pad: tuple[int, int]) -> str:
    """One axis mirrored at its ends, with the elements at the edge."""
    before, after = pad
    parts = [tensor]
    if before:
        parts.insert(0, _backwards(nodes, tensor, axis, before - 1, int(_FIRST)))
    if after:
        parts.append(_backwards(nodes, tensor, axis, -1, -after - 1))
    return nodes.node("Concat", parts, attributes={"axis": axis})[0] if len(parts) > 1 else tensor


def _backwards(nodes: Nodes, tensor: str, axis: int, start: int, end: int) -> str:
    bounds = [
        ints(nodes, stem, [value]) for stem, value in (("starts", start), ("ends", end), ("axes", axis), ("steps", -1))
    ]
    return nodes.node("Slice", [tensor, *bounds])[0]
