from __future__ import annotations

import pytest

from qlint.rules.predicates.core import Facts, Trace
from qlint.rules.predicates.logic import UnlessKnown
from qlint.tristate import Truth, Unknown


class Says:
    name = "says"
    wanted = None

    def __init__(self, truth: Truth) -> None:
        self.truth = truth

    def holds(self, layer: object, facts: Facts, note: Trace | None = None) -> Truth:
        return self.truth


@pytest.mark.parametrize(("inner", "outer"), [(True, False), (False, True), (Unknown("x"), True)])
def test_only_a_known_truth_makes_it_false(inner: Truth, outer: bool) -> None:
    predicate = UnlessKnown(Says(inner), None)
    facts: Facts = None  # type: ignore[assignment]
    assert predicate.holds(None, facts) is outer
    note = Trace("top")
    assert predicate.holds(None, facts, note) is outer
    assert note.parts[0].truth is outer
