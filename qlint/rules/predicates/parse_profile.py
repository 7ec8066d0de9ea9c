"""From a rule file to predicates that compare with the processor profile in use."""

from __future__ import annotations

from typing import Any

from qlint.files.yamlfile import Path
from qlint.rules.mistakes import Mistakes, kind_of
from qlint.rules.predicates.core import Predicate
from qlint.rules.predicates.logic import Entries
from qlint.rules.predicates.parse_tests import PROPERTY, parse_test
from qlint.rules.predicates.processor import QUANTITIES, OfProfile, WithinProfile
from qlint.rules.profile_fields import check_field
from qlint.suggest import did_you_mean


def parse_profile(data: Any, path: Path, mistakes: Mistakes) -> Predicate:
    """`profile: {FIELD: test}`."""
    if not _readable(data, path, mistakes, "write {custom.Resize2D: test}"):
        return Entries(())
    for word in data:
        check_field(word, (*path, word), mistakes, at_key=True)
    return OfProfile({word: parse_test(wanted, (*path, word), mistakes) for word, wanted in data.items()}, data)


def parse_comparison(kind: type[WithinProfile], data: Any, path: Path, mistakes: Mistakes) -> Predicate:
    """`within-profile` or `thread-multiple`: `{QUANTITY: FIELD}`."""
    if not _readable(data, path, mistakes, "write {QUANTITY: FIELD}, as {OutputSize: fc.OutputMemorySize}"):
        return Entries(())
    for quantity, field in data.items():
        if quantity not in QUANTITIES and not PROPERTY.fullmatch(quantity):
            remedy = did_you_mean(quantity, QUANTITIES, f"use a property's name or {', '.join(QUANTITIES)}")
            mistakes.add((*path, quantity), f"there is no quantity {quantity[:60]!r}", remedy, at_key=True)
        check_field(field, (*path, quantity), mistakes)
    return kind(data, data)


def _readable(data: Any, path: Path, mistakes: Mistakes, remedy: str) -> bool:
    if isinstance(data, dict) and data:
        return True
    mistakes.add(path, f"a mapping is wanted here, not {kind_of(data)}", remedy)
    return False
