"""From a rule file to predicates on the ONNX operator that computes a layer."""

from __future__ import annotations

from typing import Any

from qlint.files.yamlfile import Path
from qlint.rules.mistakes import Mistakes, kind_of
from qlint.rules.predicates.core import Predicate
from qlint.rules.predicates.logic import Entries
from qlint.rules.predicates.operator import Attribute, Attributes
from qlint.rules.predicates.parse_tests import ATTRIBUTE, parse_test


def parse_attributes(data: Any, path: Path, mistakes: Mistakes) -> Predicate:
    """`attributes: {NAME: test}`."""
    if not isinstance(data, dict) or not data:
        mistakes.add(path, f"attributes maps names to tests, not {kind_of(data)}", "write {strides: {max: 2}}, say")
        return Entries(())
    for name in data:
        if not ATTRIBUTE.fullmatch(name):
            problem = f"{name[:60]!r} is not an attribute's name"
            mistakes.add((*path, name), problem, "write it as ONNX does", at_key=True)
    return Attributes(
        [Attribute(name, parse_test(wanted, (*path, name), mistakes), wanted) for name, wanted in data.items()], data
    )
