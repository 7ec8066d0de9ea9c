"""What a rule file says, as frozen records."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from qlint.diagnostics import Evidence, Severity
from qlint.rules.layerset import LayerSet

if TYPE_CHECKING:
    from qlint.rules.messages import Template
    from qlint.rules.predicates.core import Predicate


class Scope(StrEnum):
    """What a rule is asked of, and so what a finding is about."""

    LAYER = "layer"
    RUN = "run"
    NETWORK = "network"


class Role(StrEnum):
    """What an environment does with a layer."""

    ALWAYS = "always"
    CONDITIONALLY = "conditionally"
    TRANSPARENT = "transparent"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Group:
    """Layers with the same role, and how that is known."""

    layers: LayerSet
    evidence: Evidence


@dataclass(frozen=True, slots=True, eq=False)
class Quantization:
    """Which layers an environment quantizes. Layers in no group are computed in single precision.

    Attributes:
        groups: by role, in the order of the file.
    """

    groups: dict[Role, tuple[Group, ...]] = field(default_factory=dict)

    def role(self, type: str) -> Role:
        """A layer type's role; `NEVER` where no group names it."""
        return self.find(type)[0]

    def find(self, type: str) -> tuple[Role, Group | None]:
        """A layer type's role and the group that gives it; None where no group names it."""
        for role, groups in self.groups.items():
            for group in groups:
                if type in group.layers:
                    return role, group
        return Role.NEVER, None


@dataclass(frozen=True, slots=True)
class Step:
    """A transform that runs in an environment.

    Attributes:
        transform: its name.
        origin: whose it is: "prepareNetwork", or "qlint" where MathWorks' preparation is not known to do it.
        evidence: how that is known.
    """

    transform: str
    origin: str
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Examples:
    """Small networks in the description format, as data: each must fire, pass or stay undecided."""

    fires: tuple[Any, ...] = ()
    passes: tuple[Any, ...] = ()
    undecided: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """One checkable statement of an environment.

    Attributes:
        code, name: unique in the file; the name says the bad thing.
        severity: of its findings, capped by the evidence's kind.
        environment: id of the environment whose file it stands in.
        layers: what it applies to; None in network scope.
        when: where it applies; None for everywhere.
        body: what must hold, or with `forbidden` what must not.
        message: template of the finding's sentence; hint: what to do next; why: the paragraph behind it.
        since, until: first and last release in which it holds; None where open.
        enabled: False for rules that run only when selected by code, name or tag.
        reads_weights: it reads learnables whose size grows with the network.
        quantization: the environment's table, which `fixed-point` asks.
        fix: name of the transform that clears its findings, or None.
        source: the rule's own part of the file, as data (documentation renders it).
    """

    code: str
    name: str
    severity: Severity
    environment: str
    scope: Scope
    layers: LayerSet | None
    when: Predicate | None
    body: Predicate
    forbidden: bool
    message: Template
    hint: str
    why: str
    evidence: Evidence
    since: str | None
    until: str | None
    tags: tuple[str, ...]
    enabled: bool
    reads_weights: bool
    examples: Examples
    quantization: Quantization
    fix: str | None
    source: dict[str, Any]

    def __repr__(self) -> str:
        return f"Rule({self.code} {self.name})"


@dataclass(frozen=True, slots=True, eq=False)
class Environment:
    """An execution environment: one rule file, and with it the files that hold in every environment.

    Attributes:
        id, prefix, title, summary: of its header.
        every: its rules hold in every environment.
        releases: oldest first; release: the one to check against ("" where the file names none).
        quantization: which layers it quantizes.
        rules: its own in the order of the file, then those of `joined`.
        path: the file as messages name it; sha256: hex digest of its bytes.
        joined: the files that hold in every environment.
        transforms: what `qlint fix` runs, in order: first those of `joined`.
    """

    id: str
    prefix: str
    title: str
    summary: str
    every: bool
    releases: tuple[str, ...]
    release: str
    quantization: Quantization
    rules: tuple[Rule, ...]
    path: str
    sha256: str
    joined: tuple[Environment, ...] = ()
    transforms: tuple[Step, ...] = ()

    def holds(self, rule: Rule) -> bool:
        """Whether a rule holds in this environment's release; rules of joined files always do."""
        if rule.environment != self.id or not self.releases:
            return True
        at = self.releases.index(self.release)
        first = self.releases.index(rule.since) if rule.since else 0
        last = self.releases.index(rule.until) if rule.until else len(self.releases) - 1
        return first <= at <= last
