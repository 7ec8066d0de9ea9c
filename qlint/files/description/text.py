"""Plain data as the text of a description: YAML in one line, or JSON."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

from qlint.errors import OutputError
from qlint.files.description.records import Body, Connection, End, LayerEntry

_PLAIN = re.compile(r"[A-Za-z_/][A-Za-z0-9_./ +()-]*(?<! )")
_READ_OTHERWISE = re.compile(r"null|true|false|yes|no|on|off|y|n", re.IGNORECASE)


def yaml_line(value: Any) -> str:
    """A value as YAML on one line; any YAML reader, and JSON's where it can, reads the same value."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_yaml_text(key)}: {yaml_line(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(yaml_line, value)) + "]"
    return _yaml_text(value) if isinstance(value, str) else _constant(value, {"inf": ".inf", "-inf": "-.inf"})


def json_line(value: Any) -> str:
    """A value as JSON on one line.

    Raises:
        OutputError: it is infinite, which JSON cannot say.
    """
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{json.dumps(key)}: {json_line(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(json_line, value)) + "]"
    if isinstance(value, float) and math.isinf(value):
        raise OutputError("the description holds an infinite number, which JSON cannot say", "write it as YAML")
    return json.dumps(value) if isinstance(value, str) else _constant(value, {})


def _constant(value: Any, words: Mapping[str, str]) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "null"  # what is not a number is not known
    if isinstance(value, bool):
        return "true" if value else "false"
    text = repr(value)
    if "e" in text and "." not in text:
        text = text.replace("e", ".0e")  # YAML 1.1 reads 1e-05 as a text
    return words.get(text, text)


def _yaml_text(text: str) -> str:
    if _PLAIN.fullmatch(text) and not _READ_OTHERWISE.fullmatch(text):
        return text
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(character: str) -> str:
    if character in '"\\':
        return "\\" + character
    if character.isprintable():
        return character
    code = ord(character)
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 65536 else f"\\U{code:08x}"


def layer_data(entry: LayerEntry) -> dict[str, Any]:
    """A layer's entry as plain data: name and type first, then its properties, without learnables."""
    data: dict[str, Any] = {"name": entry.name, "type": entry.type}
    if entry.custom:
        data["custom"] = True
    data.update(entry.properties)
    if entry.ignore:
        data["ignore"] = dict(entry.ignore)
    if entry.nested is not None:
        data["Network"] = body_data(entry.nested)
    return data


def body_data(body: Body) -> dict[str, Any]:
    """Layers and connections as plain data."""
    data: dict[str, Any] = {"layers": [layer_data(entry) for entry in body.layers.values()]}
    if not body.sequential:
        data["connections"] = [connection_data(connection, body.layers) for connection in body.connections]
    return data


def connection_data(connection: Connection, names: Mapping[str, Any]) -> list[str]:
    """A connection as written: [from, to].

    Args:
        connection: the connection.
        names: of all layers around it.

    Raises:
        OutputError: a layer and its port together are another layer's name, so that it could not be read back.
    """
    return [_end(end, names) for end in (connection.source, connection.target)]


def _end(end: End, names: Mapping[str, Any]) -> str:
    if not end.port:
        return end.layer
    word = f"{end.layer}/{end.port}"
    if word in names:
        problem = f"port {end.port!r} of layer {end.layer!r} cannot be written, as a layer is called {word!r}"
        raise OutputError(problem, "rename that layer")
    return word
