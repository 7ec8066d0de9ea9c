"""Padding and cropping as MATLAB's constructors take them, and what is made of them.

Normal form of a size is the catalogue's: [left right] in 1-D, [top bottom left right] in 2-D, and
[[top left front], [bottom right back]] in 3-D.
"""

from __future__ import annotations

from typing import Any

from qlint.network.matlab.kinds import Kind, UnfitError, whole
from qlint.suggest import did_you_mean

_FORMS = {
    1: "a whole number, or [left, right]",
    2: "a whole number, [a, b] or [top, bottom, left, right]",
    3: "a whole number, [a, b, c] or [[top, left, front], [bottom, right, back]]",
}


def padding_size(rank: int) -> Kind:
    """Sizes of a padding or cropping of `rank` axes, as MATLAB's constructors take them, none negative."""
    says = _FORMS[rank]

    def read(value: Any) -> Any:
        if rank == 3 and isinstance(value, list) and any(isinstance(row, list) for row in value):
            rows = [[_size(item, says) for item in row] if isinstance(row, list) else [] for row in value]
            if [len(row) for row in rows] != [3, 3]:
                raise UnfitError(f"write {says}")
            return rows
        found = [_size(item, says) for item in value] if isinstance(value, list) else [_size(value, says)] * rank
        if len(found) == 1:
            found *= rank
        if len(found) == rank and rank > 1:
            return [found, list(found)] if rank == 3 else [found[0], found[0], found[1], found[1]]
        if rank < 3 and len(found) == 2 * rank:
            return found
        if rank == 1 and len(found) == 1:
            return found * 2
        raise UnfitError(f"write {says}")

    one = {"type": "integer", "minimum": 0}
    forms: list[Any] = [one]
    for length in {1: (1, 2), 2: (1, 2, 4), 3: (1, 3)}[rank]:
        forms.append({"type": "array", "items": one, "minItems": length, "maxItems": length})
    if rank == 3:
        row = {"type": "array", "items": one, "minItems": 3, "maxItems": 3}
        forms.append({"type": "array", "items": row, "minItems": 2, "maxItems": 2})
    return Kind(says, read, {"anyOf": forms})


def _size(value: Any, says: str) -> int:
    found = whole(value)
    if found is None or found < 0:
        raise UnfitError(f"write {says}")
    return found


def padding(rank: int, *modes: str) -> Kind:
    """The constructors' `Padding` or `Cropping`: a mode other than "manual", or sizes. Gives (mode, size or None)."""
    size = padding_size(rank)
    says = " or ".join([*map(repr, modes), size.says])

    def read(value: Any) -> Any:
        if not isinstance(value, str):
            try:
                return "manual", size.read(value)
            except UnfitError:
                raise UnfitError(f"write {says}") from None
        word = value.lower()
        if word not in modes:
            raise UnfitError(did_you_mean(value, modes, f"write {says}"))
        return word, None

    return Kind(says, read, {"anyOf": [{"enum": list(modes)}, *size.schema["anyOf"]]})


def pairs(value: Any, rank: int) -> list[tuple[int, int]]:
    """(before, after) for each axis of a padding or cropping in its normal form."""
    if rank == 3:
        return list(zip(*value, strict=True))
    return [(value[2 * axis], value[2 * axis + 1]) for axis in range(rank)]


def unpaired(values: list[tuple[int, int]]) -> Any:
    """The normal form of (before, after) for each axis; `pairs` undoes it."""
    if len(values) == 3:
        return [[before for before, _ in values], [after for _, after in values]]
    return [size for pair in values for size in pair]


def listed(value: Any, rank: int) -> list[int]:
    """A size, stride or dilation in its normal form as a list with one number for each axis."""
    return list(value) if isinstance(value, list) else [value] * rank


def same(length: int, window: int, stride: int, dilation: int = 1) -> tuple[int, int]:
    """Padding of one axis by which `ceil(length / stride)` outputs come out; what is uneven goes to the end."""
    total = max((-(-length // stride) - 1) * stride + (window - 1) * dilation + 1 - length, 0)
    return total // 2, total - total // 2
