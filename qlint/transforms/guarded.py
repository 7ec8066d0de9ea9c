"""A transform that leaves alone what could not be proven when it was tried."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from qlint.transforms.patch import Declined, Patch

if TYPE_CHECKING:
    from qlint.transforms.base import Context, Transform


class Guarded:
    """Yields what another transform does, but declines some of its patches.

    Args:
        transform: the other one.
        unproven: the reason by (transform, id) of a patch.
    """

    def __init__(self, transform: Transform, unproven: Mapping[tuple[str, str], str]) -> None:
        self.name = transform.name
        self._transform = transform
        self._unproven = unproven

    def find(self, context: Context) -> Iterator[Patch | Declined]:
        """The other transform's patches and refusals."""
        for entry in self._transform.find(context):
            reason = self._unproven.get((entry.transform, entry.id)) if isinstance(entry, Patch) else None
            yield entry if reason is None else Declined(entry.transform, entry.id, entry.type, reason)
