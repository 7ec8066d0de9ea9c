"""The weight-free copy of an ONNX model: a walk over protobuf's wire format that leaves large tensors out.

A tensor whose data was left out says that its data is external, and its `external_data` carries a mark that no file can
know beforehand, with an index into `Stripped.payloads`. onnx's shape inference leaves such a tensor alone, as it
does any external one. The bytes that are left out are never touched, so their pages are never read.
"""

from __future__ import annotations

import hashlib
import mmap
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from qlint.errors import ModelError
from qlint.files.fields import REMEDY, Fields, record, varint
from qlint.files.messages import (
    BYTES,
    DATA,
    DATA_LOCATION,
    EXTERNAL,
    EXTERNAL_DATA,
    FIXED_WIDTH,
    GRAPH,
    MODEL,
    RAW_DATA,
    RUN,
    STRING_DATA,
    TENSOR,
    VARINT,
    Kind,
)

if TYPE_CHECKING:
    import onnx

SMALL = 1024
"""Most bytes of data a tensor keeps. Shape inference needs the values of small ones (targets of Reshape, axes)."""

WINDOW = 4 << 20
"""Bytes of a mapped file after which pages that were walked over are given back; they count as memory."""

DEEPEST = 100
"""protobuf's own limit of nested messages."""


@dataclass(frozen=True, slots=True)
class Payload:
    """Data of a tensor that was left out.

    Attributes:
        field: the field of TensorProto it stood in (`raw_data`, `float_data`).
        chunks: its places in the model file as (offset, length), in order.
        records: whether the chunks are whole wire records, tags included, for protobuf to parse; else they are the
            bytes of raw_data, or little-endian numbers of a fixed width.
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
        walk = _Walk(view, data if isinstance(data, mmap.mmap) else None)
        walk.message(MODEL, 0, len(view), 0)
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
    if tensor.data_location != EXTERNAL:
        return None
    indices = [entry.value for entry in tensor.external_data if entry.key == stripped.mark]
    if len(indices) > 1:
        raise ModelError("an attribute holds two tensors where one may stand", REMEDY)
    return stripped.payloads[int(indices[0])] if indices else None


class _Walk(Fields):
    """One walk over a model's bytes.

    Attributes:
        pieces: the copy so far. A message that is descended into gets its length prefix when it is left, so its
            content is copied once however deep it lies.
        payloads: what was left out so far.
        spans: bytes of the main graph's nodes.
        mark: key of the entries that lead to payloads.
        has_graph: whether the model holds a graph.
    """

    __slots__ = ("has_graph", "mapped", "mark", "payloads", "pieces", "released", "spans")

    def __init__(self, data: memoryview, mapped: mmap.mmap | None) -> None:
        super().__init__(data)
        self.mapped = mapped if hasattr(mmap, "MADV_DONTNEED") else None
        self.released = 0
        self.pieces: list[bytes] = []
        self.payloads: list[Payload] = []
        self.spans: list[tuple[int, int]] = []
        self.mark = b"qlint:" + os.urandom(16).hex().encode()
        self.has_graph = False

    def message(self, kind: Kind, pos: int, end: int, depth: int) -> int:
        """Copy the message at `pos`; returns the length of the copy."""
        if kind is TENSOR:
            return self.tensor(pos, end)
        if depth > DEEPEST:
            raise ModelError(f"messages are nested more than {DEEPEST} deep", "flatten the model's nested subgraphs")
        spans = self.spans if kind is GRAPH and depth == 1 else None
        children = kind.children
        size, kept = 0, pos
        while pos < end:
            begin = pos
            number, wire, pos, stop = self.field(kind, pos, end)
            if wire == BYTES:
                if spans is not None and number == 1:
                    spans.append((pos, stop))
                elif depth == 0 and number == 7:
                    self.has_graph = True
                # A message this short holds nothing large; protobuf's own parser will judge it. The main graph is
                # entered all the same, for its nodes' places.
                if (stop - pos > SMALL or depth == 0) and number in children:
                    size += self.copy(kept, begin) + self.child(number, children[number], pos, stop, depth + 1)
                    kept = stop
            pos = stop
        return size + self.copy(kept, end)

    def child(self, number: int, kind: Kind, pos: int, end: int, depth: int) -> int:
        """Copy a message with its prefix."""
        place = len(self.pieces)
        self.pieces.append(b"")
        size = self.message(kind, pos, end, depth)
        prefix = varint(number << 3 | BYTES) + varint(size)
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
            number, wire, body, pos = self.field(TENSOR, pos, end)
            if number in DATA:
                single = wire != BYTES or number == STRING_DATA
                run = RUN.get(number << 3 | wire)
                if run is not None and (found := run.match(self.data, pos, end)) is not None:
                    pos = found.end()
                parts = data.setdefault(number, [])
                if single and parts and parts[-1].single and parts[-1].stop == begin:
                    begin = parts.pop().begin
                parts.append(_Part(begin, body, pos, single))
            else:
                external = external or (number == DATA_LOCATION and self.data[body] == EXTERNAL)
                kept.append((begin, pos))
        large = [number for number, parts in data.items() if sum(part.length for part in parts) > SMALL]
        if large and (external or len(large) > 1):
            other = "an external file" if external else DATA[large[1]]
            raise ModelError(f"a tensor keeps its data both in {DATA[large[0]]} and in {other}", REMEDY)
        for number, parts in data.items():
            if number not in large:
                kept.extend((part.begin, part.stop) for part in parts)
        size = sum(self.copy(begin, stop) for begin, stop in kept)
        if large:
            size += self.leave_out(large[0], data[large[0]])
            if end - self.released > WINDOW:
                self.release(end)
        return size

    def release(self, pos: int) -> None:
        """Give back the mapped pages before `pos`: the kernel maps up to 2 MB around each byte that is looked at."""
        if self.mapped is not None:
            begin = max(0, self.released - WINDOW)  # the last pages given back were mapped again around the next byte
            self.released = pos - pos % mmap.PAGESIZE
            self.mapped.madvise(mmap.MADV_DONTNEED, begin, self.released - begin)

    def leave_out(self, number: int, parts: list[_Part]) -> int:
        """Note a payload and write the fields that lead to it; returns their length."""
        records = number not in FIXED_WIDTH or any(part.single for part in parts)
        if number == RAW_DATA:
            parts = parts[-1:]  # of a field that may stand once, the last counts
        chunks = tuple((p.begin if records else p.body, p.stop - (p.begin if records else p.body)) for p in parts)
        index = str(len(self.payloads)).encode()
        self.payloads.append(Payload(DATA[number], chunks, records))
        entry = record(1, self.mark) + record(2, index)
        piece = record(EXTERNAL_DATA, entry) + bytes([DATA_LOCATION << 3 | VARINT, EXTERNAL])
        self.pieces.append(piece)
        return len(piece)


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
