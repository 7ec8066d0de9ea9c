"""The shape of a catalogue entry: a layer type, the operators it stands on, how its properties are read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from qlint.network.network import Value
from qlint.network.view import View


def always(view: View) -> bool:
    """Any node of the operator is this layer."""
    return True


@dataclass(frozen=True, slots=True)
class Entry:
    """One layer type.

    Attributes:
        type: MATLAB's name.
        operators: ONNX operators of the default domain whose node can be its principal node.
        accepts: whether a node of such an operator is this layer; entries are asked in order, the first wins.
        summary: when it is, in words (for the generated layer table).
        properties: MATLAB's property name -> reader; the reader's docstring says what it reads.
        learnables: MATLAB's learnable name -> input position, or a role of the pattern.
    """

    type: str
    operators: tuple[str, ...]
    accepts: Callable[[View], bool] = always
    summary: str = ""
    properties: Mapping[str, Callable[[View], Value]] = field(default_factory=dict)
    learnables: Mapping[str, int | str] = field(default_factory=dict)
