"""One rule of a rule file, with every check that needs no other file."""

from __future__ import annotations

import re
from typing import Any

from qlint.diagnostics import SEVERITY_CAP, Evidence, Severity
from qlint.files.yamlfile import Path
from qlint.rules.header import NO_EVIDENCE, Header, parse_evidence
from qlint.rules.layerset import LayerSet, parse_layers
from qlint.rules.messages import Template, check_message
from qlint.rules.mistakes import Mistakes, Section
from qlint.rules.model import Examples, Rule, Scope
from qlint.rules.predicates.logic import Entries
from qlint.rules.predicates.parse import Parser

_KEYS = (
    "code", "name", "severity", "layers", "scope", "when", "require", "forbid", "message", "hint", "why", "evidence",
    "fix", "since", "until", "tags", "enabled", "reads", "examples",
)  # fmt: skip
_CODE = re.compile(r"[A-Z]{3}[0-9]{3}")
_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_SEVERITIES = {severity.label: severity for severity in reversed(Severity)}
_SCOPES = {scope.value: scope for scope in Scope}


def parse_rule(data: Any, path: Path, header: Header, mistakes: Mistakes) -> Rule:
    """Read one entry of `rules:`; mistakes are noted and replaced by something harmless."""
    section = Section(data, path, "rule", mistakes, _KEYS)
    scope = section.choice("scope", _SCOPES, default=Scope.LAYER) or Scope.LAYER
    parser = Parser(mistakes, header.quantization)
    network = scope is Scope.NETWORK
    when = section.get("when")
    condition = None if when is None else parser.parse(when, (*path, "when"), network=network)
    forbidden = section.get("forbid") is not None
    if section.readable and forbidden is (section.get("require") is not None):
        problem = "a rule cannot have both require and forbid" if forbidden else "a rule needs require or forbid"
        mistakes.add(path, problem, "write what must hold (require) or what must not (forbid)")
    asked = "forbid" if forbidden else "require"
    wanted = section.get(asked)
    bare = forbidden and wanted == {} and not network  # `forbid: {}`: the layers themselves are what is forbidden
    body = Entries(()) if bare or wanted is None else parser.parse(wanted, (*path, asked), network=network)
    evidence = parse_evidence(section)
    enabled = section.flag("enabled", default=True)
    message = section.text("message", required=True) or ""
    has_table = bool(header.quantization.groups)
    if message:
        check_message(message, (*path, "message"), mistakes, scope=scope, kind=evidence.kind, has_table=has_table)
    since, until = _releases(section, header)
    return Rule(
        code=_code(section, header),
        name=section.text("name", required=True, pattern=_NAME, like="lower-case words joined by dashes") or "",
        severity=_severity(section, evidence),
        environment=header.id,
        scope=scope,
        layers=_layers(section, scope),
        when=condition,
        body=body,
        forbidden=forbidden,
        message=Template(message, parser.beside, header.quantization),
        hint=section.text("hint", required=True) or "",
        why=section.text("why", required=True) or "",
        evidence=evidence,
        since=since,
        until=until,
        tags=_tags(section),
        enabled=enabled,
        reads_weights=_reads(section, parser, enabled=enabled),
        examples=_examples(section),
        quantization=header.quantization,
        fix=section.text("fix", pattern=_NAME, like="a transform's name, as fuse-layers"),
        source=section.data,
    )


def _code(section: Section, header: Header) -> str:
    code = section.text("code", required=True, pattern=_CODE, like="three capital letters and three digits") or ""
    if code and header.prefix and not code.startswith(header.prefix):
        section.wrong("code", f"code {code} does not begin with the file's prefix {header.prefix}", "renumber it")
    return code


def _severity(section: Section, evidence: Evidence) -> Severity:
    severity = section.choice("severity", _SEVERITIES)
    if severity is None:
        return Severity.INFO
    cap = SEVERITY_CAP[evidence.kind]
    if evidence is not NO_EVIDENCE and severity > cap:
        problem = f"severity {severity.label} is more than {evidence.kind.value} evidence can carry"
        section.wrong("severity", problem, f"write {cap.label}, or give better evidence")
    return severity


def _layers(section: Section, scope: Scope) -> LayerSet | None:
    if scope is Scope.NETWORK:
        if section.get("layers") is not None:
            section.wrong("layers", "a rule about the network has no layers", "remove layers, or the scope")
        return None
    return parse_layers(section.texts("layers", required=True), (*section.path, "layers"), section.mistakes)


def _releases(section: Section, header: Header) -> tuple[str | None, str | None]:
    found: list[str | None] = []
    for key in ("since", "until"):
        release = section.text(key)
        if release is not None and release not in header.releases:
            listed = ", ".join(header.releases) or "none"
            section.wrong(key, f"{key} {release!r} is not one of the environment's releases", f"they are {listed}")
            release = None
        found.append(release)
    since, until = found
    if since and until and header.releases.index(since) > header.releases.index(until):
        section.wrong("until", f"until {until} is before since {since}", "swap them")
    return since, until


def _tags(section: Section) -> tuple[str, ...]:
    tags = section.texts("tags")
    for number, tag in enumerate(tags):
        if not _NAME.fullmatch(tag):
            at = (*section.path, "tags", number)
            section.mistakes.add(at, f"tag {tag[:40]!r} is not lower-case words joined by dashes", "rename it")
    return tags


def _reads(section: Section, parser: Parser, *, enabled: bool) -> bool:
    reads = section.choice("reads", {"weights": True}, default=False) or False
    if reads and enabled:
        section.wrong("reads", "a rule that reads weights must be off by default", "add enabled: false")
    if not reads:
        for path in parser.weights:
            section.mistakes.add(
                path, "this reads values of weights", "add reads: weights and enabled: false", at_key=True
            )
    return reads


def _examples(section: Section) -> Examples:
    data = section.get("examples", required=True)
    if data is None:
        return Examples()
    own = Section(data, (*section.path, "examples"), "examples", section.mistakes, ("fires", "passes", "undecided"))
    for key in ("fires", "passes"):
        if own.readable and own.get(key) == []:
            own.wrong(key, f"there is no example that {key}", "write at least one network")
    return Examples(
        tuple(own.items("fires", required=True)),
        tuple(own.items("passes", required=True)),
        tuple(own.items("undecided")),
    )
