"""Constant tensors of a model: name, type and shape now, values when a rule asks for them."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from math import prod
from typing import TYPE_CHECKING, Any, TypeAlias

from qlint.errors import ModelError
from qlint.files.claim import AGAIN, Claim
from qlint.files.element import Element, by_name, elements
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

_Data: TypeAlias = (
    "onnx.TensorProto | Payload | Region | np.ndarray[Any, Any] | Callable[[], np.ndarray[Any, Any] | Unknown] | None"
)


class Tensor:
    """A constant tensor.

    Attributes:
        name: as in the file, perhaps empty.
        type: ONNX's element type in lower case ("float", "int64", "float8e4m3fn").
        shape: axis sizes, none negative.
    """

    __slots__ = ("_data", "_element", "_seen", "_source", "name", "shape", "type")

    def __init__(self, name: str, element: Element, shape: tuple[int, ...], data: _Data, source: Source | None) -> None:
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
        claim = Claim(proto, source)
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

    @classmethod
    def from_array(cls, name: str, values: np.ndarray[Any, Any]) -> Tensor:
        """A tensor made in memory; `values` is not to be changed afterwards."""
        from onnx import helper

        element = elements()[helper.np_dtype_to_tensor_dtype(values.dtype)]
        return cls(name, element, values.shape, values, None)

    @classmethod
    def lazy(
        cls, name: str, type: str, shape: tuple[int, ...], load: Callable[[], np.ndarray[Any, Any] | Unknown]
    ) -> Tensor:
        """A tensor whose values come from `load` when they are asked for; `Unknown` from it says what is missing.

        Args:
            name: its name.
            type: ONNX's element type in lower case ("float").
            shape: axis sizes, which the loaded values must have.
            load: gives the values; called again if no one has kept them.
        """
        element = by_name()[type]
        return cls(name, element, shape, load, None)

    @property
    def made(self) -> np.ndarray[Any, Any] | None:
        """The values of a tensor that was made in memory; None if it stands in a file."""
        import numpy as np

        return self._data if isinstance(self._data, np.ndarray) else None

    @property
    def number(self) -> int:
        """The element type in TensorProto.DataType."""
        return self._element.number

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
                found = self._read(count)
                if isinstance(found, Unknown):
                    return found
                array = found.reshape(self.shape)
            except (ValueError, TypeError, OverflowError) as error:
                raise ModelError(
                    f"the data of tensor {quoted(self.name)} is not what its type and dims say",
                    AGAIN,
                    path=self._source.path.as_posix() if self._source is not None else None,
                ) from error
            array.flags.writeable = False
            self._seen = weakref.ref(array)
        return array

    def _read(self, count: int) -> np.ndarray[Any, Any] | Unknown:
        import numpy as np

        data, element = self._data, self._element
        if data is None:
            return np.empty(count, element.dtype)
        if isinstance(data, np.ndarray):
            return data.view()
        if callable(data):
            loaded = data()
            return loaded if isinstance(loaded, Unknown) else loaded.view()
        if isinstance(data, Region):
            return _from_raw(element, count, data.read())
        if not isinstance(data, Payload):
            return _from_proto(element, count, data)
        assert self._source is not None
        content = b"".join(self._source.read(offset, length) for offset, length in data.chunks)
        if data.records:
            return _from_proto(element, count, _parsed(content, element, self.shape))
        return _from_raw(element, count, content)

    def __repr__(self) -> str:
        return f"Tensor({quoted(self.name)}, {self.type}, {list(self.shape)})"


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


def _expect(needed: int, held: int) -> None:
    if held != needed:
        raise ValueError(f"{held} values where {needed} are needed")
