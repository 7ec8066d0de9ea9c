"""Operators and attributes in a rule file against those that ONNX has: what is misspelt would never apply.

Only a file whose author wants to know is held to this (`full_check`), since asking onnx means importing it.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, lru_cache
from typing import Any

from qlint.files.yamlfile import Path
from qlint.rules.mistakes import Mistakes
from qlint.rules.model import Rule
from qlint.suggest import did_you_mean

_ELSEWHERE = ("predecessor", "successor", "inputs", "consumers")
_OF_OTHERS = ("equals-attribute", "below-attribute")


def check_operators(rule: Rule, path: Path, mistakes: Mistakes) -> None:
    """Note operators of the default domain that do not exist, and attributes that none of the rule's operators has."""
    subjects = rule.source.get("op")
    for number, word in enumerate(subjects if isinstance(subjects, list) else ()):
        if mistakes.full:
            return
        _check_operator(word, (*path, "op", number), mistakes)
    for key in ("when", "require", "forbid", "examples"):
        for at, ops, name, at_key in _attributes(rule.source.get(key), (*path, key), _named(subjects)):
            if mistakes.full:
                return
            if ops is not None and name not in _known(ops):
                whose = f"{ops[0]} has" if len(ops) == 1 else "these operators have" if ops else "ONNX has"
                remedy = did_you_mean(name[:60], _known(ops), "see the operator's specification")
                mistakes.add(at, f"{whose} no attribute {name[:60]!r}", remedy, at_key=at_key)


def _check_operator(word: Any, path: Path, mistakes: Mistakes) -> None:
    if not isinstance(word, str):
        return
    name = word.removeprefix("!")
    found = any(known.startswith(name[:-1]) for known in _schemas()) if name.endswith("*") else name in _schemas()
    if not found and "." not in name:
        remedy = did_you_mean(name[:60], _schemas(), "write its domain before it if it is none of ONNX's own")
        mistakes.add(path, f"ONNX has no operator {name[:60]!r}", remedy)


def _attributes(
    data: Any, path: Path, ops: tuple[str, ...] | None
) -> Iterator[tuple[Path, tuple[str, ...] | None, str, bool]]:
    """Where attributes are named: the operators they should be of, the name, and whether it is a key."""
    if isinstance(data, dict):
        ops = _named(data["op"]) if "op" in data else ops
        for key, value in data.items():
            at = (*path, key)
            if key == "attributes" and isinstance(value, dict):
                yield from (((*at, name), ops, name, True) for name in value)
            if key in _OF_OTHERS and isinstance(value, str):
                yield at, ops, value, False
            yield from _attributes(value, at, () if key in _ELSEWHERE else ops)
    elif isinstance(data, list):
        for number, value in enumerate(data):
            yield from _attributes(value, (*path, number), ops)


def _named(ops: Any) -> tuple[str, ...] | None:
    """Operators by their whole names; () for all of ONNX, None where one of another domain is among them."""
    words = [ops] if isinstance(ops, str) else ops
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        return ()
    if any("." in word for word in words):
        return None
    return tuple(words) if all(word in _schemas() for word in words) else ()


@lru_cache(maxsize=64)
def _known(ops: tuple[str, ...]) -> frozenset[str]:
    return frozenset(name for op in ops or _schemas() for name in _schemas()[op])


@cache
def _schemas() -> dict[str, set[str]]:
    """Operators of the default domain, each with the attributes that it has in any opset."""
    from onnx import defs

    found: dict[str, set[str]] = {}
    for schema in defs.get_all_schemas_with_history():
        if not schema.domain:
            found.setdefault(schema.name, set()).update(schema.attributes)
    return found
