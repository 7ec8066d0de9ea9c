"""Putting the data of tensors back into a serialized model that was written without it."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from qlint.files.atomic import Piece
from qlint.files.messages import (
    BYTES,
    DATA,
    DATA_LOCATION,
    EXTERNAL_DATA,
    FIXED32,
    MODEL,
    RAW_DATA,
    TENSOR,
    VARINT,
    Kind,
)
from qlint.files.protos import raw_data
from qlint.files.tensors import Tensor
from qlint.files.wire import Payload

_NUMBERS = {name: number for number, name in DATA.items()}


def splice(content: bytes, mark: str, payloads: Sequence[Payload], new: Sequence[Tensor]) -> list[Piece]:
    """The pieces of a model: bytes, and ranges of the file that the payloads lie in.

    Args:
        content: a ModelProto as protobuf wrote it, with marks where data belongs.
        mark: see `wire.Stripped`.
        payloads: data of the original file, by index.
        new: tensors made in memory, with the indices that follow.
    """
    return _Splice(content, mark.encode(), payloads, new).run()


class _Splice:
    def __init__(self, content: bytes, mark: bytes, payloads: Sequence[Payload], new: Sequence[Tensor]) -> None:
        self.content = content
        self.mark = mark
        self.payloads = payloads
        self.new = new
        self.pieces: list[Piece] = []
        self.marks: list[int] = []
        place = content.find(mark)
        while place >= 0:
            self.marks.append(place)
            place = content.find(mark, place + 1)

    def run(self) -> list[Piece]:
        self.message(MODEL, 0, len(self.content))
        return self.pieces

    def marked(self, pos: int, end: int) -> bool:
        """Whether data belongs between two places."""
        index = bisect_left(self.marks, pos)
        return index < len(self.marks) and self.marks[index] < end

    def put(self, piece: Piece) -> int:
        length = piece[1] if isinstance(piece, tuple) else len(piece)
        if length:
            self.pieces.append(piece)
        return length

    def message(self, kind: Kind, pos: int, end: int) -> int:
        """Write a message that data belongs into; returns its length."""
        if kind is TENSOR:
            return self.tensor(pos, end)
        size, kept = 0, pos
        while pos < end:
            begin = pos
            number, wire, pos, stop = self.field(pos)
            if wire == BYTES and number in kind.children and self.marked(pos, stop):
                size += self.put(self.content[kept:begin])
                place = len(self.pieces)
                self.pieces.append(b"")
                inner = self.message(kind.children[number], pos, stop)
                prefix = _head(number, inner)
                self.pieces[place] = prefix
                size += len(prefix) + inner
                kept = stop
            pos = stop
        return size + self.put(self.content[kept:end])

    def tensor(self, pos: int, end: int) -> int:
        """Write a tensor with its data in place of the fields that lead to it."""
        size = 0
        index = 0
        while pos < end:
            begin = pos
            number, _, pos, stop = self.field(pos)
            if number == EXTERNAL_DATA:
                # An entry holds the mark as its key (field 1) and the index as its value (field 2).
                _, _, _, after_key = self.field(pos)
                _, _, value, after_value = self.field(after_key)
                index = int(self.content[value:after_value])
            elif number != DATA_LOCATION:
                size += self.put(self.content[begin:stop])
            pos = stop
        if index >= len(self.payloads):
            content = raw_data(self.new[index - len(self.payloads)])
            return size + self.put(_head(RAW_DATA, len(content))) + self.put(content)
        payload = self.payloads[index]
        for chunk in payload.chunks:
            if not payload.records:
                size += self.put(_head(_NUMBERS[payload.field], chunk[1]))
            size += self.put(chunk)
        return size

    def field(self, pos: int) -> tuple[int, int, int, int]:
        """Number, wire type and the value's first and past-last place of the field at `pos`."""
        tag, pos = self.varint(pos)
        wire = tag & 7
        if wire == BYTES:
            length, pos = self.varint(pos)
            return tag >> 3, wire, pos, pos + length
        if wire == VARINT:
            return tag >> 3, wire, pos, self.varint(pos)[1]
        return tag >> 3, wire, pos, pos + (4 if wire == FIXED32 else 8)

    def varint(self, pos: int) -> tuple[int, int]:
        value = shift = 0
        while True:
            byte = self.content[pos]
            pos += 1
            value |= (byte & 127) << shift
            if byte < 128:
                return value, pos
            shift += 7


def _head(number: int, length: int) -> bytes:
    out = bytearray()
    for value in (number << 3 | BYTES, length):
        while value > 127:
            out.append(value & 127 | 128)
            value >>= 7
        out.append(value)
    return bytes(out)
