"""Values of which some elements are known and others are not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from qlint.files.model import Shape
from qlint.tristate import Unknown

ALL_KNOWN: Any = None
"""The mask of a value of which every element is known."""


@dataclass(slots=True)
class Partial:
    """A value of which some elements may be unknown.

    Attributes:
        values: numpy array (unknown elements hold 0); None where not even the size is known.
        known: boolean mask of the same shape, or None if every element is known.
        missing: the fact that would make it known.
        shape, name: of a tensor whose Shape is taken (values is None then).
    """

    values: Any
    known: Any
    missing: Unknown | None = None
    shape: Shape = None
    name: str = ""


def missing_size(tensor: str, axis: int, size: str | None) -> Unknown:
    """The missing fact that a tensor's axis has no known size, and the `--bind` that would give it."""
    if size:
        return Unknown(f"size {size!r} of axis {axis} of {tensor!r}", f"--bind {size}=1")
    return Unknown(f"size of axis {axis} of {tensor!r}")
