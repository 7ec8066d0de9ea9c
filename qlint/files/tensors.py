"""Constant tensors of a model: name, type and shape now, values when a rule asks for them."""

from __future__ import annotations

import re
import weakref
from math import prod
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

from qlint.errors import ExternalDataError, ModelError
from qlint.files.element import Element, elements
from qlint.files.external import ExternalFiles, Region
from qlint.files.quoting import quoted, text
from qlint.files.source import Source
from qlint.files.wire import Payload, Stripped, payload_of
from qlint.tristate import Unknown

if TYPE_CHECKING:
    import numpy as np
    import onnx

ELEMENT_LIMIT = 1 << 28
"""Most elements whose values are read."""

RANK_LIMIT = 32
"""Most dims; older numpy arrays have no more."""

VARINT_LENGTH = 10
"""Most bytes of a number in a packed field of integers."""

_AGAIN = "export the model again"
_INTEGER = re.compile(r"[+-]?[0-9]{1,19}\Z")
_FIELDS = ("float_data", "int32_data", "string_data", "int64_data", "double_data", "uint64_data")
_WIDTH = {"float_data": 4, "double_data": 8}

_Data: TypeAlias = "onnx.TensorProto | Payload | Region | None"


class Tensor:
    """A constant tensor.

    Attributes:
        name: as in the file, perhaps empty.
        type: ONNX's element type in lower case ("float", "int64", "float8e4m3fn").
        shape: axis sizes, none negative.
    """

    __slots__ = ("_data", "_element", "_seen", "_source", "name", "shape", "type")

    def __init__(self, name: str, element: Element, shape: tuple[int, ...], data: _Data, source: Source) -> None:
        self.name = name
        self.type = element.name
        self.shape = shape
        self._element = element
        self._data = data
        self._source = source
        self._seen: weakref.ref[np.ndarray[Any, Any]] | None = None

    @classmethod
    def from_proto(cls, proto: onnx.TensorProto, stripped: Stripped, source: Source, external: ExternalFiles) -> Tensor:
        """A tensor of the stripped model, checked as far as lengths tell; no weights are read.

        Raises:
            LfsPointerError: if a Git-LFS pointer stands in its external data's place.
            ExternalDataError: if its external data is missing, too short or out of bounds.
            ModelError: if its type is unknown, or its dims and its data contradict each other.
        """
        claim = _Claim(proto, source)
        payload = payload_of(proto, stripped)
        data: _Data
        if payload is not None:
            claim.check_payload(payload)
            data = payload
        elif proto.data_location == proto.EXTERNAL:
            data = claim.locate(external)
        else:
            claim.check_inline()
            data = proto if claim.count else None
        return cls(claim.name, claim.element, claim.shape, data, source)

    @property
    def nbytes(self) -> int:
        """Bytes that the values take, packed as in a file; 0 for strings, whose sizes only their reading tells."""
        return self._element.raw_length(prod(self.shape))

    def values(self) -> np.ndarray[Any, Any] | Unknown:
        """The values as a read-only array, of ml_dtypes' types where numpy has none; strings as an array of objects.

        They are read on first use, and again if no one has kept them. Unknown if there are too many to read.

        Raises:
            ModelError: if the file changed since it was opened, or the data turns out not to be what the dims say.
        """
        array = self._seen() if self._seen is not None else None
        if array is None:
            count = prod(self.shape)
            if count > ELEMENT_LIMIT:
                return Unknown(f"value of {quoted(self.name)}: its {count} elements are too large to read")
            try:
                array = self._read(count).reshape(self.shape)
            except (ValueError, TypeError, OverflowError) as error:
                raise ModelError(
                    f"the data of tensor {quoted(self.name)} is not what its type and dims say",
                    _AGAIN,
                    path=self._source.path.as_posix(),
                ) from error
            array.flags.writeable = False
            self._seen = weakref.ref(array)
        return array

    def _read(self, count: int) -> np.ndarray[Any, Any]:
        import numpy as np

        data, element = self._data, self._element
        if data is None:
            return np.empty(count, element.dtype)
        if isinstance(data, Region):
            return _from_raw(element, count, data.read())
        if not isinstance(data, Payload):
            return _from_proto(element, count, data)
        content = b"".join(self._source.read(offset, length) for offset, length in data.chunks)
        if data.field == "raw_data":
            return _from_raw(element, count, content)
        if data.records:
            return _from_proto(element, count, _parsed(content, element, self.shape))
        if data.field in _WIDTH:
            return np.frombuffer(content, element.dtype)
        return _from_numbers(element, count, _varints(content))

    def __repr__(self) -> str:
        return f"Tensor({quoted(self.name)}, {self.type}, {list(self.shape)})"


class _Claim:
    """What a TensorProto says of itself, and its check against what data it has."""

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
        return "[" + ",".join(map(str, self.shape)) + "]"

    def refuse(self, what: str, remedy: str = _AGAIN, kind: type[ModelError] = ModelError) -> NoReturn:
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
        elif payload.length < needed or (not payload.records and payload.length > needed * VARINT_LENGTH):
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


def _parsed(records: bytes, element: Element, shape: tuple[int, ...]) -> onnx.TensorProto:
    """The proto that a tensor's data fields would have been part of."""
    from onnx import TensorProto

    proto = TensorProto()
    try:
        proto.ParseFromString(records)
    except Exception as error:  # protobuf's DecodeError, which is no ValueError; its module has no types
        raise ValueError("not a TensorProto's fields") from error
    proto.data_type = element.number
    proto.dims.extend(shape)
    return proto


def _from_proto(element: Element, count: int, proto: onnx.TensorProto) -> np.ndarray[Any, Any]:
    """Values that stand in a proto, as onnx reads them."""
    import numpy as np
    from onnx import numpy_helper

    if proto.raw_data:
        return _from_raw(element, count, proto.raw_data)
    _expect(element.field_length(count), len(getattr(proto, element.field)))
    if element.name == "string":
        array: np.ndarray[Any, Any] = np.empty(count, object)
        array[:] = [text(value) for value in proto.string_data]
        return array
    values: np.ndarray[Any, Any] = numpy_helper.to_array(proto)
    return values


def _from_raw(element: Element, count: int, content: bytes) -> np.ndarray[Any, Any]:
    """Raw data as an array: a view, except of types narrower than a byte."""
    import numpy as np
    from onnx import TensorProto, numpy_helper

    if element.bits % 8:
        array: np.ndarray[Any, Any] = numpy_helper.to_array(
            TensorProto(data_type=element.number, dims=[count], raw_data=content)
        )
        return array
    return np.frombuffer(content, element.dtype)


def _from_numbers(element: Element, count: int, numbers: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Values from the numbers of an integer field, which keeps all but the 64-bit types by their bits."""
    import numpy as np

    _expect(element.field_length(count), len(numbers))
    if element.name == "bool":
        return numbers.astype(bool)
    if element.bits in (2, 4):
        return _from_raw(element, count, numbers.astype(np.uint8).tobytes())
    if element.bits == 6:
        numbers = numbers & 0x3F
    width = -(-element.bits // 8)
    return numbers.astype(f"u{width}").view(element.dtype)


def _varints(content: bytes) -> np.ndarray[Any, Any]:
    """The numbers of a packed field, as their low 64 bits."""
    import numpy as np

    data = np.frombuffer(content, np.uint8)
    ends = np.flatnonzero(data < 0x80) + 1
    if len(data) and (not len(ends) or ends[-1] != len(data)):
        raise ValueError("the last number is cut off")
    starts = np.concatenate([[0], ends[:-1]])
    lengths = ends - starts
    if lengths.max(initial=0) > VARINT_LENGTH:
        raise ValueError("a number is too long")
    numbers = np.zeros(len(ends), np.uint64)
    for index in range(int(lengths.max(initial=0))):
        longer = np.flatnonzero(lengths > index)
        part = (data[starts[longer] + index] & 0x7F).astype(np.uint64)
        numbers[longer] |= part << np.uint64(7 * index)
    return numbers


def _expect(needed: int, held: int) -> None:
    if held != needed:
        raise ValueError(f"{held} values where {needed} are needed")
