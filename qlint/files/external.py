"""External data of tensors: which file an entry names, and whether it may be read at all.

Nothing is opened for linting but a file small enough to be a Git-LFS pointer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn

from qlint.errors import ExternalDataError, LfsPointerError, ModelError
from qlint.files.beside import Beside, UnreachableError
from qlint.files.quoting import quoted
from qlint.files.source import LFS_HEAD, LFS_LARGEST, FileOnDisk, Source


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

    __slots__ = ("_beside", "_found", "_source")

    def __init__(self, source: Source) -> None:
        self._source = source
        self._found: dict[str, FileOnDisk] = {}
        self._beside = Beside(source.path)

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
        """Judge what a location leads to; nothing is opened but a file small enough to be a Git-LFS pointer."""
        try:
            file = self._beside.find(location)
        except UnreachableError as error:
            remedy = "external data must lie beside the model, in its folder or below; export the model again"
            self._refuse(name, location, error.what, error.remedy or remedy)
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

    def _refuse(self, name: str, location: str, what: str, remedy: str) -> NoReturn:
        raise ExternalDataError(
            f"external data {quoted(location)} of tensor {quoted(name)} {what}",
            remedy,
            path=self._source.path.as_posix(),
        )
