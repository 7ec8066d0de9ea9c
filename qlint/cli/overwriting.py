"""What a command must not write over: what it reads, and what else it writes."""

from __future__ import annotations

import os
from collections.abc import Iterable

from qlint.errors import UsageError


def expect_apart(read: Iterable[str | None], written: Iterable[str | None]) -> None:
    """Refuse to write over what a command reads, and to write two things to one place.

    Args:
        read: paths that the command was given; None for one that it was not.
        written: paths that it is to write; None for standard output, or nothing.

    Raises:
        UsageError: two of them are one file.
    """
    places = [place for place in written if place is not None]
    inputs = {_identity(place) for place in read if place is not None} if places else set()
    outputs = set()
    for place in places:
        same = _identity(place)
        if same in inputs:
            raise UsageError(f"{place} is read, and would be overwritten", "name another file to write to")
        if same in outputs and not is_special(place):
            raise UsageError(f"two results go to {place}", "give each a file of its own")
        outputs.add(same)


def is_special(path: str) -> bool:
    """Whether a path is no file that could be replaced by another: a device, a pipe, or a link, as /dev/stdout is."""
    return os.path.islink(path) or (os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path))


def _identity(path: str) -> object:
    """What all names of a file have in common."""
    try:
        found = os.stat(path)
    except OSError:
        return os.path.realpath(path)
    return found.st_dev, found.st_ino
