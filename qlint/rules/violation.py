"""Whether a layer violates a rule."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qlint.tristate import Truth, negate

if TYPE_CHECKING:
    from qlint.rules.model import Rule
    from qlint.rules.predicates.core import Facts, Subject


def violates(rule: Rule, layer: Subject, facts: Facts) -> Truth:
    """Whether a rule is violated, without a trace.

    Where it does not apply it is not violated. Where that is unknown, so is the answer, unless what the rule asks
    for holds anyway.
    """
    if not rule.single:
        return _violates(rule, layer, facts)
    # The propagation asks it as well as the check itself.
    memo = facts.memo_of(rule)
    if layer not in memo:
        memo[layer] = _violates(rule, layer, facts)
    truth: Truth = memo[layer]
    return truth


def _violates(rule: Rule, layer: Subject, facts: Facts) -> Truth:
    applies = True if rule.when is None else rule.when.holds(layer, facts)
    if applies is False:
        return False
    body = rule.body.holds(layer, facts)
    violated = body if rule.forbidden else negate(body)
    return applies if violated is True else violated
