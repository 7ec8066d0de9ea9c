"""External data of tensors: which file an entry names, and whether it may be read at all.

A model may come from anywhere, and what it names must not lead out of its folder, into a device or into a pipe. Every
path is judged by its status before it is opened, and nothing is opened for linting but a file small enough to be a
Git-LFS pointer.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import NoReturn

from qlint.errors import ExternalDataError, LfsPointerError, ModelError
from qlint.files.quoting import quoted
from qlint.files.source import LFS_HEAD, LFS_LARGEST, FileOnDisk, Source, irregular

_DRIVE = re.compile(r"[A-Za-z]:")
_SYSTEM = ("/proc", "/sys", "/dev")


@dataclass(frozen=True, slots=True)
class Region:
    """Where a tensor's external data lies: `length` bytes of a file from `offset` on."""

    file: FileOnDisk
    offset: int
    length: int

    def read(self) -> bytes:
        """The bytes.

        Raises:
            ModelError: if the file changed since it was located.
        """
        return self.file.read(self.offset, self.length)


class ExternalFiles:
    """The files that the tensors of one model name, each looked at once."""

    __slots__ = ("_folders", "_found", "_source")

    def __init__(self, source: Source) -> None:
        self._source = source
        self._found: dict[str, FileOnDisk] = {}
        self._folders: list[tuple[str, str]] | None = None

    def locate(self, name: str, location: str, offset: int, length: int | None, needed: int) -> Region:
        """Find a tensor's external data without reading it.

        Args:
            name: the tensor's, for messages.
            location: the file as the model names it.
            offset: first byte.
            length: bytes the model says there are; None for all to the file's end.
            needed: bytes that the tensor's type and dims need.

        Raises:
            LfsPointerError: if a Git-LFS pointer stands in the file's place.
            ExternalDataError: if the file must not be read, is missing, or does not hold these bytes.
        """
        if offset < 0 or (length is not None and length < 0):
            self._refuse(name, location, "has a negative offset or length", "export the model again")
        if length is not None and length != needed:
            what = f"has a length of {length} bytes, but its type and dims need {needed}"
            self._refuse(name, location, what, "export the model again")
        file = self._found.get(location)
        if file is None:
            file = self._found[location] = self._look(name, location)
        if offset + needed > file.size:
            what = f"would end at byte {offset + needed}, but the file has {file.size} bytes"
            self._refuse(name, location, what, "copy the file again beside the model, or export both again")
        return Region(file, offset, needed)

    def _look(self, name: str, location: str) -> FileOnDisk:
        """Judge what a location leads to, by its name and its status alone."""
        plain = location.replace("\\", "/")
        remedy = "external data must lie beside the model, in its folder or below; export the model again"
        if not location or "\0" in location:
            self._refuse(name, location, "names no file", remedy)
        if plain.startswith("/") or _DRIVE.match(location):
            self._refuse(name, location, "is an absolute path", remedy)
        if os.path.normpath(plain).split(os.sep)[0] == os.pardir:
            self._refuse(name, location, "climbs out of the model's folder", remedy)
        if "\\" in location:
            self._refuse(name, location, "holds a backslash", "name the file with / as ONNX demands")
        found = None
        try:
            for given, _ in self._roots():
                path = os.path.join(given, location)
                if os.path.lexists(path):
                    found = os.path.realpath(path, strict=True)
                    break
            if found is None:
                self._refuse(name, location, "does not exist", "copy it beside the model")
            if not any(_inside(found, root) for _, root in self._roots()):
                self._refuse(name, location, "is a link that leads out of the model's folder", remedy)
            status = os.stat(found, follow_symlinks=False)
            what = irregular(status) or ("a file of the system" if _system(found) else None)
            if what is not None:
                self._refuse(name, location, f"is {what}", remedy)
        except FileNotFoundError:
            self._refuse(name, location, "is a link to a file that does not exist", "fetch the file it leads to")
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else "its name is invalid"
            self._refuse(name, location, f"cannot be reached: {reason}", "check the file and its permissions")
        file = FileOnDisk.of(found, status)
        if file.size < LFS_LARGEST and self._head(name, location, file) == LFS_HEAD:
            raise LfsPointerError(
                f"external data {quoted(location)} of tensor {quoted(name)} is a Git-LFS pointer, not the data itself",
                "run git lfs pull",
                path=self._source.path.as_posix(),
            )
        return file

    def _head(self, name: str, location: str, file: FileOnDisk) -> bytes:
        try:
            return file.read(0, min(file.size, len(LFS_HEAD)))
        except ModelError:
            self._refuse(name, location, "cannot be read", "check its permissions")

    def _roots(self) -> list[tuple[str, str]]:
        """Folders a location may be relative to, as (path, real path): the given file's, and the real file's.

        The second serves link farms: a model cache's `snapshots/1/model.onnx` is a link to `blobs/<hash>`.
        """
        if self._folders is None:
            given = os.path.abspath(self._source.path)
            folder, real = os.path.dirname(given), os.path.dirname(os.path.realpath(given))
            self._folders = [(folder, os.path.realpath(folder)), (real, real)]
        return self._folders

    def _refuse(self, name: str, location: str, what: str, remedy: str) -> NoReturn:
        raise ExternalDataError(
            f"external data {quoted(location)} of tensor {quoted(name)} {what}",
            remedy,
            path=self._source.path.as_posix(),
        )


def _inside(path: str, folder: str) -> bool:
    return os.path.commonpath([path, folder]) == folder


def _system(path: str) -> bool:
    """Whether a path lies where even regular files are not plain data (a model may stand in `/`)."""
    return any(_inside(path, folder) for folder in _SYSTEM)
