"""What is known of a MATLAB layer type: its properties, learnables and ports."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from qlint.network.matlab.kinds import LOGICAL, Kind

MOST_PORTS = 4096
"""Most inputs or outputs that a layer may say it has."""

Values: TypeAlias = Mapping[str, Any]
"""Properties in their normal form."""

WITHOUT_MEANING = re.compile(
    r"(?:Name|Description|Type|Tags|InputNames|OutputNames|NumInputs|NumOutputs"
    r"|[A-Z][A-Za-z]*(?:LearnRateFactor|L2Factor|Initializer|DecayFactor))"
)
"""Properties that every layer may have and that mean nothing at inference, or nothing beyond what is known."""


@dataclass(frozen=True, slots=True)
class Property:
    """A property: the kind of its values, and the default that MATLAB documents, in normal form (None: none)."""

    kind: Kind
    default: Any = None


@dataclass(frozen=True, slots=True)
class Shorthand:
    """A constructor argument that sets other properties (`Padding` sets PaddingMode and PaddingSize).

    Attributes:
        kind: its `read` gives one value for each target.
        targets: the properties it sets.
    """

    kind: Kind
    targets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LayerType:
    """A layer type.

    Attributes:
        name: MATLAB's.
        properties: by name.
        shorthands: constructor arguments that are no properties.
        learnables: names of its learnables, state and statistics, which may be arrays.
        inputs: names of its input ports, of its properties in normal form; of a layer with `NumInputs` as many as that.
        outputs: names of its output ports.
        optional: inputs that may be left unconnected even where other inputs are not.
        own: properties of qlint's own that rules know from ONNX files, with what they are in a description.
        open: whether it may have any other property too: what the documents do not tell, and custom layers.
        opaque: why it cannot be computed; "" where it can (or where only lowering can tell).
        finish: last touches to the properties in their normal form.
    """

    name: str
    properties: Mapping[str, Property] = field(default_factory=dict)
    shorthands: Mapping[str, Shorthand] = field(default_factory=dict)
    learnables: tuple[str, ...] = ()
    inputs: Callable[[Values], tuple[str, ...]] = lambda _: ("in",)
    outputs: Callable[[Values], tuple[str, ...]] = lambda _: ("out",)
    optional: tuple[str, ...] = ()
    own: Mapping[str, Any] = field(default_factory=dict)
    open: bool = False
    opaque: str = ""
    finish: Callable[[dict[str, Any]], None] | None = None

    def knows(self, name: str) -> bool:
        """Whether a layer of this type may have a property or constructor argument of that name."""
        return (
            name in self.properties
            or name in self.shorthands
            or (name not in self.learnables and WITHOUT_MEANING.fullmatch(name) is not None)
            or self.open
        )


def numbered(stem: str) -> Callable[[Values], tuple[str, ...]]:
    """Ports `in1`, `in2`, ... of a layer with `NumInputs` (`NumOutputs` for "out")."""
    count = "NumInputs" if stem == "in" else "NumOutputs"

    def ports(values: Values) -> tuple[str, ...]:
        return tuple(f"{stem}{number + 1}" for number in range(values.get(count) or 0))

    return ports


def none(_: Values) -> tuple[str, ...]:
    """No ports."""
    return ()


def switched(first: str, **further: tuple[str, ...]) -> Callable[[Values], tuple[str, ...]]:
    """One port, and further ones where a logical property is true: `switched("in", HasStateInputs=("hidden",))`."""

    def ports(values: Values) -> tuple[str, ...]:
        return (first, *(port for name, more in further.items() if values.get(name) for port in more))

    return ports


FALSE = Property(LOGICAL, False)
