"""Files that appear whole or not at all, made of bytes and of ranges of another file."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeAlias

from qlint.errors import OutputError
from qlint.files.source import FileOnDisk, Source

Piece: TypeAlias = bytes | tuple[int, int]
"""Bytes, or (offset, length) of the source."""

_CHUNK = 8 << 20
_FLUSH = 1 << 20


@contextlib.contextmanager
def replaced(path: Path) -> Iterator[Callable[[Iterable[Piece], Source | None], None]]:
    """A function that writes pieces; they take the file's place when the block ends without an error.

    They are written to a temporary file of the same folder, which is synced and renamed.

    Raises:
        OutputError: if the file cannot be written.
    """
    temporary = None
    try:
        if path.is_dir():
            raise OutputError("it is a folder", "give the path of a file", path=path.as_posix())
        if path.exists() and not path.is_file():
            raise OutputError("it is a device or a pipe", "give the path of a file", path=path.as_posix())
        descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name[:100]}.", suffix=".tmp", dir=path.parent)
        try:
            yield lambda pieces, source: _write(descriptor, pieces, source)
            os.fchmod(descriptor, _mode(path))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.replace(temporary, path)
        temporary = None
        folder_synced(path.parent)
    except OSError as error:
        raise unwritable(path, error) from error
    finally:
        if temporary is not None:
            with contextlib.suppress(OSError):
                os.unlink(temporary)


def unwritable(path: Path, error: OSError) -> OutputError:
    """The error that says why the system does not let a file be written."""
    remedy = "check the folder, its permissions and the space that is left"
    return OutputError(f"it cannot be written: {error.strerror or error}", remedy, path=path.as_posix())


def copied(file: FileOnDisk, target: Path) -> None:
    """Copy a file, whole or not at all.

    Raises:
        ModelError: if it changed since it was seen.
        OutputError: if it cannot be written.
    """
    with replaced(target) as write:
        write([(0, file.size)], Source(Path(file.path), b"", file, None))


def folder_synced(folder: Path) -> None:
    """Make sure that a rename in a folder lasts; not every system can."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _mode(path: Path) -> int:
    """Permissions of the file that is replaced, else those of any new file."""
    with contextlib.suppress(FileNotFoundError):
        return os.stat(path).st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def _write(descriptor: int, pieces: Iterable[Piece], source: Source | None) -> None:
    held = bytearray()
    opened = source.file.open() if source is not None and source.file is not None else None
    try:
        for piece in pieces:
            if isinstance(piece, tuple):
                offset, length = piece
                if opened is None or length < _FLUSH:
                    assert source is not None
                    if opened is None:
                        held += source.read(offset, length)
                    else:
                        held += os.pread(opened, length, offset)
                else:
                    _flush(descriptor, held)
                    _copy_range(opened, descriptor, offset, length)
            elif len(piece) < _FLUSH:
                held += piece
            else:
                _flush(descriptor, held)
                _write_all(descriptor, memoryview(piece))
            if len(held) >= _FLUSH:
                _flush(descriptor, held)
        _flush(descriptor, held)
    finally:
        if opened is not None:
            os.close(opened)


def _flush(descriptor: int, held: bytearray) -> None:
    _write_all(descriptor, memoryview(bytes(held)))
    held.clear()


def _write_all(descriptor: int, content: memoryview) -> None:
    while content:
        content = content[os.write(descriptor, content[:_CHUNK]) :]


def _copy_range(source: int, target: int, offset: int, length: int) -> None:
    """Let the system copy, where it can; between some file systems it cannot."""
    end = offset + length
    while offset < end and hasattr(os, "copy_file_range"):
        try:
            done = os.copy_file_range(source, target, min(end - offset, 1 << 30), offset)
        except OSError:
            break
        if not done:
            break
        offset += done
    while offset < end:
        content = os.pread(source, min(end - offset, _CHUNK), offset)
        if not content:
            raise OSError(0, "the model ends too early; it changed while it was being copied")
        _write_all(target, memoryview(content))
        offset += len(content)
