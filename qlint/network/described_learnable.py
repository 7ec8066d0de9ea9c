"""Learnables of a described network: nested lists, one value for all elements, or just a shape."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any

from qlint.errors import ModelError
from qlint.network.network import Shape
from qlint.tristate import Unknown

ELEMENT_LIMIT = 1 << 22
"""Most elements a described learnable may have: one value can stand for all, so that a line could claim any number."""

_NUMPY = {"float": "float32", "double": "float64"}
_NUMPY.update(
    {name: name for name in ("float16", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")}
)
_NUMPY.update(dict.fromkeys(("bfloat16", "float8e4m3fn", "float8e5m2", "int4", "uint4"), "float32"))
_INTEGER = re.compile(r"(u?)int([0-9]+)")
_LARGEST = 10**300  # numpy cannot make a float of more
_KEYS = ("shape", "value", "type", "name", "constant")


class DescribedLearnable:
    """A `Learnable` of a network without a file.

    Attributes:
        name: the tensor's name; learnables with one name share it.
        type: ONNX's name of the element type.
        shape: axis sizes, or None where the description gives none.
        constant: False where it is computed at run time.
    """

    __slots__ = ("_values", "constant", "name", "shape", "type")

    def __init__(self, name: str, shape: Shape, values: Any, *, type: str = "float", constant: bool = True) -> None:
        """`values` are nested lists, one number for all elements, or None where unknown."""
        self.name = name
        self.type = type
        self.shape = shape
        self.constant = constant
        self._values = values

    @classmethod
    def read(cls, data: Any, name: str) -> DescribedLearnable:
        """A learnable as written; `name` is its tensor's unless it gives another.

        Raises:
            ModelError: the lists are ragged or hold no numbers, or a key or value is not known.
        """
        if not isinstance(data, dict):
            return cls(name, tuple(_sizes(data, name)), data)
        for key in data:
            if key not in _KEYS:
                raise ModelError(f"learnable {name!r} has no key {key!r}", "it may have " + ", ".join(_KEYS))
        value, shape = data.get("value"), data.get("shape")
        if value is not None and not _is_number(value):
            raise ModelError(f"the value of learnable {name!r} is no number", "write one number for all elements")
        if shape is not None:
            if not isinstance(shape, list) or not all(_is_size(size) for size in shape):
                raise ModelError(
                    f"the shape of learnable {name!r} is no list of sizes", "write one number for each axis"
                )
            if math.prod(shape) > ELEMENT_LIMIT:
                raise ModelError(
                    f"learnable {name!r} has more than {ELEMENT_LIMIT} elements", "write a smaller example"
                )
        type, own, constant = data.get("type", "float"), data.get("name", name), data.get("constant", True)
        if not isinstance(type, str) or type not in _NUMPY:
            raise ModelError(f"learnable {name!r} has no known element type", "it may be " + ", ".join(_NUMPY))
        if not isinstance(own, str) or not own or not isinstance(constant, bool):
            raise ModelError(
                f"name or constant of learnable {name!r} is wrong", "a name is a text, constant true or false"
            )
        if value is not None and not _fits(value, type):
            raise ModelError(f"the value of learnable {name!r} is no {type}", "write one that the type can hold")
        return cls(own, None if shape is None else tuple(shape), value, type=type, constant=constant)

    def values(self) -> Any:
        """The values as a numpy array of `shape`, or an `Unknown`."""
        if not self.constant:
            return Unknown(f"value of {self.name!r}, which a caller may override")
        if self._values is None or self.shape is None:
            return Unknown(f"value of {self.name!r}")
        import numpy as np

        return np.broadcast_to(np.array(self._values, dtype=_NUMPY[self.type]), self.shape)  # type: ignore[arg-type]


def _is_number(value: Any) -> bool:
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and (isinstance(value, float) or abs(value) < _LARGEST)
    )


def _fits(value: float, type: str) -> bool:
    """Whether an element type can hold a number; all floating-point types can, if need be as infinity."""
    match = _INTEGER.fullmatch(type)
    if match is None:
        return True
    bits = int(match[2])
    low, high = (0, 1 << bits) if match[1] else (-(1 << bits - 1), 1 << bits - 1)
    return isinstance(value, int) and low <= value < high


def _is_size(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _sizes(data: Any, name: str) -> Iterator[int]:
    """Axis sizes of nested lists, one level after the other."""
    level = [data]
    while any(isinstance(item, list) for item in level):
        size = len(level[0]) if isinstance(level[0], list) else -1
        if not all(isinstance(item, list) and len(item) == size for item in level):
            raise ModelError(f"the lists of learnable {name!r} are ragged", "give every row the same length")
        yield size
        level = [element for item in level for element in item]
    if not all(_is_number(item) for item in level):
        raise ModelError(f"learnable {name!r} holds something that is no number", "write numbers")
