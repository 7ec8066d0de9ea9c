"""Arrays of an `.npz` file: names, types and shapes now, values when they are asked for.

The zip directory and the header of each `.npy` member are read; the values of a member that is not compressed are
later read from their place in the file. Nothing is unpickled.
"""

from __future__ import annotations

import ast
import os
import re
import struct
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any, BinaryIO

from qlint.errors import ModelError
from qlint.files.description.arrayfile import ArrayFileError
from qlint.files.quoting import quoted
from qlint.files.source import FileOnDisk
from qlint.files.tensors import Tensor

if TYPE_CHECKING:
    import numpy as np

MEMBER_LIMIT = 1 << 20
"""Most members that are looked at."""

_MAGIC = b"\x93NUMPY"
_HEADER_LIMIT = 1 << 14
_DTYPE = re.compile(r"[<>=|]?(?:f[248]|[iu][1248]|b1)")
_LOCAL = struct.Struct("<4s2B4HL2L2H")
_BEST_RATIO = 1032  # what deflate can reach at most
_AGAIN = "save the arrays again"


@dataclass(frozen=True, slots=True)
class _Member:
    """A member of the file: where its bytes begin, and what its header says."""

    name: str
    file: FileOnDisk
    info: zipfile.ZipInfo
    start: int
    header: int
    dtype: str
    fortran: bool
    shape: tuple[int, ...]

    @property
    def length(self) -> int:
        """Bytes of its values."""
        return prod(self.shape) * int(self.dtype[-1])

    def values(self) -> np.ndarray[Any, Any]:
        """The values, cast to float32."""
        import numpy as np

        if self.info.compress_type == zipfile.ZIP_STORED:
            content = self.file.read(self.start + self.header, self.length)
        else:
            content = self._inflated()
        array = np.frombuffer(content, np.dtype(self.dtype)).reshape(self.shape, order="F" if self.fortran else "C")
        with np.errstate(over="ignore"):
            return np.array(array, np.float32, order="C", ndmin=array.ndim)

    def _inflated(self) -> bytes:
        try:
            with (
                os.fdopen(self.file.open(), "rb") as handle,
                zipfile.ZipFile(handle) as archive,
                archive.open(self.info) as stream,
            ):
                stream.read(self.header)
                content = stream.read(self.length)
        except ModelError:
            raise
        except Exception as error:  # BadZipFile, zlib.error and lzma's have no common parent
            raise ModelError(f"the array {quoted(self.name)} is damaged", _AGAIN) from error
        if len(content) != self.length:
            raise ModelError(f"the array {quoted(self.name)} ends too early", _AGAIN)
        return content


def tensors(file: FileOnDisk) -> Mapping[str, Tensor]:
    """The arrays of an `.npz` file, by name.

    Raises:
        ArrayFileError: it is no zip file, is damaged, or holds what is no array of numbers.
        ModelError: it changed meanwhile, or cannot be read.
    """
    found: dict[str, Tensor] = {}
    for member in _members(file):
        if member.name in found:
            raise ArrayFileError(f"holds {quoted(member.name)} twice", "keep one of the two")
        found[member.name] = Tensor.lazy(member.name, "float", member.shape, member.values)
    return found


def _members(file: FileOnDisk) -> list[_Member]:
    found: list[_Member] = []
    end = 0
    try:
        with os.fdopen(file.open(), "rb") as handle, zipfile.ZipFile(handle) as archive:
            infos = archive.infolist()
            if len(infos) > MEMBER_LIMIT:
                raise ArrayFileError(f"has more than {MEMBER_LIMIT} members", "leave out what no layer has")
            for info in sorted(infos, key=lambda info: info.header_offset):
                if info.header_offset < end:
                    raise ArrayFileError("has members that overlap", _AGAIN)
                found.append(_member(file, handle, archive, info))
                end = found[-1].start + info.compress_size
    except (zipfile.BadZipFile, NotImplementedError, EOFError, ValueError, OSError, struct.error) as error:
        raise ArrayFileError("is no .npz file, or is cut off", f"{_AGAIN}, with numpy.savez") from error
    return found


def _member(file: FileOnDisk, handle: BinaryIO, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> _Member:
    if not info.filename.endswith(".npy"):
        raise ArrayFileError(f"holds {quoted(info.filename)}, which is no array", "save arrays alone, with numpy.savez")
    name = info.filename.removesuffix(".npy")
    if info.flag_bits & 1:
        raise ArrayFileError(f"holds {quoted(name)} encrypted", "save it without a password")
    handle.seek(info.header_offset)
    local = handle.read(_LOCAL.size)
    if len(local) < _LOCAL.size or local[:4] != b"PK\x03\x04":
        raise ArrayFileError(f"is damaged at {quoted(name)}", _AGAIN)
    *_, name_length, extra_length = _LOCAL.unpack(local)
    start = info.header_offset + _LOCAL.size + name_length + extra_length
    stored = info.compress_type == zipfile.ZIP_STORED
    if start + info.compress_size > file.size or (stored and info.compress_size != info.file_size):
        raise ArrayFileError(f"ends within {quoted(name)}", "copy the file again")
    if info.file_size > _BEST_RATIO * max(info.compress_size, 1):
        raise ArrayFileError(f"claims more bytes for {quoted(name)} than can be compressed like that", _AGAIN)
    read = _stored_head(handle, start, info.file_size) if stored else _compressed_head(archive, info, name)
    header, dtype, fortran, shape = _header(read, name)
    member = _Member(name, file, info, start, header, dtype, fortran, shape)
    if header + member.length != info.file_size:
        held = info.file_size - header
        what = f"has {held} bytes for {quoted(name)}, but its type and shape need {member.length}"
        raise ArrayFileError(what, _AGAIN)
    return member


def _stored_head(handle: BinaryIO, start: int, size: int) -> Callable[[int], bytes]:
    def read(length: int) -> bytes:
        handle.seek(start)
        return handle.read(min(length, size))

    return read


def _compressed_head(archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str) -> Callable[[int], bytes]:
    def read(length: int) -> bytes:
        try:
            with archive.open(info) as stream:
                return stream.read(length)
        except Exception as error:  # zlib.error, lzma's, BadZipFile: no common parent
            raise ArrayFileError(f"is damaged at {quoted(name)}", _AGAIN) from error

    return read


def _header(read: Callable[[int], bytes], name: str) -> tuple[int, str, bool, tuple[int, ...]]:
    """Length of an `.npy` header with all that precedes it, and the type, order and shape that it tells.

    Source: the NPY format as numpy documents it (magic, version, length of the header, a literal dictionary).
    """
    head = read(512)
    wide = head[6:7] in (b"\x02", b"\x03")
    first = 12 if wide else 10
    if len(head) < first or head[:6] != _MAGIC or head[6] not in (1, 2, 3):
        raise ArrayFileError(f"holds {quoted(name)}, which is no .npy array", _AGAIN)
    length = int.from_bytes(head[8:first], "little")
    if length > _HEADER_LIMIT:
        raise ArrayFileError(f"has a header of {length} bytes for {quoted(name)}", _AGAIN)
    if first + length > len(head):
        head = read(first + length)
    try:
        told = ast.literal_eval(head[first : first + length].decode("utf-8" if head[6] == 3 else "latin-1").strip())
        dtype, fortran, shape = told["descr"], told["fortran_order"], told["shape"]
    except (ValueError, SyntaxError, KeyError, TypeError, RecursionError, MemoryError) as error:
        raise ArrayFileError(f"has a damaged header for {quoted(name)}", _AGAIN) from error
    if isinstance(dtype, str) and dtype.lstrip("<>=|").startswith("O"):
        raise ArrayFileError(f"holds {quoted(name)} as pickled objects, which are never read", "save it as numbers")
    if not isinstance(dtype, str) or not _DTYPE.fullmatch(dtype):
        raise ArrayFileError(f"holds {quoted(name)} as {str(dtype)[:40]}", "save it as single or double")
    is_shape = isinstance(shape, tuple) and all(type(size) is int and 0 <= size < 1 << 48 for size in shape)
    if not is_shape or len(shape) > 32 or not isinstance(fortran, bool):
        raise ArrayFileError(f"has a damaged header for {quoted(name)}", _AGAIN)
    return first + length, dtype, fortran, shape
