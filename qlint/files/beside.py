"""Files that a model or description names: whether they may be read at all.

A model may come from anywhere, and what it names must not lead out of its folder, into a device or into a pipe. Every
path is judged by its status before it is opened.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import NoReturn

from qlint.files.source import FileOnDisk, irregular

_DRIVE = re.compile(r"[A-Za-z]:")
_SYSTEM = ("/proc", "/sys", "/dev")


class UnreachableError(Exception):
    """Why a file must not or cannot be read ("is an absolute path"), and what to do; "" where the caller has to say."""

    def __init__(self, what: str, remedy: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.remedy = remedy


class Beside:
    """Finds files beside another one, in its folder or below."""

    __slots__ = ("_path", "_roots")

    def __init__(self, path: Path) -> None:
        self._path = path
        self._roots: list[tuple[str, str]] | None = None

    def find(self, location: str) -> FileOnDisk:
        """Judge what a location leads to, by its name and its status alone.

        Raises:
            UnreachableError: if the file must not be read, or is missing.
        """
        plain = location.replace("\\", "/")
        if not location or "\0" in location:
            _refuse("names no file")
        if plain.startswith("/") or _DRIVE.match(location):
            _refuse("is an absolute path")
        if os.path.normpath(plain).split(os.sep)[0] == os.pardir:
            _refuse("climbs out of the model's folder")
        if "\\" in location:
            _refuse("holds a backslash", "name the file with / as ONNX demands")
        found = None
        try:
            for given, _ in self._folders():
                path = os.path.join(given, location)
                if os.path.lexists(path):
                    found = os.path.realpath(path, strict=True)
                    break
            if found is None:
                _refuse("does not exist", "copy it beside the model")
            if not any(_inside(found, root) for _, root in self._folders()):
                _refuse("is a link that leads out of the model's folder")
            status = os.stat(found, follow_symlinks=False)
            what = irregular(status) or ("a file of the system" if _system(found) else None)
            if what is not None:
                _refuse(f"is {what}")
        except FileNotFoundError:
            _refuse("is a link to a file that does not exist", "fetch the file it leads to")
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else "its name is invalid"
            _refuse(f"cannot be reached: {reason}", "check the file and its permissions")
        return FileOnDisk.of(found, status)

    def _folders(self) -> list[tuple[str, str]]:
        """Folders a location may be relative to, as (path, real path): the given file's, and the real file's.

        The second serves link farms: a model cache's `snapshots/1/model.onnx` is a link to `blobs/<hash>`.
        """
        if self._roots is None:
            given = os.path.abspath(self._path)
            folder, real = os.path.dirname(given), os.path.dirname(os.path.realpath(given))
            self._roots = [(folder, os.path.realpath(folder)), (real, real)]
        return self._roots


def _refuse(what: str, remedy: str = "") -> NoReturn:
    raise UnreachableError(what, remedy)


def _inside(path: str, folder: str) -> bool:
    return os.path.commonpath([path, folder]) == folder


def _system(path: str) -> bool:
    """Whether a path lies where even regular files are not plain data (a model may stand in `/`)."""
    return any(_inside(path, folder) for folder in _SYSTEM)
