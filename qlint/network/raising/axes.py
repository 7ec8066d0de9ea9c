"""The labels of a tensor's axes, and which layer's output it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import TypeAlias

from qlint.files.description.records import End
from qlint.network.lower.signal import Size

Axis: TypeAlias = tuple[str, ...]
"""Labels that one axis holds, the first varying slowest: ("C",) alone, ("C", "S1", "S2") flattened, () for an axis of
one element that MATLAB's data do not have."""

Axes: TypeAlias = tuple[Axis, ...]

BATCH: Axis = ("B",)
CHANNELS: Axis = ("C",)
TIME: Axis = ("T",)


class Unfit(Exception):
    """Why no layer of MATLAB's says what a node does."""


@dataclass(frozen=True, slots=True)
class Placed:
    """Where a tensor's data are in the description.

    Attributes:
        end: the output of a layer that they are.
        axes: what the tensor's axes are; None where that is not known.
        sizes: of labels.
        by: name of the node that brought them into this order, for the layer that may have to say so.
    """

    end: End
    axes: Axes | None
    sizes: Mapping[str, Size] = field(default_factory=dict)
    by: str = ""

    @property
    def known(self) -> Axes:
        """The axes.

        Raises:
            Unfit: they are not known.
        """
        if self.axes is None:
            raise Unfit("the layout of its input is not known")
        return self.axes

    @property
    def labels(self) -> tuple[str, ...]:
        """All labels, in the order B, C, S..., T."""
        return ordered(label for axis in self.known for label in axis)

    @property
    def spatial(self) -> tuple[str, ...]:
        """The spatial labels, height first."""
        return tuple(label for label in self.labels if label.startswith("S"))


def ordered(labels: Iterable[str]) -> tuple[str, ...]:
    """Labels in the order B, C, S..., T, in which lowered data stand."""
    return tuple(sorted(labels, key=lambda label: {"B": "0", "C": "1", "T": "9"}.get(label, f"2{label}")))


def canonical(spatial: int, *, time: bool = False) -> Axes:
    """Axes of lowered data: [B, C, S..., T]."""
    return (BATCH, CHANNELS, *((f"S{number}",) for number in range(1, spatial + 1)), *((TIME,) if time else ()))


def is_canonical(axes: Axes) -> bool:
    """Whether axes stand in the order of lowered data, each on its own."""
    return all(len(axis) == 1 for axis in axes) and tuple(axis[0] for axis in axes) == ordered(a[0] for a in axes)


def shown(axes: Axes) -> str:
    """Axes in a message: `[B, T, C]`."""
    return "[" + ", ".join("*".join(label[0] for label in axis) or "1" for axis in axes) + "]"


def column_major(labels: Sequence[str]) -> tuple[str, ...]:
    """The order, slowest first, in which MATLAB flattens channels and space."""
    return tuple(reversed([*[label for label in ordered(labels) if label != "C"], "C"]))


def numbers(sizes: Mapping[str, Size], labels: Sequence[str]) -> tuple[int, ...]:
    """Sizes of labels.

    Raises:
        Unfit: one is not known.
    """
    found = tuple(sizes.get(label) for label in labels)
    if not all(isinstance(size, int) for size in found):
        raise Unfit("the sizes that it flattens are not known; bind them with --bind")
    return tuple(size for size in found if isinstance(size, int))


def regrouped(axes: Axes, shape: Sequence[Size], target: Sequence[Size]) -> Axes | None:
    """The axes of a tensor after a reshape that only joins neighbours, or drops and adds axes of one element.

    Args:
        axes: before.
        shape: before.
        target: after; -1 and None where a size is worked out.

    Returns:
        None where it does more than that.
    """
    made: list[Axis] = []
    left = list(zip(axes, shape, strict=True))
    for number, size in enumerate(target):
        rest = target[number + 1 :]
        if not rest:
            made.append(tuple(label for axis, _ in left for label in axis))
            return tuple(made) if _joins(left, size) else None
        if left and (size == left[0][1] or (size in (-1, None) and len(left) > 1 and _fits(left[1:], rest))):
            made.append(left.pop(0)[0])
            continue
        if size == 1:
            if left and left[0][1] == 1:
                made.append(left.pop(0)[0])
            else:
                made.append(())
            continue
        joined: list[tuple[Axis, Size]] = []
        while left and not (joined and _joins(joined, size)):
            joined.append(left.pop(0))
        if not _joins(joined, size):
            return None
        made.append(tuple(label for axis, _ in joined for label in axis))
    return tuple(made) if not left else None


def _joins(parts: Sequence[tuple[Axis, Size]], size: Size) -> bool:
    """Whether the product of sizes is `size`, as far as they are known."""
    sizes = [each for _, each in parts]
    if size in (-1, None):
        return True
    known = [each for each in sizes if isinstance(each, int)]
    if len(known) < len(sizes):
        return len(sizes) == 1 and sizes[0] == size
    return prod(known) == size


def _fits(parts: Sequence[tuple[Axis, Size]], target: Sequence[Size]) -> bool:
    """Whether what is left can become what is left of the target, so that an open size is the first one's own."""
    mine, wanted = [each for _, each in parts], list(target)
    if all(isinstance(size, int) and size > 0 for size in (*mine, *wanted)):
        return prod(size for size in mine if isinstance(size, int)) == prod(
            size for size in wanted if isinstance(size, int)
        )
    return mine == wanted or (len([size for size in wanted if size in (-1, None)]) == 0 and len(mine) == len(wanted))
