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
    from qlint.rules.profile import Profile


class Scope(StrEnum):
    """What a rule is asked of, and so what a finding is about."""

    LAYER = "layer"
    RUN = "run"
    NETWORK = "network"


class Role(StrEnum):
    """What an environment does with a layer.

    `ALWAYS` quantizes it whatever it is fed, `CONDITIONALLY` if every data input is fixed-point. `FUSED` lets it
    disappear into the weights that feed it, or into a layer that takes its place; `TRANSPARENT` removes it, so that
    what it was fed goes on. `NEVER` is known to stay in single precision.
    """

    ALWAYS = "always"
    CONDITIONALLY = "conditionally"
    FUSED = "fused"
    TRANSPARENT = "transparent"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Group:
    """A row of the table: layers with the same role.

    Attributes:
        layers: their types.
        evidence: how that is known.
        since, until: first and last release in which it holds; None where open.
    """

    layers: LayerSet
    evidence: Evidence
    since: str | None = None
    until: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Quantization:
    """The table of what an environment does with which layers. Layers in no group are computed in single precision.

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
        layers: types of the layers it is about; None where `op` says that, and in network scope.
        op: ONNX operators of the layers it is about; None where `layers` says that, and in network scope.
        when: where it applies; None for everywhere.
        body: what must hold, or with `forbidden` what must not.
        message: template of the finding's sentence; hint: what to do next; why: the paragraph behind it.
        since, until: first and last release in which it holds; None where open.
        single: a layer that violates it is computed in single precision (`outcome: single`).
        enabled: False for rules that run only when selected by code, name or tag.
        reads_weights: it reads learnables whose size grows with the network.
        needs_profile: it compares with a processor profile, and is asked only where there is one.
        fix: name of the transform that clears its findings, or None.
        source: the rule's own part of the file, as data (documentation renders it).
    """

    code: str
    name: str
    severity: Severity
    environment: str
    scope: Scope
    layers: LayerSet | None
    op: LayerSet | None
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
    single: bool
    enabled: bool
    reads_weights: bool
    needs_profile: bool
    examples: Examples
    fix: str | None
    source: dict[str, Any]

    def __repr__(self) -> str:
        return f"Rule({self.code} {self.name})"

    def about(self, type: str, op: str) -> bool:
        """Whether it speaks of layers of a type that an ONNX operator computes ("": none does)."""
        if self.op is not None:
            return op in self.op if op else False
        return self.layers is not None and type in self.layers


@dataclass(frozen=True, slots=True, eq=False)
class Environment:
    """An execution environment: one rule file, and with it the files that hold in every environment.

    Attributes:
        id, prefix, title, summary: of its header.
        every: its rules hold in every environment.
        without: codes of such rules that do not hold here.
        releases: oldest first; release: the one to check against ("" where the file names none).
        quantization: which layers it quantizes, in every release; `table` has only what holds in this one.
        rules: its own in the order of the file, then those of `joined`.
        path: the file as messages name it; sha256: hex digest of its bytes.
        joined: the files that hold in every environment.
        transforms: what `qlint fix` runs, in order: first those of `joined`.
        profile: the processor profile to check against; None for none.
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
    without: tuple[str, ...] = ()
    profile: Profile | None = None

    def holds(self, rule: Rule) -> bool:
        """Whether a rule holds in this environment's release; rules of joined files always do."""
        return rule.environment != self.id or self._spans(rule.since, rule.until)

    def asks(self, rule: Rule) -> bool:
        """Whether a rule holds, and what it compares with is given: nobody without a bitstream is asked about one."""
        return self.holds(rule) and (self.profile is not None or not rule.needs_profile)

    @property
    def table(self) -> Quantization:
        """Which layers it quantizes in its release."""
        held = {
            role: tuple(group for group in groups if self._spans(group.since, group.until))
            for role, groups in self.quantization.groups.items()
        }
        return Quantization({role: groups for role, groups in held.items() if groups})

    def _spans(self, since: str | None, until: str | None) -> bool:
        """Whether the release in use lies between two others."""
        if not self.releases:
            return True
        at = self.releases.index(self.release)
        first = self.releases.index(since) if since else 0
        last = self.releases.index(until) if until else len(self.releases) - 1
        return first <= at <= last
