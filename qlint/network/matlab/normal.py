"""From a layer as it was written to its type and its properties in normal form."""

from __future__ import annotations

import functools
from typing import Any, NoReturn

from qlint.files.description.records import Description, LayerEntry
from qlint.files.quoting import quoted
from qlint.network.matlab.kinds import Kind, UnfitError
from qlint.network.matlab.registry import TYPES, layer_type
from qlint.network.matlab.table import LayerType
from qlint.network.network import Value
from qlint.suggest import did_you_mean


def type_of(entry: LayerEntry, description: Description) -> LayerType:
    """The type of a layer.

    Raises:
        DescriptionError: MATLAB has no such layer, and nothing says that it is a custom one.
    """
    found = layer_type(entry.type, is_custom=entry.custom)
    if found is None:
        otherwise = "write one of the types in docs/layers.md, or add custom: true if it is your own layer"
        remedy = did_you_mean(entry.type, TYPES, otherwise)
        description.wrong((*entry.path, "type"), f"there is no layer type {quoted(entry.type)}", remedy)
    return found


def normal(entry: LayerEntry, description: Description) -> dict[str, Value]:
    """The properties of a layer in normal form: what it says, else MATLAB's documented defaults.

    A value is None where it is not known: written as null or "auto", or left out where MATLAB documents no default.
    Values are not to be changed, as layers share their defaults.

    Raises:
        DescriptionError: a type, a property or a value that MATLAB does not have, at its place.
    """
    layer = type_of(entry, description)
    values = dict(_defaults(layer))
    set_by: dict[str, str] = {}
    for name, written in entry.properties.items():
        known = layer.properties.get(name)
        shorthand = layer.shorthands.get(name) if known is None else None
        if known is not None:
            found = {name: _read(known.kind, written, name, entry, description)}
        elif shorthand is not None:
            read = _read(shorthand.kind, written, name, entry, description)
            parts = read if len(shorthand.targets) > 1 and read is not None else (read,) * len(shorthand.targets)
            found = dict(zip(shorthand.targets, parts, strict=True))
        elif layer.knows(name):
            found = {name: written}
        else:
            _unknown(name, layer, entry, description)
        for target in found:
            if set_by.setdefault(target, name) != name:
                problem = f"{name} and {set_by[target]} of layer {quoted(entry.name)} set the same property"
                description.wrong((*entry.path, name), problem, "keep one of the two", key=True)
        values.update(found)
    if layer.finish is not None:
        layer.finish(values)
    return values


@functools.lru_cache(maxsize=512)
def _defaults_of(name: str) -> dict[str, Value]:
    layer = TYPES[name]
    return {**{key: item.default for key, item in layer.properties.items()}, **layer.own}


def _defaults(layer: LayerType) -> dict[str, Value]:
    if layer.name in TYPES:
        return _defaults_of(layer.name)
    return {**{key: item.default for key, item in layer.properties.items()}, **layer.own}


def _read(kind: Kind, written: Any, name: str, entry: LayerEntry, description: Description) -> Value:
    if written is None:
        return None
    try:
        return kind.read(written)
    except UnfitError as error:
        text = quoted(written if isinstance(written, str) else str(written))
        shown = text if isinstance(written, str) else text[1:-1]
        description.wrong((*entry.path, name), f"{name} of layer {quoted(entry.name)} is {shown}", str(error))


def _unknown(name: str, layer: LayerType, entry: LayerEntry, description: Description) -> NoReturn:
    if name in layer.learnables:
        description.wrong(
            (*entry.path, name),
            f"{name} of layer {quoted(entry.name)} is a learnable",
            f"write it under learnables, as learnables: {{{name}: ...}}, or put it into the file that weights names",
            key=True,
        )
    names = [*layer.properties, *layer.shorthands]
    otherwise = "it may have " + ", ".join(names) if names else "it has none"
    description.wrong(
        (*entry.path, name),
        f"{layer.name} has no property {quoted(name)}",
        did_you_mean(name, [*names, *layer.learnables], otherwise),
        key=True,
    )
