"""One rule of a rule file, with every check that needs no other file."""

from __future__ import annotations

import re
from typing import Any

from qlint.diagnostics import SEVERITY_CAP, Evidence, Severity
from qlint.files.yamlfile import Path
from qlint.rules.header import NO_EVIDENCE, Header, parse_evidence, parse_releases
from qlint.rules.layerset import LayerSet, parse_layers
from qlint.rules.messages import Template, check_message
from qlint.rules.mistakes import Mistakes, Section
from qlint.rules.model import Examples, Rule, Scope
from qlint.rules.predicates.logic import Entries
from qlint.rules.predicates.parse import Parser

_KEYS = (
    "code", "name", "severity", "layers", "op", "scope", "when", "require", "forbid", "message", "hint", "why",
    "evidence", "fix", "outcome", "since", "until", "tags", "enabled", "reads", "examples",
)  # fmt: skip
_CODE = re.compile(r"[A-Z]{3}[0-9]{3}")
_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_SEVERITIES = {severity.label: severity for severity in reversed(Severity)}
_SCOPES = {scope.value: scope for scope in Scope}


def parse_rule(data: Any, path: Path, header: Header, mistakes: Mistakes) -> Rule:
    """Read one entry of `rules:`; mistakes are noted and replaced by something harmless."""
    section = Section(data, path, "rule", mistakes, _KEYS)
    scope = section.choice("scope", _SCOPES, default=Scope.LAYER) or Scope.LAYER
    has_table = bool(header.quantization.groups)
    parser = Parser(mistakes, has_table=has_table)
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
    if message:
        check_message(message, (*path, "message"), mistakes, scope=scope, kind=evidence.kind, has_table=has_table)
    since, until = parse_releases(section, header.releases)
    layers, op = _subjects(section, scope)
    return Rule(
        code=_code(section, header),
        name=section.text("name", required=True, pattern=_NAME, like="lower-case words joined by dashes") or "",
        severity=_severity(section, evidence),
        environment=header.id,
        scope=scope,
        layers=layers,
        op=op,
        when=condition,
        body=body,
        forbidden=forbidden,
        message=Template(message, parser.beside),
        hint=section.text("hint", required=True) or "",
        why=section.text("why", required=True) or "",
        evidence=evidence,
        since=since,
        until=until,
        tags=_tags(section),
        single=_single(section, parser, scope, enabled=enabled),
        enabled=enabled,
        reads_weights=_reads(section, parser, enabled=enabled),
        needs_profile=parser.profile,
        examples=_examples(section),
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


def _subjects(section: Section, scope: Scope) -> tuple[LayerSet | None, LayerSet | None]:
    """Read `layers:` or `op:`, one of which says what a rule is about unless that is the network."""
    given = [key for key in ("layers", "op") if section.get(key) is not None]
    if scope is Scope.NETWORK:
        for key in given:
            section.wrong(key, f"a rule about the network has no {key}", f"remove {key}, or the scope")
        return None, None
    if given == ["op"]:
        names = section.texts("op", required=True)
        return None, parse_layers(names, (*section.path, "op"), section.mistakes, what="an ONNX operator")
    if given == ["layers", "op"]:
        section.wrong("op", "a rule cannot have both layers and op", "keep one; ask for the other in when")
    if not given:
        if section.readable:
            section.mistakes.add(section.path, "a rule needs layers or op", "write which layers it is about")
        return None, None
    return parse_layers(section.texts("layers", required=True), (*section.path, "layers"), section.mistakes), None


def _tags(section: Section) -> tuple[str, ...]:
    tags = section.texts("tags")
    for number, tag in enumerate(tags):
        if not _NAME.fullmatch(tag):
            at = (*section.path, "tags", number)
            section.mistakes.add(at, f"tag {tag[:40]!r} is not lower-case words joined by dashes", "rename it")
    return tags


def _single(section: Section, parser: Parser, scope: Scope, *, enabled: bool) -> bool:
    single = section.choice("outcome", {"single": True}, default=False) or False
    if not single:
        return False
    if scope is Scope.NETWORK:
        section.wrong("outcome", "a rule about the network gives no layer an outcome", "remove outcome, or the scope")
    if not enabled:
        section.wrong("outcome", "a rule that gives an outcome must be on", "remove enabled: false")
    if parser.propagates:
        problem = "what is fixed-point follows from the outcomes, so a rule that gives one cannot ask for it"
        section.wrong("outcome", problem, "remove outcome, or fixed-point")
    return True


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
