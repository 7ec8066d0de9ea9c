"""`qlint env`: one environment (releases, quantized layers, how well its rules are founded), and the list of all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from qlint.diagnostics import Evidence, EvidenceKind
from qlint.report import records, rule_page
from qlint.report.escape import name, visible
from qlint.report.layout import Style, count, table
from qlint.rules import profile
from qlint.rules.model import Role
from qlint.transforms import registry

if TYPE_CHECKING:
    from qlint.rules.model import Environment, Group, Rule, Step
    from qlint.rules.profile import Profile

SCHEMA = "qlint.environment/v1"

_ROLES = {
    Role.ALWAYS: "always",
    Role.CONDITIONALLY: "if every input is fixed-point",
    Role.FUSED: "fused into a neighbour",
    Role.TRANSPARENT: "removed by preparation",
    Role.NEVER: "never (single precision)",
}


def text(environment: Environment, width: int = 100) -> str:
    """One environment as a page, at the release it was loaded for, wrapped to some columns."""
    return "\n".join(_page(environment, Style(width=width))) + "\n"


def _page(environment: Environment, style: Style) -> Iterator[str]:
    yield f"{name(environment.id)}: {visible(environment.title)}"
    yield style.wrap(environment.summary, 0)
    yield ""
    if environment.releases:
        releases = ", ".join(environment.releases)
        yield style.wrap(f"{releases}; checked against {environment.release}", 0, "releases")
    yield f"rule file: {visible(environment.path)}, sha256 {environment.sha256[:16]}"
    for joined in environment.joined:
        yield f"and: {visible(joined.path)}, sha256 {joined.sha256[:16]}"
    if environment.quantization.groups:
        yield ""
        yield from _quantized(environment, style)
    else:
        yield from ("", "No table of quantized layers: this environment has limits only.")
    if environment.transforms:
        yield ""
        yield from _transforms(environment, style)
    yield ""
    yield from _coverage(environment)
    if any(rule.needs_profile for rule in environment.rules):
        yield ""
        yield from _profiles(environment, style)


def _quantized(environment: Environment, style: Style) -> Iterator[str]:
    yield (
        f"Layers that are quantized in {name(environment.release)}"
        if environment.release
        else "Layers that are quantized"
    )
    for role, groups in environment.table.groups.items():
        yield f"  {_ROLES[role]}"
        for group in groups:
            held = rule_page.releases(group)
            yield style.wrap(", ".join(group.layers.names) + ("" if held == "all" else f" ({held})"), 4)
            yield style.wrap(_source(group.evidence), 6, group.evidence.kind.value)
    yield style.wrap("All other layers are computed in single precision.", 2)


def _transforms(environment: Environment, style: Style) -> Iterator[str]:
    yield "What `qlint fix` does, in order"
    for step in environment.transforms:
        klass, title = registry.summary(step.transform)
        whose = "prepareNetwork's" if step.origin == "prepareNetwork" else "qlint's own"
        yield style.wrap(f"{step.transform} ({klass}, {whose}): {title}", 2)
        yield style.wrap(_source(step.evidence), 6, step.evidence.kind.value)


def _source(known: Evidence) -> str:
    return "; ".join(part for part in (known.source, known.section, known.note) if part)


def _coverage(environment: Environment) -> Iterator[str]:
    rules = _holding(environment)
    counts = Counter(rule.evidence.kind for rule in rules)
    off = sum(not rule.enabled for rule in rules)
    defaults = f", {off} of them off by default" if off else ""
    yield f"Evidence of {count(len(rules), 'rule')}{defaults}"
    rows = [(str(counts[kind]), kind.value, rule_page.KINDS[kind]) for kind in EvidenceKind if counts[kind]]
    yield from table(rows, indent=2, right=(0,)) if rows else ()


def _profiles(environment: Environment, style: Style) -> Iterator[str]:
    number = sum(rule.needs_profile for rule in _holding(environment))
    yield style.wrap(f"{number} of them compare with a processor profile and are asked only with --profile", 0)
    for found in _shipped(environment):
        yield style.wrap(found.title, 2, found.name)
        yield from (
            () if found.evidence is None else (style.wrap(_source(found.evidence), 6, found.evidence.kind.value),)
        )
    yield style.wrap("or your own: a file such as those in rules/profiles, given by its path", 2)


def _shipped(environment: Environment) -> list[Profile]:
    """The shipped processor profiles of an environment."""
    return [found for found in map(profile.load, profile.names()) if found.environment == environment.id]


def _holding(environment: Environment) -> list[Rule]:
    return [rule for rule in environment.rules if environment.holds(rule)]


def data(environment: Environment) -> dict[str, Any]:
    """One environment as data (`qlint.environment/v1`)."""
    return {"schema": SCHEMA, "tool": records.tool()} | brief(environment) | _details(environment)


def brief(environment: Environment) -> dict[str, Any]:
    """An environment's line in a list; `rules` counts those that hold in its release."""
    rules = _holding(environment)
    counts = Counter(rule.evidence.kind for rule in rules)
    return {
        "id": environment.id,
        "title": environment.title,
        "summary": environment.summary,
        "releases": list(environment.releases),
        "release": environment.release or None,
        "rules": len(rules),
        "evidence": {kind.value: counts[kind] for kind in EvidenceKind},
    }


def _details(environment: Environment) -> dict[str, Any]:
    files = [environment, *environment.joined]
    groups = environment.table.groups
    return {
        "files": [{"path": file.path, "sha256": file.sha256} for file in files],
        "quantization": {role.value: list(map(_group, groups.get(role, ()))) for role in Role},
        "transforms": list(map(_step, environment.transforms)),
        "profiles": [_profile(found) for found in _shipped(environment)],
    }


def _profile(found: Profile) -> dict[str, Any]:
    return {
        "name": found.name,
        "title": found.title,
        "path": found.path,
        "sha256": found.sha256,
        "evidence": None if found.evidence is None else records.evidence(found.evidence),
        "settings": {
            field: list(value) if isinstance(value, tuple) else value for field, value in found.settings.items()
        },
    }


def _step(step: Step) -> dict[str, Any]:
    return records.fix(step.transform) | {"origin": step.origin, "evidence": records.evidence(step.evidence)}


def _group(group: Group) -> dict[str, Any]:
    held = {"since": group.since, "until": group.until}
    return {"layers": list(group.layers.names), "evidence": records.evidence(group.evidence)} | held


def list_text(environments: Sequence[Environment]) -> str:
    """All environments, one a line."""
    rows = [(name(e.id), e.release or "-", count(len(_holding(e)), "rule"), visible(e.summary)) for e in environments]
    lines = table(rows, indent=2) if rows else []
    return "\n".join(["Environments", *lines, "", "`qlint env ID` describes one"]) + "\n"


def list_data(environments: Sequence[Environment]) -> dict[str, Any]:
    """All environments as data (`qlint.environment/v1`)."""
    return {"schema": SCHEMA, "tool": records.tool(), "environments": [brief(e) for e in environments]}
