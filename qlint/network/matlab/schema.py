"""The JSON Schema of network descriptions, made from the tables.

Editors complete and check descriptions with it. What it cannot say (ports, cycles, arrays) only reading tells. Layers
of a type that no table knows are left alone there: they may be custom ones.
"""

from __future__ import annotations

from typing import Any

from qlint.files.description.records import SCHEMA
from qlint.files.description.structure import CLASSES
from qlint.network.matlab.opaque import NESTING
from qlint.network.matlab.registry import TYPES
from qlint.network.matlab.table import WITHOUT_MEANING, LayerType

_TEXT = {"type": "string", "minLength": 1}
_ARRAY = {"anyOf": [{"type": ["number", "null"]}, {"type": "array", "items": {"type": ["number", "array"]}}]}


def schema() -> dict[str, Any]:
    """The schema as plain data."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://qlint.dev/schema/qlint.network.v1.schema.json",
        "title": SCHEMA,
        "description": "A network description: layers with MATLAB's types and properties, and what connects them.",
        "type": "object",
        "required": ["schema", "layers"],
        "additionalProperties": False,
        "properties": {
            "schema": {"const": SCHEMA},
            "network": {
                "type": ["object", "null"],
                "additionalProperties": False,
                "properties": {
                    "class": {"enum": list(CLASSES)},
                    "release": {"anyOf": [{"type": "string", "pattern": "^R20[0-9]{2}[ab]$"}, {"type": "null"}]},
                },
            },
            "weights": {"type": ["string", "null"], "minLength": 1, "description": "an .npz or .mat file beside it"},
            "layers": {"$ref": "#/$defs/layers"},
            "connections": {"$ref": "#/$defs/connections"},
        },
        "$defs": {
            "layers": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/layer"}},
            "connections": {
                "description": "[from, to] pairs, with /in2 or /out2 for a further port; left out: each to the next",
                "type": ["array", "null"],
                "items": {"type": "array", "items": _TEXT, "minItems": 2, "maxItems": 2},
            },
            "body": {
                "type": ["object", "null"],
                "required": ["layers"],
                "additionalProperties": False,
                "properties": {
                    "layers": {"$ref": "#/$defs/layers"},
                    "connections": {"$ref": "#/$defs/connections"},
                },
            },
            "layer": {
                "type": "object",
                "required": ["name", "type"],
                "properties": _entry(),
                "allOf": [
                    {
                        "if": {"properties": {"type": {"const": name}}, "required": ["type"]},
                        "then": {"$ref": f"#/$defs/{name}"},
                    }
                    for name in TYPES
                ],
            },
            **{name: _layer(layer) for name, layer in TYPES.items()},
        },
    }


def _entry() -> dict[str, Any]:
    """Keys that every layer may have."""
    return {
        "name": _TEXT,
        "type": {"anyOf": [{"enum": list(TYPES)}, _TEXT]},
        "custom": {"type": "boolean", "description": "the type is your own, which no table knows"},
        "ignore": {
            "description": "codes of rules that are not to be reported here, each with the reason",
            "type": ["object", "null"],
            "additionalProperties": {"type": "string", "pattern": "\\S"},
        },
        "learnables": {"type": ["object", "null"], "additionalProperties": _ARRAY},
        "Network": {"$ref": "#/$defs/body"},
    }


def _layer(layer: LayerType) -> dict[str, Any]:
    """What a layer of a type may have."""
    kinds = {
        **{name: item.kind for name, item in layer.properties.items()},
        **{name: item.kind for name, item in layer.shorthands.items()},
    }
    defaults = {name: item.default for name, item in layer.properties.items() if item.default is not None}
    properties: dict[str, Any] = {
        name: {
            "anyOf": [dict(kind.schema), {"type": "null"}],
            "description": kind.says,
            **({"default": defaults[name]} if name in defaults else {}),
        }
        if kind.schema
        else {"description": kind.says}
        for name, kind in kinds.items()
    }
    if layer.open:
        return {"properties": properties}
    names: dict[str, Any] = {name: {} for name in ("name", "type", "custom", "ignore")}
    learnables: dict[str, Any] = {name: {} for name in layer.learnables}
    return {
        "properties": {
            **names,
            **({"Network": {}} if layer.name in NESTING else {}),
            **properties,
            "learnables": {"properties": learnables, "additionalProperties": False},
        },
        "patternProperties": {f"^(?!({'|'.join(layer.learnables) or '-'})$){WITHOUT_MEANING.pattern}$": {}},
        "additionalProperties": False,
    }
