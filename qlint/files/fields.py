"""Fields of protobuf's wire format: read from bytes that may hold anything, and written."""

from __future__ import annotations

from typing import NoReturn

from qlint.errors import ModelError
from qlint.files.messages import ANY_WIRE, BYTES, FIXED32, HIGHEST_NUMBER, VARINT, Kind

REMEDY = "export the model again, or check that the file was copied completely"


class Fields:
    """Reads fields at given places of a message.

    Attributes:
        data: the whole file.
    """

    __slots__ = ("data",)

    def __init__(self, data: memoryview) -> None:
        self.data = data

    def field(self, kind: Kind, pos: int, end: int) -> tuple[int, int, int, int]:
        """Read one field's head; returns its number, its wire type, and where its value begins and ends."""
        begin = pos
        tag = self.data[pos]
        pos += 1
        if tag > 127:
            tag, pos = self.varint(kind, begin, end)
        number, wire = tag >> 3, tag & 7
        if not kind.wires.get(number, ANY_WIRE) >> wire & 1 or not 0 < number <= HIGHEST_NUMBER:
            self.fail(kind, begin, f"field {number} has wire type {wire}, which it cannot have")
        if wire == BYTES:
            length = self.data[pos] if pos < end else 128
            pos += 1
            if length > 127:
                length, pos = self.varint(kind, pos - 1, end)
            stop = pos + length
        elif wire == VARINT:
            _, stop = self.varint(kind, pos, end)
        else:
            stop = pos + (4 if wire == FIXED32 else 8)
        if stop > end:
            self.fail(kind, begin, f"field {number} claims {stop - pos} bytes where {end - pos} are left")
        return number, wire, pos, stop

    def varint(self, kind: Kind, pos: int, end: int) -> tuple[int, int]:
        """Read a varint; returns its value and where it ends."""
        data, value = self.data, 0
        for shift in range(0, 70, 7):
            if pos >= end:
                self.fail(kind, pos, "a number is cut off")
            byte = data[pos]
            pos += 1
            value |= (byte & 127) << shift
            if byte < 128:
                return value, pos
        self.fail(kind, pos, "a number is longer than 10 bytes")

    def fail(self, kind: Kind, pos: int, what: str) -> NoReturn:
        """Say that the bytes are not what they should be."""
        raise ModelError(f"it is not an ONNX model, or it is damaged: at byte {pos}, in a {kind.name}, {what}", REMEDY)


def record(number: int, content: bytes) -> bytes:
    """A length-delimited field."""
    return varint(number << 3 | BYTES) + varint(len(content)) + content


def varint(value: int) -> bytes:
    """A number as protobuf writes it."""
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)
