"""What flows between lowered layers: a tensor's name, MATLAB's data format, and the sizes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeAlias

Size: TypeAlias = int | str | None
"""A number, a symbol ("N", "T"), or None where it is unknown."""


@dataclass(frozen=True, slots=True)
class Signal:
    """A tensor between layers.

    Attributes:
        tensor: its name in the lowered graph.
        format: MATLAB's data format in MATLAB's order ("SSCB", "SSSCB", "CB", "CBT", "SCBT", "SSCBT"); "" where it is
            unknown (what a custom layer makes). `B` is always there: formats without it stand for one observation.
        shape: axis sizes in ONNX's order B, C, S..., T; None where the format is unknown.
        type: ONNX's element type in lower case.
        sizes: what a tensor that holds the sizes of another holds, where it is known.
    """

    tensor: str
    format: str
    shape: tuple[Size, ...] | None
    type: str = "float"
    sizes: tuple[Size, ...] | None = None

    @property
    def known(self) -> bool:
        """Whether the format and so the number of axes are known."""
        return self.shape is not None

    @property
    def spatial(self) -> tuple[Size, ...]:
        """Sizes of the spatial axes, height first; () without any, or where the format is unknown."""
        return self.shape[2 : 2 + self.format.count("S")] if self.shape is not None else ()

    @property
    def channels(self) -> Size:
        """Size of the channel axis."""
        return self.shape[1] if self.shape is not None else None

    @property
    def batch(self) -> Size:
        """Size of the batch axis."""
        return self.shape[0] if self.shape is not None else None

    @property
    def time(self) -> Size:
        """Size of the time axis, which only formats with a T have."""
        return self.shape[-1] if self.shape is not None and self.has_time else None

    @property
    def has_time(self) -> bool:
        """Whether there is a time axis; it is the last one."""
        return self.format.endswith("T")

    def renamed(self, tensor: str) -> Signal:
        """The same under another name."""
        return replace(self, tensor=tensor)


def layout(spatial: int, *, time: bool) -> str:
    """MATLAB's format with that many spatial axes: `layout(2, time=False)` is "SSCB", `layout(0, time=True)` "CBT"."""
    return "S" * spatial + "CB" + "T" * time
