"""`qlint rule`: one rule explained, and the list of all. A rule's text is in its rule file and nowhere else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from qlint.diagnostics import SEVERITY_CAP, EvidenceKind, Severity
from qlint.report import records
from qlint.report.escape import visible
from qlint.report.layout import Style, count, table
from qlint.report.yamltext import yaml_lines
from qlint.rules import library

if TYPE_CHECKING:
    from qlint.rules.model import Group, Rule

SCHEMA = "qlint.rule/v1"

_ABOUT_NULL = " (null: the file does not say)"

KINDS = {
    EvidenceKind.DOCUMENTED: "a vendor's page says so",
    EvidenceKind.PARTIAL: "a vendor's page says part of it",
    EvidenceKind.REPORTED: "seen in users' threads or third parties' code",
    EvidenceKind.MEASURED: "measured by a benchmark that is kept in qlint's repository",
    EvidenceKind.RECALLED: "from memory; the page itself could not be seen",
    EvidenceKind.INFERRED: "concluded from other facts",
}
"""What each kind of evidence means."""


def text(rule: Rule, width: int = 100) -> str:
    """One rule as a page, wrapped to some columns."""
    return "\n".join(_page(rule, Style(width=width))) + "\n"


def _page(rule: Rule, style: Style) -> Iterator[str]:
    facts = [f"environment: {_where(rule)}", f"releases: {releases(rule)}"]
    if rule.tags:
        facts.append(f"tags: {', '.join(rule.tags)}")
    if rule.reads_weights:
        facts.append("reads weights")
    yield f"{rule.severity.label} {rule.code} {rule.name}"
    yield visible("; ".join(facts))
    if not rule.enabled:
        selectors = " or ".join(f"--select {word}" for word in (rule.code, *rule.tags))
        yield style.wrap(f"off by default; turn it on with {selectors}", 0)
    if rule.needs_profile:
        yield style.wrap("asked only with a processor profile (--profile)", 0)
    yield from ("", style.wrap(rule.message.text, 2))
    yield from ("", "What it asks", *_asks(rule, style))
    yield from ("", "Why", style.wrap(rule.why, 2))
    yield from ("", "What to do", style.wrap(rule.hint, 2))
    if rule.fix is not None:
        yield style.wrap(f"[*] `qlint fix` can do it: {rule.fix}", 2)
    yield from ("", "Evidence", *_evidence(rule, style))
    yield from ("", "Examples", *_examples(rule, style))


def _where(rule: Rule) -> str:
    return "every one" if _everywhere(rule) else rule.environment


def _everywhere(rule: Rule) -> bool:
    return any(file.every and file.id == rule.environment for file in library.files())


def releases(rule: Rule | Group) -> str:
    """The releases in which a rule, or a row of a table, holds: `since R2023b`, or `all`."""
    if rule.since and rule.until:
        return rule.since if rule.since == rule.until else f"{rule.since} to {rule.until}"
    return f"since {rule.since}" if rule.since else f"until {rule.until}" if rule.until else "all"


def _asks(rule: Rule, style: Style) -> Iterator[str]:
    """The parts of the rule file that say what is checked, as written there."""
    keys = ("scope", "layers", "op", "when", "require", "forbid")
    part = {key: rule.source[key] for key in keys if key in rule.source}
    yield from (f"  {line}" for line in yaml_lines(part, style.width - 2))
    if part.get("forbid") == {}:
        yield style.wrap("(an empty forbid: every such layer is a finding)", 2)
    if rule.single:
        yield style.wrap("A layer that violates it is computed in single precision (`qlint plan`).", 2)


def _evidence(rule: Rule, style: Style) -> Iterator[str]:
    known = rule.evidence
    yield style.wrap(f"{known.kind.value} ({KINDS[known.kind]})", 2)
    yield style.wrap(known.source + (f', section "{known.section}"' if known.section else ""), 2, "source")
    if known.note:
        yield style.wrap(known.note, 2, "note")
    cap = SEVERITY_CAP[known.kind]
    if cap < Severity.ERROR:
        yield style.wrap(f"{known.kind.value} evidence carries no more than severity {cap.label}", 2)


def _examples(rule: Rule, style: Style) -> Iterator[str]:
    for title in ("fires", "passes", "undecided"):
        for example in getattr(rule.examples, title):
            yield f"  {title}{_ABOUT_NULL if title == 'undecided' else ''}:"
            yield from (f"    {line}" for line in yaml_lines(example, style.width - 4))


def data(rule: Rule) -> dict[str, Any]:
    """One rule as data (`qlint.rule/v1`); `require` and the like are as in the rule file."""
    return {"schema": SCHEMA, "tool": records.tool()} | _brief(rule) | _details(rule)


def _brief(rule: Rule) -> dict[str, Any]:
    return {
        "code": rule.code,
        "name": rule.name,
        "severity": rule.severity.label,
        "environment": rule.environment,
        "every_environment": _everywhere(rule),
        "enabled": rule.enabled,
        "message": rule.message.text,
        "evidence": records.evidence(rule.evidence),
        "since": rule.since,
        "until": rule.until,
        "tags": list(rule.tags),
        "fix": rule.fix,
    }


def _details(rule: Rule) -> dict[str, Any]:
    return {
        "scope": rule.scope.value,
        "layers": None if rule.layers is None else list(rule.layers.names),
        "op": None if rule.op is None else list(rule.op.names),
        "when": rule.source.get("when"),
        "require": rule.source.get("require"),
        "forbid": rule.source.get("forbid"),
        "why": rule.why,
        "hint": rule.hint,
        "reads_weights": rule.reads_weights,
        "needs_profile": rule.needs_profile,
        "outcome": "single" if rule.single else None,
        "examples": {key: list(getattr(rule.examples, key)) for key in ("fires", "passes", "undecided")},
    }


def list_text(rules: Iterable[Rule]) -> str:
    """Rules, one a line, by environment in the order given."""
    chapters: dict[str, list[Rule]] = {}
    for rule in rules:
        chapters.setdefault(rule.environment, []).append(rule)
    lines: list[str] = []
    for environment, own in chapters.items():
        title = f"{environment} (in every environment)" if _everywhere(own[0]) else environment
        rows = [(r.code, r.severity.label, r.name, "" if r.enabled else "off by default") for r in own]
        lines += [visible(title), *table(rows, indent=2), ""]
    number = sum(map(len, chapters.values()))
    return "\n".join([*lines, f"{count(number, 'rule')}; `qlint rule CODE` explains one"]) + "\n"


def list_data(rules: Iterable[Rule]) -> dict[str, Any]:
    """The same as data (`qlint.rule/v1`), in order of codes."""
    listed = sorted(map(_brief, rules), key=lambda brief: str(brief["code"]))
    return {"schema": SCHEMA, "tool": records.tool(), "rules": listed}
