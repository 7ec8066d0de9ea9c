"""Writing arrays as an `.npz` file whose bytes depend on nothing but the arrays."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qlint.errors import OutputError
from qlint.files.atomic import Piece, replaced
from qlint.files.quoting import quoted
from qlint.files.source import Source
from qlint.files.tensors import Tensor
from qlint.tristate import Unknown

if TYPE_CHECKING:
    import numpy as np

_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest time that a zip file can say."""


def content_hash(arrays: Mapping[str, Tensor]) -> str:
    """Eight hexadecimal digits of the arrays' names, shapes and values.

    Raises:
        OutputError: values that cannot be read.
    """
    found = hashlib.sha256()
    for name in sorted(arrays):
        values = _values(name, arrays[name])
        found.update(f"{name}\0{list(values.shape)}\0".encode("utf-8", "backslashreplace"))
        found.update(_bytes(values))
    return found.hexdigest()[:8]


def write_npz(arrays: Mapping[str, Tensor], out: Path) -> None:
    """Write arrays as float32, sorted by name and not compressed; the file appears whole or not at all.

    Raises:
        OutputError: it cannot be written, or values cannot be read.
    """
    from numpy.lib import format

    with replaced(out) as write, zipfile.ZipFile(_Sink(write), "w") as archive:
        for name in sorted(arrays):
            values = _values(name, arrays[name])
            head = io.BytesIO()
            format.write_array_header_1_0(head, format.header_data_from_array_1_0(values))
            info = zipfile.ZipInfo(f"{name}.npy", _EPOCH)
            info.external_attr = 0o644 << 16
            with archive.open(info, "w", force_zip64=values.nbytes >= 1 << 31) as member:
                member.write(head.getvalue())
                member.write(_bytes(values))


def _values(name: str, tensor: Tensor) -> np.ndarray[Any, Any]:
    import numpy as np

    values = tensor.values()
    if isinstance(values, Unknown):
        raise OutputError(f"the values of {quoted(name)} are not known", "give them, or leave its layer as it is")
    return np.asarray(values, "<f4", order="C")


def _bytes(values: np.ndarray[Any, Any]) -> memoryview:
    return values.reshape(-1).view("u1").data


class _Sink(io.RawIOBase):
    """What `zipfile` writes into: it only goes forward."""

    def __init__(self, write: Callable[[Iterable[Piece], Source | None], None]) -> None:
        self._write = write
        self._held = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, content: Any) -> int:
        self._held += content
        if len(self._held) >= 1 << 20:
            self.flush()
        return len(content)

    def flush(self) -> None:
        self._write([bytes(self._held)], None)
        self._held.clear()
