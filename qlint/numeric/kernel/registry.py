"""Which numpy function computes which ONNX operator."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]
Result: TypeAlias = Array | tuple[Array | None, ...]
Function: TypeAlias = "Callable[[Call], Result]"
Pointwise: TypeAlias = Callable[[Array, Array, slice], object]
"""Computes a piece (channels, ...) of an image from another, which may be itself; the slice says which channels."""
Maker: TypeAlias = "Callable[[Call, np.dtype[Any], int], Pointwise]"
"""Makes it from a node whose first input is not known, the type of that, and how many channels it has."""

DEFAULT = ("", "ai.onnx")
"""Names of ONNX's own domain."""

_FUNCTIONS: dict[str, Function] = {}
_LEADERS: set[str] = set()
_POINTWISE: dict[str, Maker] = {}


class Unsupported(Exception):
    """A function declines this call; the executor hands the node to `onnx.reference`.

    Attributes:
        reason: why, in a few words.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def _no_subgraphs(graph: Any, inputs: Sequence[Array]) -> list[Array]:
    raise Unsupported("subgraphs run only inside an executor")


class Call:
    """One node about to be computed.

    Attributes:
        op_type: the operator.
        opset: version of the default domain that the model imports.
        inputs: values; None for an omitted optional input.
        outputs: how many outputs the node names, counting omitted ones in the middle.
        attributes: the node's; tensors as numpy arrays, graphs as `qlint.files.model.Graph`, strings decoded.
        run: `run(graph, inputs) -> outputs` executes a subgraph; outer names are visible to it.
        then: what to apply to the result; empty but for operators that lead.
    """

    __slots__ = ("attributes", "inputs", "op_type", "opset", "outputs", "run", "then")

    def __init__(
        self,
        op_type: str,
        opset: int,
        inputs: Sequence[Array | None],
        outputs: int,
        attributes: Mapping[str, Any],
        run: Callable[[Any, Sequence[Array]], list[Array]] = _no_subgraphs,
        then: Sequence[Pointwise] = (),
    ) -> None:
        self.op_type = op_type
        self.opset = opset
        self.inputs = tuple(inputs)
        self.outputs = outputs
        self.attributes = attributes
        self.run = run
        self.then = tuple(then)

    def attribute(self, name: str, default: Any = None) -> Any:
        """The attribute's value, or `default` where the node does not set it."""
        return self.attributes.get(name, default)

    def input(self, i: int) -> Array | None:
        """The i-th input; None where omitted or beyond the last."""
        return self.inputs[i] if i < len(self.inputs) else None

    def required(self, i: int) -> Array:
        """The i-th input; `Unsupported` where the node omits it."""
        value = self.input(i)
        if value is None:
            raise Unsupported(f"input {i} is missing")
        return value


def operator(*op_types: str, leads: bool = False) -> Callable[[Function], Function]:
    """Register the decorated function for operators of the default domain.

    Args:
        op_types: the operators.
        leads: whether the function applies `Call.then` to its result, which has the type of the first input and as
            many channels as the second is long, or declines.
    """

    def register(function: Function) -> Function:
        if leads:
            _LEADERS.update(op_types)
        for op_type in op_types:
            if op_type in _FUNCTIONS:
                raise ValueError(f"{op_type} is registered twice")
            _FUNCTIONS[op_type] = function
        return function

    return register


def find(op_type: str, domain: str = "") -> Function | None:
    """The function registered for an operator; None where there is none."""
    return _FUNCTIONS.get(op_type) if domain in DEFAULT else None


def pointwise(*op_types: str) -> Callable[[Maker], Maker]:
    """Register what makes of a node a function of pieces of its first input; `Unsupported` where there is none."""

    def register(make: Maker) -> Maker:
        _POINTWISE.update(dict.fromkeys(op_types, make))
        return make

    return register


def leads(op_type: str, domain: str = "") -> bool:
    """Whether an operator can apply those that follow it to its result."""
    return domain in DEFAULT and op_type in _LEADERS


def follower(op_type: str, domain: str = "") -> Maker | None:
    """What `pointwise` registered for an operator; None where nothing."""
    return _POINTWISE.get(op_type) if domain in DEFAULT else None


def claimed() -> list[str]:
    """The registered operators of the default domain, sorted."""
    return sorted(_FUNCTIONS)
