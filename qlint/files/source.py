"""The bytes of a model: mapped for the walk over its graph, read piecewise where a rule wants weights."""

from __future__ import annotations

import contextlib
import mmap
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from qlint.errors import LfsPointerError, ModelError
from qlint.files.quoting import quoted

LFS_HEAD = b"version https://git-lfs.github.com/spec/"
LFS_LARGEST = 1024
"""A Git-LFS pointer is smaller than this, by its specification."""

# O_NONBLOCK: what takes a file's place between check and open may be a pipe, and must not hang us.
_FLAGS = os.O_RDONLY
for _flag in ("O_NONBLOCK", "O_CLOEXEC", "O_NOCTTY", "O_BINARY"):
    _FLAGS |= getattr(os, _flag, 0)

_SPECIAL = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def irregular(status: os.stat_result) -> str | None:
    """What a path is if it is not a regular file ("a folder"), else None."""
    return None if stat.S_ISREG(status.st_mode) else _SPECIAL.get(stat.S_IFMT(status.st_mode), "not a regular file")


@dataclass(frozen=True, slots=True)
class FileOnDisk:
    """A regular file as it was when it was first seen. It is opened for each read, so that no descriptor is kept.

    Attributes:
        path: absolute path.
        size: bytes.
        identity: device, inode, size and modification time.
    """

    path: str
    size: int
    identity: tuple[int, int, int, int]

    @classmethod
    def of(cls, path: str, status: os.stat_result) -> FileOnDisk:
        """Note a file."""
        return cls(path, status.st_size, _identity(status))

    def open(self) -> int:
        """A new descriptor of exactly the file that was seen.

        Raises:
            ModelError: if it changed since, or is something else by now.
            OSError: if it cannot be opened.
        """
        descriptor = os.open(self.path, _FLAGS)
        if _identity(os.fstat(descriptor)) != self.identity:
            os.close(descriptor)
            raise ModelError(f"{quoted(os.path.basename(self.path))} changed while it was being read", "run again")
        return descriptor

    def read(self, offset: int, length: int) -> bytes:
        """Bytes of the file.

        Raises:
            ModelError: if it changed since it was seen, or cannot be read.
        """
        try:
            descriptor = self.open()
            try:
                return _read_all(descriptor, offset, length)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise ModelError(f"{quoted(os.path.basename(self.path))} cannot be read: {error.strerror}") from error


class Source:
    """The bytes of one model.

    Attributes:
        path: as given.
        size: bytes.
        file: the file on disk, or None for a model given as bytes.
    """

    __slots__ = ("_data", "_map", "file", "path", "size")

    def __init__(self, path: Path, data: bytes, file: FileOnDisk | None, mapped: mmap.mmap | None) -> None:
        self.path = path
        self.file = file
        self.size = file.size if file is not None else len(data)
        self._data = data
        self._map = mapped

    @classmethod
    def open(cls, path: Path, data: bytes | None = None) -> Source:
        """Open a model, or take its bytes as `data` (then `path` is only a name, and where external data would lie).

        Raises:
            LfsPointerError: if a Git-LFS pointer stands in the model's place.
            ModelError: if there is no such file, it is none, or it cannot be read.
        """
        file, mapped = None, None
        if data is None:
            file, mapped = _map(path)
        source = cls(path, data or b"", file, mapped)
        if source.size < LFS_LARGEST and source.buffer[: len(LFS_HEAD)] == LFS_HEAD:
            source.close()
            raise LfsPointerError(
                "the file is a Git-LFS pointer, not the model itself", "run git lfs pull", path=path.as_posix()
            )
        return source

    @property
    def buffer(self) -> bytes | mmap.mmap:
        """All bytes, for `wire.strip`; gone after `close`."""
        if self.file is None:
            return self._data
        assert self._map is not None, "the source is closed"
        return self._map

    def read(self, offset: int, length: int) -> bytes:
        """Bytes of the model, also after `close`. They are read, not mapped: pages of a map would count as memory.

        Raises:
            ModelError: if the file changed since it was opened.
        """
        return self.file.read(offset, length) if self.file is not None else self._data[offset : offset + length]

    def close(self) -> None:
        """Give the map back; `read` goes on working."""
        if self._map is not None:
            # A walk that failed is still in its error's traceback and holds the map; both go together then.
            with contextlib.suppress(BufferError):
                self._map.close()
            self._map = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _map(path: Path) -> tuple[FileOnDisk, mmap.mmap]:
    """Look before opening, so that nothing but a regular file is ever opened."""
    shown = path.as_posix()
    try:
        absolute = os.path.abspath(path)
        status = os.stat(absolute)
        what = irregular(status)
        if what is not None:
            raise ModelError(f"it is {what}, not a model file", "give the path of an .onnx file", path=shown)
        if status.st_size == 0:
            raise ModelError("the file is empty", "export the model again", path=shown)
        file = FileOnDisk.of(absolute, status)
        descriptor = file.open()
        try:
            mapped = mmap.mmap(descriptor, file.size, access=mmap.ACCESS_READ)
        finally:
            os.close(descriptor)
    except FileNotFoundError as error:
        raise ModelError("there is no such file", "check the path", path=shown) from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ModelError(f"it cannot be read: {reason}", "check the path and its permissions", path=shown) from error
    if hasattr(mmap, "MADV_RANDOM"):
        mapped.madvise(mmap.MADV_RANDOM)  # else the kernel reads ahead into the weights
    return file, mapped


def _identity(status: os.stat_result) -> tuple[int, int, int, int]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _read_all(descriptor: int, offset: int, length: int) -> bytes:
    os.lseek(descriptor, offset, os.SEEK_SET)
    parts = []
    while length > 0:
        part = os.read(descriptor, min(length, 1 << 30))
        if not part:
            raise OSError(0, "it ends too early")
        parts.append(part)
        length -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)
