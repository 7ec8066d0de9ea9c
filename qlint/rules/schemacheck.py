"""Rule files against the JSON Schema that editors complete them with. The only user of jsonschema in this room."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from functools import cache
from typing import Any

from qlint.files.yamlfile import Path

SCHEMA_FILE = os.path.join(os.path.dirname(__file__), "schema", "qlint.rules.v1.schema.json")


@cache
def _validator() -> Any:
    from jsonschema import Draft202012Validator

    with open(SCHEMA_FILE, encoding="utf-8") as file:
        return Draft202012Validator(json.load(file))


def schema_mistakes(data: Any) -> Iterator[tuple[Path, str]]:
    """Where the data does not conform, and how."""
    from jsonschema.exceptions import best_match

    for error in _validator().iter_errors(data):
        nearest = best_match([error]) or error
        yield tuple(nearest.absolute_path), _short(nearest.message)


def _short(message: str) -> str:
    line = " ".join(message.split())
    return line if len(line) <= 160 else line[:157] + "..."
