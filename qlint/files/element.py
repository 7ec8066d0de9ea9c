"""ONNX's element types as onnx and numpy know them."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

_NARROW = {"uint4": 4, "int4": 4, "float4e2m1": 4, "uint2": 2, "int2": 2, "float6e2m3": 6, "float6e3m2": 6}
"""Types of less than a byte, which ONNX packs."""


@dataclass(frozen=True, slots=True)
class Element:
    """An element type.

    Attributes:
        number: in TensorProto.DataType.
        name: in lower case ("float", "int4").
        bits: of one element as packed in raw data; 0 for strings.
        dtype: numpy's type.
        field: the field of TensorProto its values stand in, if not in raw_data.
    """

    number: int
    name: str
    bits: int
    dtype: np.dtype
    field: str

    def raw_length(self, count: int) -> int:
        """Bytes of raw data that `count` elements need."""
        return -(-count * self.bits // 8)

    def field_length(self, count: int) -> int:
        """Values in the typed field that `count` elements need."""
        if self.name.startswith("complex"):
            return 2 * count
        # Only 6-bit types are not packed there.
        return -(-count * self.bits // 8) if self.bits in (2, 4) else count


@functools.cache
def elements() -> dict[int, Element]:
    """Every element type this onnx knows, by number; "undefined" is none."""
    from onnx import TensorProto, helper

    known = {}
    for name, number in TensorProto.DataType.items():
        if number != TensorProto.UNDEFINED:
            name = name.lower()
            dtype = helper.tensor_dtype_to_np_dtype(number)
            bits = 0 if name == "string" else _NARROW.get(name, 8 * dtype.itemsize)
            known[number] = Element(number, name, bits, dtype, helper.tensor_dtype_to_field(number))
    return known


@functools.cache
def by_name() -> dict[str, Element]:
    """The same by name."""
    return {element.name: element for element in elements().values()}
