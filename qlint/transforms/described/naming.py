"""Names for layers that a transform makes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qlint.files.description.records import Body, Description
    from qlint.network.matlab.typed import TypedLayer


class Names:
    """Gives out names that no layer of the description has."""

    def __init__(self, description: Description) -> None:
        self._taken: set[str] = set()
        pending: list[tuple[str, Body]] = [("", description.body)]
        while pending:
            prefix, body = pending.pop()
            for entry in body.layers.values():
                self._taken.add(prefix + entry.name)
                if entry.nested is not None:
                    pending.append((f"{prefix}{entry.name}/", entry.nested))

    def fresh(self, beside: TypedLayer, stem: str) -> str:
        """A name for a sibling of a layer: `stem`, else `stem_2`, `stem_3`, ..."""
        prefix = beside.name.removesuffix(beside.entry.name)
        name, number = stem, 1
        while prefix + name in self._taken:
            number += 1
            name = f"{stem}_{number}"
        self._taken.add(prefix + name)
        return name
