"""The weight-free copy of an ONNX model: a walk over protobuf's wire format that leaves large tensors out.

A tensor whose data was left out says that its data is external, and its `external_data` carries a mark that no file can
know beforehand, with an index into `Stripped.payloads`. onnx's shape inference leaves such a tensor alone, as it
does any external one. The bytes that are left out are never touched, so their pages are never read.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, NoReturn

from qlint.errors import ModelError

if TYPE_CHECKING:
    import onnx

SMALL = 1024
"""Most bytes of data a tensor keeps. Shape inference needs the values of small ones (targets of Reshape, axes)."""

DEEPEST = 100
"""protobuf's own limit of nested messages."""

REMEDY = "export the model again, or check that the file was copied completely"

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_ANY_WIRE = 1 << _VARINT | 1 << _FIXED64 | 1 << _BYTES | 1 << _FIXED32  # groups are none: ONNX has never had any
_HIGHEST_NUMBER = (1 << 29) - 1


@dataclass(frozen=True, slots=True)
class Payload:
    """Data of a tensor that was left out.

    Attributes:
        field: the field of TensorProto it stood in (`raw_data`, `float_data`).
        chunks: its places in the model file as (offset, length), in order.
        records: whether the chunks are whole wire records, tags included, instead of the field's packed content.
    """

    field: str
    chunks: tuple[tuple[int, int], ...]
    records: bool = False

    @property
    def length(self) -> int:
        """Bytes in all chunks."""
        return sum(length for _, length in self.chunks)


@dataclass(frozen=True, slots=True)
class Stripped:
    """A model without its large tensors.

    Attributes:
        content: a ModelProto's bytes.
        payloads: what was left out, by the index in the mark.
        mark: key of the `external_data` entry that leads to a payload.
        node_spans: first byte and the byte past the last of each node of the main graph, in file order.
        digest: "sha256:..." over the content (its mark neutral) and each payload's field and length.
    """

    content: bytes
    payloads: tuple[Payload, ...]
    mark: str
    node_spans: tuple[tuple[int, int], ...]
    digest: str


def strip(data: bytes | bytearray | memoryview | mmap.mmap) -> Stripped:
    """Copy a serialized ModelProto without the data of large tensors, wherever they stand.

    Raises:
        ModelError: if the bytes are not a ModelProto, or damaged.
    """
    with memoryview(data) as whole, whole.cast("B") as view:
        if not len(view):
            raise ModelError("the file is empty", REMEDY)
        walk = _Walk(view)
        walk.message(_MODEL, 0, len(view), 0)
    if not walk.has_graph:
        raise ModelError("it is not an ONNX model: it holds no graph", "give a file that an ONNX exporter wrote")
    content = b"".join(walk.pieces)
    neutral = content.replace(walk.mark, b"0" * len(walk.mark)) if walk.payloads else content
    digest = hashlib.sha256(neutral)
    for payload in walk.payloads:
        digest.update(f"{payload.field} {payload.length}\n".encode())
    return Stripped(
        content, tuple(walk.payloads), walk.mark.decode(), tuple(walk.spans), f"sha256:{digest.hexdigest()}"
    )


def payload_of(tensor: onnx.TensorProto, stripped: Stripped) -> Payload | None:
    """Where the data of a tensor of the stripped model lies in the file; None if it was not left out.

    Raises:
        ModelError: if the file gives the tensor twice, as only a damaged one does.
    """
    if tensor.data_location != _EXTERNAL:
        return None
    indices = [entry.value for entry in tensor.external_data if entry.key == stripped.mark]
    if len(indices) > 1:
        raise ModelError("an attribute holds two tensors where one may stand", REMEDY)
    return stripped.payloads[int(indices[0])] if indices else None


class _Kind:
    """A message type that can hold tensors.

    Attributes:
        name: as in onnx.proto.
        wires: field number -> bit mask of the wire types it may come in.
        children: field number -> type of messages worth descending into.
    """

    __slots__ = ("children", "name", "wires")

    def __init__(self, name: str, *, varints: tuple[int, ...] = (), messages: tuple[int, ...] = ()) -> None:
        self.name = name
        self.wires = dict.fromkeys(varints, 1 << _VARINT) | dict.fromkeys(messages, 1 << _BYTES)
        self.children: dict[int, _Kind] = {}


_MODEL = _Kind("ModelProto", varints=(1, 5), messages=(2, 3, 4, 6, 7, 8, 14, 20, 25, 26))
_GRAPH = _Kind("GraphProto", messages=(1, 2, 5, 10, 11, 12, 13, 14, 15, 16))
_NODE = _Kind("NodeProto", messages=(1, 2, 3, 4, 5, 6, 7, 8, 9, 10))
_ATTRIBUTE = _Kind("AttributeProto", varints=(3, 20), messages=(1, 4, 5, 6, 9, 10, 11, 13, 14, 15, 21, 22, 23))
_TENSOR = _Kind("TensorProto", varints=(2, 14), messages=(3, 6, 8, 9, 12, 13, 16))
_SPARSE = _Kind("SparseTensorProto", messages=(1, 2))
_FUNCTION = _Kind("FunctionProto", messages=(1, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14))
_TRAINING = _Kind("TrainingInfoProto", messages=(1, 2, 3, 4))

# Numbers that are repeated come packed or one by one.
_ATTRIBUTE.wires |= {2: 1 << _FIXED32, 7: 1 << _FIXED32 | 1 << _BYTES, 8: 1 << _VARINT | 1 << _BYTES}
_TENSOR.wires |= dict.fromkeys((1, 5, 7, 11), 1 << _VARINT | 1 << _BYTES)
_TENSOR.wires |= {4: 1 << _FIXED32 | 1 << _BYTES, 10: 1 << _FIXED64 | 1 << _BYTES}
_SPARSE.wires[3] = 1 << _VARINT | 1 << _BYTES

_MODEL.children |= {7: _GRAPH, 20: _TRAINING, 25: _FUNCTION}
_GRAPH.children |= {1: _NODE, 5: _TENSOR, 15: _SPARSE}
_NODE.children |= {5: _ATTRIBUTE}
_ATTRIBUTE.children |= {5: _TENSOR, 10: _TENSOR, 6: _GRAPH, 11: _GRAPH, 22: _SPARSE, 23: _SPARSE}
_SPARSE.children |= {1: _TENSOR, 2: _TENSOR}
_FUNCTION.children |= {7: _NODE, 11: _ATTRIBUTE}
_TRAINING.children |= {1: _GRAPH, 2: _GRAPH}

_EXTERNAL = 1
_STRING_DATA, _RAW_DATA, _EXTERNAL_DATA, _DATA_LOCATION = 6, 9, 13, 14
_DATA = {
    4: "float_data", 5: "int32_data", 6: "string_data", 7: "int64_data", 9: "raw_data", 10: "double_data",
    11: "uint64_data",
}  # fmt: skip

# Numbers written one by one, as very old exporters did: passed over a thousand at a time.
_RUN = {
    (number << 3 | wire): re.compile(b"(?:" + re.escape(bytes([number << 3 | wire])) + value + b"){1,1000}+")
    for wire, value, numbers in (
        (_VARINT, rb"[\x80-\xff]{0,9}[\x00-\x7f]", (5, 7, 11)),
        (_FIXED32, rb"[\x00-\xff]{4}", (4,)),
        (_FIXED64, rb"[\x00-\xff]{8}", (10,)),
    )
    for number in numbers
}


class _Walk:
    """One walk over a model's bytes.

    Attributes:
        pieces: the copy so far. A message that is descended into gets its length prefix when it is left, so its
            content is copied once however deep it lies.
        payloads: what was left out so far.
        spans: bytes of the main graph's nodes.
        mark: key of the entries that lead to payloads.
        has_graph: whether the model holds a graph.
    """

    __slots__ = ("data", "has_graph", "mark", "payloads", "pieces", "spans")

    def __init__(self, data: memoryview) -> None:
        self.data = data
        self.pieces: list[bytes] = []
        self.payloads: list[Payload] = []
        self.spans: list[tuple[int, int]] = []
        self.mark = b"qlint:" + os.urandom(16).hex().encode()
        self.has_graph = False

    def message(self, kind: _Kind, pos: int, end: int, depth: int) -> int:
        """Copy the message at `pos`; returns the length of the copy."""
        if kind is _TENSOR:
            return self.tensor(pos, end)
        if depth > DEEPEST:
            raise ModelError(f"messages are nested more than {DEEPEST} deep", "flatten the model's nested subgraphs")
        spans = self.spans if kind is _GRAPH and depth == 1 else None
        children = kind.children
        size, kept = 0, pos
        while pos < end:
            begin = pos
            number, wire, pos, stop = self.field(kind, pos, end)
            if wire == _BYTES:
                if spans is not None and number == 1:
                    spans.append((pos, stop))
                elif depth == 0 and number == 7:
                    self.has_graph = True
                # A message this short holds nothing large; protobuf's own parser will judge it. The main graph is entered
                # all the same, for its nodes' places.
                if (stop - pos > SMALL or depth == 0) and number in children:
                    size += self.copy(kept, begin) + self.child(number, children[number], pos, stop, depth + 1)
                    kept = stop
            pos = stop
        return size + self.copy(kept, end)

    def child(self, number: int, kind: _Kind, pos: int, end: int, depth: int) -> int:
        """Copy a message with its prefix."""
        place = len(self.pieces)
        self.pieces.append(b"")
        size = self.message(kind, pos, end, depth)
        prefix = _varint(number << 3 | _BYTES) + _varint(size)
        self.pieces[place] = prefix
        return len(prefix) + size

    def copy(self, begin: int, end: int) -> int:
        """Copy bytes as they are."""
        if begin < end:
            self.pieces.append(bytes(self.data[begin:end]))
        return end - begin

    def tensor(self, pos: int, end: int) -> int:
        """Copy a TensorProto; large data is left out and noted."""
        kept: list[tuple[int, int]] = []
        data: dict[int, list[_Part]] = {}
        external = False
        while pos < end:
            begin = pos
            number, wire, body, pos = self.field(_TENSOR, pos, end)
            if number in _DATA:
                single = wire != _BYTES or number == _STRING_DATA
                run = _RUN.get(number << 3 | wire)
                if run is not None and (found := run.match(self.data, pos, end)) is not None:
                    pos = found.end()
                parts = data.setdefault(number, [])
                if single and parts and parts[-1].single and parts[-1].stop == begin:
                    begin = parts.pop().begin
                parts.append(_Part(begin, body, pos, single))
            else:
                external = external or (number == _DATA_LOCATION and self.data[body] == _EXTERNAL)
                kept.append((begin, pos))
        large = [number for number, parts in data.items() if sum(part.length for part in parts) > SMALL]
        if large and (external or len(large) > 1):
            other = "an external file" if external else _DATA[large[1]]
            raise ModelError(f"a tensor keeps its data both in {_DATA[large[0]]} and in {other}", REMEDY)
        for number, parts in data.items():
            if number not in large:
                kept.extend((part.begin, part.stop) for part in parts)
        size = sum(self.copy(begin, stop) for begin, stop in kept)
        return size + (self.leave_out(large[0], data[large[0]]) if large else 0)

    def leave_out(self, number: int, parts: list[_Part]) -> int:
        """Note a payload and write the fields that lead to it; returns their length."""
        records = any(part.single for part in parts)
        if number == _RAW_DATA:
            parts = parts[-1:]  # of a field that may stand once, the last counts
        chunks = tuple((p.begin if records else p.body, p.stop - (p.begin if records else p.body)) for p in parts)
        index = str(len(self.payloads)).encode()
        self.payloads.append(Payload(_DATA[number], chunks, records))
        entry = _record(1, self.mark) + _record(2, index)
        piece = _record(_EXTERNAL_DATA, entry) + bytes([_DATA_LOCATION << 3 | _VARINT, _EXTERNAL])
        self.pieces.append(piece)
        return len(piece)

    def field(self, kind: _Kind, pos: int, end: int) -> tuple[int, int, int, int]:
        """Read one field's head; returns its number, its wire type, and where its value begins and ends."""
        begin = pos
        tag = self.data[pos]
        pos += 1
        if tag > 127:
            tag, pos = self.varint(kind, begin, end)
        number, wire = tag >> 3, tag & 7
        if not kind.wires.get(number, _ANY_WIRE) >> wire & 1 or not 0 < number <= _HIGHEST_NUMBER:
            self.fail(kind, begin, f"field {number} has wire type {wire}, which it cannot have")
        if wire == _BYTES:
            length = self.data[pos] if pos < end else 128
            pos += 1
            if length > 127:
                length, pos = self.varint(kind, pos - 1, end)
            stop = pos + length
        elif wire == _VARINT:
            _, stop = self.varint(kind, pos, end)
        else:
            stop = pos + (4 if wire == _FIXED32 else 8)
        if stop > end:
            self.fail(kind, begin, f"field {number} claims {stop - pos} bytes where {end - pos} are left")
        return number, wire, pos, stop

    def varint(self, kind: _Kind, pos: int, end: int) -> tuple[int, int]:
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

    def fail(self, kind: _Kind, pos: int, what: str) -> NoReturn:
        """Say that the bytes are not what they should be."""
        raise ModelError(f"it is not an ONNX model, or it is damaged: at byte {pos}, in a {kind.name}, {what}", REMEDY)


class _Part(NamedTuple):
    """One occurrence of a data field, or a run of unpacked ones: its first byte, its value's first byte, its end."""

    begin: int
    body: int
    stop: int
    single: bool

    @property
    def length(self) -> int:
        """Bytes of data."""
        return self.stop - (self.begin if self.single else self.body)


def _record(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | _BYTES) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)
