"""A changed layer in the words of the one it was: what means the same stays as it was written."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from qlint.network.matlab.normal import normal
from qlint.network.matlab.registry import TYPES

if TYPE_CHECKING:
    from qlint.files.description.records import Description, LayerEntry

_STATISTICS = ("Mean", "StandardDeviation", "Min", "Max", "NormalizationDimension")


def merged(old: LayerEntry, new: LayerEntry, description: Description) -> LayerEntry:
    """The new layer under the old one's name.

    Of the same type, it keeps the old one's properties, in their order, where they mean what the new one's do or where
    the new one says nothing of them.
    """
    if old.type != new.type:
        return replace(new, name=old.name, path=old.path)
    were, are = normal(old, description), normal(replace(new, path=old.path), description)
    shorthands = TYPES[old.type].shorthands

    def targets(key: str) -> tuple[str, ...]:
        return shorthands[key].targets if key in shorthands else (key,)

    def stays(key: str) -> bool:
        if key in _STATISTICS and "Normalization" in are:
            return key in new.properties and were.get(key) == are.get(key)
        return all(are.get(target) is None or are[target] == were.get(target) for target in targets(key))

    kept: dict[str, Any] = {key: value for key, value in old.properties.items() if stays(key)}
    said = {target for key in kept for target in targets(key)}
    for key, value in new.properties.items():
        if not said.issuperset(targets(key)) and any(are[target] != were.get(target) for target in targets(key)):
            kept[key] = value
    return replace(old, properties=kept)
