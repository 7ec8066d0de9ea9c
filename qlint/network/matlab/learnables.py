"""Whether the arrays of a description are what its layers have."""

from __future__ import annotations

from collections.abc import Mapping

from qlint.files.description.records import Description, LayerEntry
from qlint.files.quoting import quoted
from qlint.network.matlab.table import LayerType
from qlint.suggest import did_you_mean


def check_learnables(layers: Mapping[str, tuple[LayerEntry, LayerType]], description: Description) -> None:
    """Refuse arrays that a layer's type does not have, and statistics that are given twice.

    Args:
        layers: all of them, by full name, with their types.
        description: whose arrays to check.

    Raises:
        DescriptionError: at the array, or at `weights` where it is in a file.
    """
    for full in description.arrays.names():
        layer, _, name = full.rpartition("/")
        if layer not in layers:
            continue
        entry, type = layers[layer]
        if entry.properties.get(name) is not None:
            problem = f"{name} of layer {quoted(layer)} is given twice, as a property and as an array"
            description.wrong((*entry.path, name), problem, "keep one of the two", key=True)
        if not type.open and name not in type.learnables:
            names = type.learnables
            otherwise = "it may have " + ", ".join(names) if names else "it has none; remove the array"
            problem = f"{type.name} {quoted(layer)} has no learnable {quoted(name)}"
            place = description.arrays.place(layer, name)
            description.wrong(place, problem, did_you_mean(name, names, otherwise), key=len(place) > 1)
