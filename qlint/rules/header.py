"""The first part of a rule file: the environment, its releases and its table of quantized layers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from qlint.diagnostics import Evidence, EvidenceKind
from qlint.files.yamlfile import Path
from qlint.rules.layerset import parse_layers
from qlint.rules.mistakes import Mistakes, Section
from qlint.rules.model import Group, Quantization, Role, Step

_ID = re.compile(r"[a-z][a-z0-9_-]*")
_PREFIX = re.compile(r"[A-Z]{3}")
_KEYS = ("id", "prefix", "title", "summary", "every", "without", "releases", "quantization", "transforms")
_EVIDENCE_KEYS = ("kind", "source", "section", "note")
_KINDS = {kind.value: kind for kind in EvidenceKind}
_ROLES = {role.value: role for role in Role}
_TRANSFORM = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_ORIGINS = {origin: origin for origin in ("prepareNetwork", "qlint")}

NO_EVIDENCE = Evidence(EvidenceKind.INFERRED, "")
"""Stands in for evidence that is missing or wrong; a file with it is never loaded."""


@dataclass(frozen=True, slots=True)
class Header:
    """The environment as a file's header describes it; see `qlint.rules.model.Environment`."""

    id: str
    prefix: str
    title: str
    summary: str
    every: bool
    without: tuple[str, ...]
    releases: tuple[str, ...]
    quantization: Quantization
    transforms: tuple[Step, ...] = ()


def parse_header(data: Any, mistakes: Mistakes) -> Header:
    """Read `environment:`; mistakes are noted and replaced by something harmless."""
    section = Section(data, ("environment",), "environment", mistakes, _KEYS)
    every = section.flag("every", default=False)
    releases = section.texts("releases", required=not every)
    for number, release in enumerate(releases):
        if release.casefold() in (other.casefold() for other in releases[:number]):
            mistakes.add(
                (*section.path, "releases", number), f"release {release!r} occurs twice", "keep one of the two"
            )
    table = section.get("quantization")
    return Header(
        id=section.text("id", required=True, pattern=_ID, like="lower-case letters, digits and dashes") or "",
        prefix=section.text("prefix", required=True, pattern=_PREFIX, like="three capital letters") or "",
        title=section.text("title", required=True) or "",
        summary=section.text("summary", required=True) or "",
        every=every,
        without=section.texts("without"),
        releases=releases,
        quantization=Quantization()
        if table is None
        else _parse_quantization(table, (*section.path, "quantization"), releases, mistakes),
        transforms=_parse_transforms(section),
    )


def _parse_transforms(header: Section) -> tuple[Step, ...]:
    """Read `transforms:`, what prepares a network for the environment, in the order in which it runs."""
    steps: list[Step] = []
    for number, item in enumerate(header.items("transforms")):
        at = (*header.path, "transforms", number)
        entry = Section(item, at, "an entry of transforms", header.mistakes, ("transform", "origin", "evidence"))
        name = entry.text("transform", required=True, pattern=_TRANSFORM, like="a transform's name, as fuse-layers")
        if name is not None and any(name == step.transform for step in steps):
            entry.wrong("transform", f"transform {name!r} is listed twice", "keep one of the two")
        origin = entry.choice("origin", _ORIGINS)
        evidence = parse_evidence(entry)
        if name is not None and origin is not None:
            steps.append(Step(name, origin, evidence))
    return tuple(steps)


def _parse_quantization(data: Any, path: Path, releases: tuple[str, ...], mistakes: Mistakes) -> Quantization:
    section = Section(data, path, "quantization", mistakes, _ROLES)
    groups: dict[Role, tuple[Group, ...]] = {}
    seen: dict[str, list[tuple[str, range]]] = {}
    for word in section.data:
        role = _ROLES.get(word)
        if role is None:
            continue
        found = []
        for number, item in enumerate(section.items(word)):
            at = (*path, word, number)
            entry = Section(item, at, f"an entry of {word}", mistakes, ("layers", "evidence", "since", "until"))
            since, until = parse_releases(entry, releases)
            span = _span(since, until, releases)
            layers = parse_layers(entry.texts("layers", required=True), (*at, "layers"), mistakes)
            for position, name in enumerate(layers.names):
                others = seen.setdefault(name, [])
                for other, held in others:
                    if max(span.start, held.start) < min(span.stop, held.stop):
                        problem = f"{name!r} is already in {other}"
                        mistakes.add((*at, "layers", position), problem, "a layer has one role in each release")
                others.append((word, span))
            found.append(Group(layers, parse_evidence(entry), since, until))
        groups[role] = tuple(found)
    return Quantization(groups)


def parse_releases(section: Section, releases: tuple[str, ...]) -> tuple[str | None, str | None]:
    """Read `since:` and `until:` of a rule or of an entry of the table; both are among the environment's releases."""
    found: list[str | None] = []
    for key in ("since", "until"):
        release = section.text(key)
        if release is not None and release not in releases:
            listed = ", ".join(releases) or "none"
            section.wrong(key, f"{key} {release!r} is not one of the environment's releases", f"they are {listed}")
            release = None
        found.append(release)
    since, until = found
    if since and until and releases.index(since) > releases.index(until):
        section.wrong("until", f"until {until} is before since {since}", "swap them")
    return since, until


def _span(since: str | None, until: str | None, releases: tuple[str, ...]) -> range:
    """The positions of the releases from one to the other; of an environment without releases, the only one."""
    return range(releases.index(since) if since else 0, (releases.index(until) if until else len(releases)) + 1)


def parse_evidence(parent: Section) -> Evidence:
    """Read `evidence:` of a rule or of an entry of the table."""
    data = parent.get("evidence", required=True)
    if data is None:
        return NO_EVIDENCE
    section = Section(data, (*parent.path, "evidence"), "evidence", parent.mistakes, _EVIDENCE_KEYS)
    kind = section.choice("kind", _KINDS)
    source = section.text("source", required=True)
    if kind is None or source is None:
        return NO_EVIDENCE
    return Evidence(kind, source, section.text("section"), section.text("note"))
