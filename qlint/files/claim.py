"""What a tensor says of itself, checked against the data it has by lengths alone."""

from __future__ import annotations

import re
from math import prod
from typing import TYPE_CHECKING, NoReturn

from qlint.errors import ExternalDataError, ModelError
from qlint.files.element import elements
from qlint.files.external import ExternalFiles, Region
from qlint.files.quoting import quoted, text
from qlint.files.source import Source
from qlint.files.wire import Payload

if TYPE_CHECKING:
    import onnx

RANK_LIMIT = 32
"""Most dims; older numpy arrays have no more."""

RECORD_LENGTH = 11
"""Most bytes of one number with its tag, and of the tag and the length before packed ones."""

AGAIN = "export the model again"

_INTEGER = re.compile(r"[+-]?[0-9]{1,19}\Z")
_FIELDS = ("float_data", "int32_data", "string_data", "int64_data", "double_data", "uint64_data")
_WIDTH = {"float_data": 4, "double_data": 8}


class Claim:
    """What a TensorProto says of itself.

    Attributes:
        proto: the message, of a stripped model.
        name, element, shape: its name, element type and dims.
        count: number of elements.
        path: of the model, for messages.

    Raises:
        ModelError: from every method, where type, dims and data contradict each other.
    """

    __slots__ = ("count", "element", "name", "path", "proto", "shape")

    def __init__(self, proto: onnx.TensorProto, source: Source) -> None:
        self.proto = proto
        self.path = source.path.as_posix()
        self.name = text(proto.name)
        self.shape = tuple(proto.dims[: RANK_LIMIT + 1])
        if len(self.shape) > RANK_LIMIT:
            self.refuse(f"has {len(proto.dims)} dims; more than {RANK_LIMIT} cannot be read", "reshape it")
        if min(self.shape, default=0) < 0:
            self.refuse(f"has a negative size in its dims {self.dims}")
        self.count = prod(self.shape)
        if self.count >= 1 << 63:
            self.refuse(f"has dims {self.dims}, whose product overflows")
        element = elements().get(proto.data_type)
        if element is None:
            number = proto.data_type
            if number == proto.UNDEFINED:
                self.refuse("has no element type")
            self.refuse(f"has element type {number}, which this onnx does not know", "install a newer onnx")
        self.element = element
        if proto.HasField("segment"):
            self.refuse("is stored in segments, which no exporter writes and nothing reads")

    @property
    def dims(self) -> str:
        """The dims as messages show them."""
        return "[" + ",".join(map(str, self.shape)) + "]"

    def refuse(self, what: str, remedy: str = AGAIN, kind: type[ModelError] = ModelError) -> NoReturn:
        """Name the tensor and what is wrong with it."""
        subject = f"tensor {quoted(self.name)}" if self.name else "a tensor without a name"
        raise kind(f"{subject} {what}", remedy, path=self.path)

    def check_raw(self, length: int) -> None:
        """Raw data is exactly as long as type and dims need."""
        if self.element.name == "string":
            self.refuse("holds strings, but keeps them in raw_data")
        needed = self.element.raw_length(self.count)
        if length != needed:
            what = "no data" if not length else f"{length} bytes of raw_data"
            self.refuse(f"has {what} but its dims {self.dims} need {needed} bytes of {self.element.name}")

    def check_field(self, field: str) -> None:
        """Values stand in the field of their type."""
        if field != self.element.field:
            self.refuse(f"is of type {self.element.name} but keeps its values in {field}")

    def check_values(self, held: int) -> None:
        """A typed field holds exactly as many values as type and dims need."""
        needed = self.element.field_length(self.count)
        if held != needed:
            what = f"{held} values in {self.element.field}" if held else "no data"
            self.refuse(f"has {what} but its dims {self.dims} need {needed}")

    def check_inline(self) -> None:
        """Data that was not left out is of one kind, and of the right length."""
        held = [field for field in _FIELDS if len(getattr(self.proto, field))]
        raw = self.proto.raw_data
        if len(held) + bool(raw) > 1:
            self.refuse(f"keeps its data in several fields: {', '.join(['raw_data'] * bool(raw) + held)}")
        if raw:
            self.check_raw(len(raw))
        elif held:
            self.check_field(held[0])
            self.check_values(len(getattr(self.proto, held[0])))
        elif self.count:
            self.check_raw(0) if self.element.bits else self.check_values(0)

    def check_payload(self, payload: Payload) -> None:
        """Data that was left out has a length that can be right; numbers of varying length are counted when read."""
        if self.proto.raw_data or any(len(getattr(self.proto, field)) for field in _FIELDS):
            self.refuse(f"keeps its data in {payload.field} and in a second field")
        if payload.field == "raw_data":
            self.check_raw(payload.length)
            return
        self.check_field(payload.field)
        needed = self.element.field_length(self.count)
        if payload.field in _WIDTH and not payload.records:
            if payload.length != needed * _WIDTH[payload.field]:
                held = payload.length / _WIDTH[payload.field]
                self.refuse(f"has {held:g} values in {payload.field} but its dims {self.dims} need {needed}")
            return
        most = RECORD_LENGTH * (needed + len(payload.chunks))
        if payload.length < needed or (payload.length > most and payload.field != "string_data"):
            what = f"cannot hold the {needed} values that its dims {self.dims} need in {payload.length} bytes"
            self.refuse(f"{what} of {payload.field}")

    def locate(self, external: ExternalFiles) -> Region | None:
        """Where the data of a tensor with external data lies."""
        if self.proto.raw_data or any(len(getattr(self.proto, field)) for field in _FIELDS):
            self.refuse("keeps its data both in an external file and in the model")
        entries = {text(entry.key): text(entry.value) for entry in self.proto.external_data}
        location = entries.get("location")
        if location is None:
            self.refuse("has external data but names no file", kind=ExternalDataError)
        if self.element.name == "string":
            self.refuse("holds strings, which cannot be external data", kind=ExternalDataError)
        offset, length = self.integer(entries.get("offset", "0")), entries.get("length")
        needed = self.element.raw_length(self.count)
        region = external.locate(self.name, location, offset, None if length is None else self.integer(length), needed)
        return region if self.count else None

    def integer(self, written: str) -> int:
        """An offset or a length, which ONNX writes as text."""
        if not _INTEGER.match(written):
            self.refuse(
                f"has {quoted(written)} as offset or length of its external data, which is no number",
                kind=ExternalDataError,
            )
        return int(written)
