"""What a constant is made of: the nodes and the stored tensors behind it, here and in graphs around."""

from __future__ import annotations

import math
from dataclasses import dataclass

from qlint.network.parameter import Parameter
from qlint.network.scope import Scope

_MOVES = {
    "Concat", "Constant", "Expand", "Flatten", "Gather", "Identity", "Reshape", "Slice", "Split", "Squeeze",
    "Transpose", "Unsqueeze",
}  # fmt: skip
"""Operators that move values and compute none."""

_MOST = 1 << 62
"""Where counting stops: a chain of nodes that read one tensor twice doubles the count with each."""


@dataclass(frozen=True, slots=True)
class Origin:
    """What is behind a constant.

    Attributes:
        quantized: a DequantizeLinear is among the nodes, so something of it is stored quantized.
        moved: the nodes, if there are any, only move values.
        elements: how many numbers are stored for it; what is read twice counts twice.
    """

    quantized: bool
    moved: bool
    elements: int


_UNKNOWN = Origin(False, False, 0)


class Origins:
    """Origins of the constants that one scope sees; each node behind them is looked at once."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._known: dict[Parameter, Origin] = {}

    def of(self, name: str) -> Origin:
        """The origin of a constant; nothing is known of what is none."""
        wanted = self._scope.parameter(name)
        if wanted is None:
            return _UNKNOWN
        pending = [wanted]
        while pending:
            parameter = pending[-1]
            behind = [] if parameter in self._known else _behind(parameter)
            waiting = [each for each in behind if each is not None and each not in self._known]
            if waiting:
                pending.extend(waiting)
                continue
            pending.pop()
            if parameter not in self._known:
                self._known[parameter] = _joined(
                    parameter, [_UNKNOWN if each is None else self._known[each] for each in behind]
                )
        return self._known[wanted]


def _behind(parameter: Parameter) -> list[Parameter | None]:
    if parameter.tensor is not None or parameter.node is None:
        return []
    return [parameter.scope.parameter(name) for name in parameter.node.inputs if name]


def _joined(parameter: Parameter, behind: list[Origin]) -> Origin:
    if parameter.tensor is not None or parameter.node is None:
        sizes = parameter.shape or ()
        return Origin(False, True, math.prod(size for size in sizes if isinstance(size, int)))
    op_type = parameter.node.op_type
    if op_type == "Constant":  # of a number or a list of them
        return Origin(False, True, 1)
    return Origin(
        op_type == "DequantizeLinear" or any(each.quantized for each in behind),
        op_type in _MOVES and all(each.moved for each in behind),
        min(sum(each.elements for each in behind), _MOST),
    )
