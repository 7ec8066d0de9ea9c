"""`qlint why`: every predicate of a rule with what it saw, what it wanted, and where it stopped, as plain records."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from qlint.errors import UsageError
from qlint.network.network import Layer, Network
from qlint.rules.engine import outcome_of
from qlint.rules.findings import traces
from qlint.rules.model import Environment, Rule, Scope
from qlint.rules.predicates.core import Facts, Trace
from qlint.rules.selection import select
from qlint.rules.shown import asked, plain, shown
from qlint.rules.violation import violates
from qlint.suggest import did_you_mean
from qlint.tristate import Truth, Unknown

NOT_REACHED = "not reached"
DOES_NOT_APPLY = "does not apply"
LISTED = 4


@dataclass(frozen=True, slots=True)
class Step:
    """One predicate.

    Attributes:
        name: the predicate or property.
        wanted: what the rule asks for; saw: what was found (None where unknown or where nothing was looked at).
        truth: "yes", "no", "unknown", or "not reached" where evaluation had stopped before.
        missing: the fact without which it is unknown; remedy: what would supply it.
        parts: of a compound predicate.
    """

    name: str
    wanted: Any
    saw: Any
    truth: str
    missing: str
    remedy: str
    parts: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """What one rule makes of one layer (or, a rule about the network, of the network).

    Attributes:
        code, name, severity: of the rule.
        scope: "layer", "run" or "network".
        outcome: "violation", "undecided", "passes", or "does not apply".
        reason: one sentence of why; for a violation, the finding's message.
        when: where the rule applies; empty where it says nothing about that.
        asked: "require" or "forbid": whether `body` must hold or must not.
        body: what is asked.
    """

    code: str
    name: str
    severity: str
    scope: str
    outcome: str
    reason: str
    when: tuple[Step, ...]
    asked: str
    body: tuple[Step, ...]

    def as_data(self) -> dict[str, Any]:
        """The same as plain data for JSON."""
        return asdict(self)


def explain(network: Network, layer: Layer, environment: Environment, word: str | None = None) -> list[Explanation]:
    """Explain what rules make of a layer.

    Args:
        network: the network.
        layer: one of its layers, such as `find_layer` gives.
        environment: whose rules are asked.
        word: code or name of the only rule to explain, in any case; None for every rule that is on by default and
            speaks of this type of layer, or of the whole network.

    Raises:
        UsageError: the environment has no such rule.
    """
    facts = Facts(network, environment)
    if word is not None:
        return [_explain(find_rule(environment, word), layer, facts)]
    rules = (rule for rule in select(environment, (), ()) if _concerns(rule, layer))
    return [_explain(rule, layer, facts) for rule in rules]


def _concerns(rule: Rule, layer: Layer) -> bool:
    """Whether a rule says anything about a layer, or about the network it is in."""
    return rule.scope is Scope.NETWORK or rule.about(layer.type, layer.op)


def find_rule(environment: Environment, word: str) -> Rule:
    """A rule of an environment by code or name, in any case.

    Raises:
        UsageError: it has no such rule.
    """
    for rule in environment.rules:
        if word.casefold() in (rule.code.casefold(), rule.name):
            return rule
    known = [text for rule in environment.rules for text in (rule.code, rule.name)]
    problem = f"environment {environment.id} has no rule {shown(word)!r}"
    raise UsageError(problem, did_you_mean(word[:200], known, "`qlint rule` lists them"))


def _explain(rule: Rule, layer: Layer, facts: Facts) -> Explanation:
    when: tuple[Step, ...] = ()
    body: tuple[Step, ...] = ()
    subject = None if rule.scope is Scope.NETWORK else layer
    if not _concerns(rule, layer):
        about = rule.op or rule.layers
        what = layer.type if rule.op is None else layer.op or "a layer that stands on no ONNX operator"
        outcome, reason = DOES_NOT_APPLY, f"the rule is about {shown(list(about.names if about else ()))}, not {what}"
    else:
        condition, asked = traces(rule, subject, facts)
        when, body = _steps(condition), _steps(asked)
        truth = violates(rule, subject, facts)
        outcome = DOES_NOT_APPLY if condition.truth is False else outcome_of(truth)
        reason = _reason(rule, subject, truth, outcome, facts)
    return Explanation(
        rule.code,
        rule.name,
        rule.severity.label,
        rule.scope.value,
        outcome,
        reason,
        when,
        "forbid" if rule.forbidden else "require",
        body,
    )


def _reason(rule: Rule, subject: Layer | None, truth: Truth, outcome: str, facts: Facts) -> str:
    if isinstance(truth, Unknown):
        return f"not known: {truth.missing}" + (f"; {asked(truth.remedy)}" if truth.remedy else "")
    if truth:
        return rule.message.render(subject, facts, () if subject is None else (subject,))
    return "the rule's when does not hold" if outcome == DOES_NOT_APPLY else "what the rule asks for holds"


def _steps(trace: Trace) -> tuple[Step, ...]:
    return tuple(_step(part) for part in trace.parts)


def _step(trace: Trace) -> Step:
    truth = trace.truth
    unknown = truth if isinstance(truth, Unknown) else None
    word = NOT_REACHED if truth is None else "unknown" if unknown else "yes" if truth else "no"
    return Step(
        name=trace.name,
        wanted=plain(trace.wanted),
        saw=plain(trace.saw),
        truth=word,
        missing=unknown.missing if unknown else "",
        remedy=unknown.remedy if unknown else "",
        parts=_steps(trace),
    )


def find_layer(network: Network, word: str) -> Layer:
    """A layer by its id, its name if that is unique, or the end of its id if that is unique.

    Raises:
        UsageError: there is none, or there are several.
    """
    found = network.layers.get(word)
    if found is not None:
        return found
    for what, matching in (
        ("are called", [layer for layer in network if layer.name == word]),
        ("have ids that end in", [layer for layer in network if word and layer.id.endswith("/" + word)]),
        ("have ids that end in", [layer for layer in network if word and layer.id.endswith(word)]),
    ):
        if len(matching) == 1:
            return matching[0]
        if matching:
            ids = ", ".join(layer.id for layer in matching[:LISTED]) + (", ..." if len(matching) > LISTED else "")
            raise UsageError(f"{len(matching)} layers {what} {shown(word)!r}", f"give the id: {ids}")
    known = dict.fromkeys(text for layer in network for text in (layer.name, layer.id) if text)
    otherwise = "give a layer's id, or its name if that is unique"
    raise UsageError(f"there is no layer {shown(word)!r}", did_you_mean(word[:200], known, otherwise))
