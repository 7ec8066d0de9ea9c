"""From a rule that is violated, or undecided, to the diagnostic that says so."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from qlint.diagnostics import NOWHERE, Diagnostic, Outcome
from qlint.network.network import Layer, Network
from qlint.network.partial import BIND_INPUTS
from qlint.rules.model import Environment, Rule
from qlint.rules.predicates.core import Facts, Subject, Trace
from qlint.rules.shown import plain
from qlint.tristate import Truth, Unknown

MESSAGE_LIMIT = 300
"""Longest message; names in it come from files and may be of any length."""

MISSING_LIMIT = 8
"""Most missing facts that a finding lists."""

_TRANSPARENT = ("all", "any", "network", "not", "unless-known")
"""Compounds that lend no name to what they hold."""


class Builder:
    """Builds the diagnostics of one check."""

    def __init__(self, network: Network, environment: Environment, facts: Facts, fingerprint_path: str) -> None:
        self.network = network
        self.environment = environment
        self.facts = facts
        self.fingerprint_path = fingerprint_path
        self._seen: dict[str, int] = {}

    def build(self, rule: Rule, layer: Subject, truth: Truth, run: Sequence[Layer] = ()) -> Diagnostic:
        """The finding about a layer, about the network (None), or about the run of layers that `layer` decides."""
        when, body = traces(rule, layer, self.facts)
        parts = [*when.parts, *body.parts]
        observed = dict(_observed(parts)) if parts or layer is None else {"type": layer.type}
        if run:
            observed["run"] = plain([member.id for member in run])
        at = run[0] if run else layer
        undecided = isinstance(truth, Unknown)
        missing = _missing(truth, parts) if isinstance(truth, Unknown) else []
        return Diagnostic(
            code=rule.code,
            name=rule.name,
            outcome=Outcome.UNDECIDED if undecided else Outcome.VIOLATION,
            severity=rule.severity,
            environment=self.environment.id,
            message=bounded(_undecided(rule, missing) if missing else rule.message.render(at, self.facts, run)),
            hint=self._hint(rule, missing) if missing else rule.hint,
            model=self.network.path,
            location=NOWHERE if at is None else at.location,
            observed=observed,
            expected=dict(_expected(body.parts, negated=rule.forbidden)) if body.parts else {},
            missing=tuple(unknown.missing for unknown in missing),
            evidence=rule.evidence,
            fingerprint=self._fingerprint(rule, at, run),
            fix=None if undecided else rule.fix,
        )

    def _hint(self, rule: Rule, missing: Sequence[Unknown]) -> str:
        found = remedy(self.network, missing)
        if found:
            return f"{found[0].upper()}{found[1:]}."
        return f"Find out what is missing; if the rule is violated: {rule.hint}"

    def _fingerprint(self, rule: Rule, layer: Subject, run: Sequence[Layer]) -> str:
        """Identity by what does not move; of a run the least id, since which layer is first depends on the order."""
        id = min(member.id for member in run) if run else "" if layer is None else layer.id
        parts = (rule.code, self.environment.id, self.fingerprint_path, id)
        key = "\0".join(parts)
        discriminator = self._seen.get(key, 0)
        self._seen[key] = discriminator + 1
        return hashlib.sha256(f"{key}\0{discriminator}".encode("utf-8", "surrogateescape")).hexdigest()


def remedy(network: Network, missing: Iterable[Unknown]) -> str:
    """What would decide missing facts, as a clause (`run again with --bind N=1`); empty where nothing is known to."""
    found = dict.fromkeys(unknown.remedy for unknown in missing if unknown.remedy)
    named = [known for known in found if known != BIND_INPUTS]
    if not named and BIND_INPUTS in found:
        named = [f"--bind {fixed}" for fixed in network.properties.get("OpenInputs", ())]
    flags = [known for known in named if known.startswith("--")]
    clauses = [known for known in named if not known.startswith("--")]
    return "; ".join([*([f"run again with {' '.join(flags)}"] if flags else []), *clauses])


def traces(rule: Rule, layer: Subject, facts: Facts) -> tuple[Trace, Trace]:
    """What the rule's `when` and what its `require` or `forbid` saw; the second is empty where the first is false."""
    when, body = Trace("when"), Trace("forbid" if rule.forbidden else "require")
    when.truth = True if rule.when is None else rule.when.holds(layer, facts, when)
    if when.truth is not False:
        body.truth = rule.body.holds(layer, facts, body)
    return when, body


def _leaves(parts: Iterable[Trace], prefix: str = "", negated: bool = False) -> Iterator[tuple[str, Trace, bool]]:
    """What was looked at: dotted name, trace, and whether it stands below an odd number of `not`."""
    for part in parts:
        if part.truth is None:
            continue
        if part.name in _TRANSPARENT:
            yield from _leaves(part.parts, prefix, negated is not (part.name in ("not", "unless-known")))
        elif part.parts:
            if part.saw is not None:
                yield prefix + part.name, Trace(part.name, None, part.saw, part.truth), negated
            inner = f"{prefix}{part.name}."
            yield from _leaves(part.parts, inner, negated)
        else:
            yield prefix + part.name, part, negated


def _observed(parts: Iterable[Trace]) -> Iterator[tuple[str, Any]]:
    for name, trace, _ in _leaves(parts):
        yield name, plain(trace.saw)


def _expected(parts: Iterable[Trace], *, negated: bool) -> Iterator[tuple[str, Any]]:
    for name, trace, odd in _leaves(parts, negated=negated):
        if trace.wanted is not None:
            yield name, {"not": plain(trace.wanted)} if odd else plain(trace.wanted)


def _missing(truth: Unknown, parts: Iterable[Trace]) -> list[Unknown]:
    """The missing facts: first the one that left the rule open, then others it asked for."""
    found = {truth.missing: truth}
    for part in parts:
        for trace in part.walk():
            if isinstance(trace.truth, Unknown):
                found.setdefault(trace.truth.missing, trace.truth)
    return list(found.values())[:MISSING_LIMIT]


def _undecided(rule: Rule, missing: Sequence[Unknown]) -> str:
    """Nothing of the rule's own message, which would state what is not known."""
    more = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
    return f"cannot decide {rule.name}; not known: {missing[0].missing}{more}"


def bounded(message: str) -> str:
    """A sentence of at most `MESSAGE_LIMIT` characters."""
    return message if len(message) <= MESSAGE_LIMIT else message[: MESSAGE_LIMIT - 3] + "..."
