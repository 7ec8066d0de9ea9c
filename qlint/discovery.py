"""Which files a call means: models by name, and every model below a folder."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from qlint.errors import ModelError
from qlint.files.suffixes import MODELS

_NEVER_WALKED = {"node_modules", "__pycache__", "site-packages"}
_MARK_OF_ENVIRONMENT = "pyvenv.cfg"


@dataclass(frozen=True, slots=True)
class Found:
    """What discovery found.

    Attributes:
        models: paths in sorted order, as given or below what was given, with `/`, each once.
        errors: paths that are neither a file nor a folder, and folders that cannot be read.
    """

    models: tuple[str, ...]
    errors: tuple[ModelError, ...]


def discover(paths: Iterable[str]) -> Found:
    """Models among files and below folders.

    A folder is walked for names with a model's suffix, without following links to folders; dot folders, virtual
    environments and node_modules are passed over.
    """
    models: dict[str, None] = {}
    errors: list[ModelError] = []
    for path in paths:
        shown = path.replace(os.sep, "/")
        if os.path.isdir(path):
            below = sorted(_walk(path, errors))
            models.update(dict.fromkeys(below))
            if not below and shown.rstrip("/").lower().endswith(MODELS):
                errors.append(ModelError("this is a folder, not a model", "give a model's file", path=shown))
        elif _may_be_there(path):
            models[shown] = None
        else:
            errors.append(ModelError("there is no such file or folder", "check the path", path=shown))
    return Found(tuple(sorted(models)), tuple(errors))


def _may_be_there(path: str) -> bool:
    """Whether there is a file, or the system does not say; why it does not is told when the file is read."""
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return False
    except OSError:
        return True
    return True


def _walk(top: str, errors: list[ModelError]) -> Iterator[str]:
    """Paths of the models below a folder; what the system does not let be walked goes to `errors`."""

    def note(error: OSError) -> None:
        problem = f"this folder cannot be read: {error.strerror or error}"
        shown = os.fspath(error.filename or top).replace(os.sep, "/")
        errors.append(ModelError(problem, "allow reading it, or check others", path=shown))

    for folder, below, files in os.walk(top, onerror=note):
        if folder != top and _MARK_OF_ENVIRONMENT in files:
            below.clear()
            continue
        below[:] = [name for name in below if not name.startswith(".") and name not in _NEVER_WALKED]
        for name in files:
            if name.lower().endswith(MODELS) and not name.startswith("."):
                path = os.path.join(folder, name).replace(os.sep, "/")
                yield path.removeprefix("./") if top == "." else path


def repository_path(path: str) -> str:
    """A model's path relative to its repository, which is what fingerprints hold.

    The repository is the nearest folder above the model that has a `.git`; without one it is the current folder. Of
    a model outside of both only the name is left, since nothing else of its path is the same elsewhere.
    """
    full = os.path.abspath(path)
    root = _repository(os.path.dirname(full)) or os.getcwd()
    relative = os.path.relpath(full, root).replace(os.sep, "/")
    return os.path.basename(full) if relative.startswith("../") else relative


def _repository(folder: str) -> str | None:
    while True:
        if os.path.lexists(os.path.join(folder, ".git")):
            return folder
        above = os.path.dirname(folder)
        if above == folder:
            return None
        folder = above
