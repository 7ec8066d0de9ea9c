"""Records of what was found: severities, evidence, locations, diagnostics. Nothing here imports a third party."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Any

TOOL = "qlint"


class Severity(IntEnum):
    """Ordered, so that ``severity >= fail_on`` reads as it should."""

    INFO = 1
    WARNING = 2
    ERROR = 3

    @property
    def label(self) -> str:
        """The word users read and write."""
        return self.name.lower()


class Outcome(StrEnum):
    """A rule is violated, or a missing fact leaves it undecided."""

    VIOLATION = "violation"
    UNDECIDED = "undecided"


class EvidenceKind(StrEnum):
    """Where a rule comes from; it caps the rule's severity (see `SEVERITY_CAP`)."""

    DOCUMENTED = "documented"
    PARTIAL = "partial"
    REPORTED = "reported"
    MEASURED = "measured"
    RECALLED = "recalled"
    INFERRED = "inferred"


SEVERITY_CAP = {
    EvidenceKind.DOCUMENTED: Severity.ERROR,
    EvidenceKind.PARTIAL: Severity.WARNING,
    EvidenceKind.REPORTED: Severity.WARNING,
    EvidenceKind.MEASURED: Severity.WARNING,
    EvidenceKind.RECALLED: Severity.WARNING,
    EvidenceKind.INFERRED: Severity.INFO,
}


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a rule stands on.

    Attributes:
        kind: how it is known.
        source: the page, thread or benchmark.
        section: the part of it, or None.
        note: what is and is not known, or None.
    """

    kind: EvidenceKind
    source: str
    section: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Location:
    """Where in a model a finding lies. Every field is None for a finding about the whole network.

    Attributes:
        id: the layer's id (`graph/conv1_out`), the only field that is ever keyed on.
        pointer: JSON pointer into the model's protobuf (or the description).
        layer: the layer's name, as shown.
        type: the layer's type.
        node_index, node_name, op_type: the last node the layer stands on.
        byte_span: first byte of that node in the file and the byte past its last (of the outermost node).
        line, column: 1-based, in a description.
        source: the Python source line the exporter recorded, as `file:line`.
    """

    id: str | None = None
    pointer: str | None = None
    layer: str | None = None
    type: str | None = None
    node_index: int | None = None
    node_name: str | None = None
    op_type: str | None = None
    byte_span: tuple[int, int] | None = None
    line: int | None = None
    column: int | None = None
    source: str | None = None


NOWHERE = Location()


@dataclass(frozen=True, slots=True)
class Suppression:
    """A model's own wish that what a rule finds in it is not counted.

    Attributes:
        code: the rule's.
        reason: why; without one ("") the wish is not granted.
        line, column: where it stands in a description, 1-based.
    """

    code: str
    reason: str
    line: int | None = None
    column: int | None = None


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding: a rule that a layer (or the network) violates, or that cannot be decided for it.

    Attributes:
        code, name, severity, evidence: of the rule.
        outcome: violated, or undecided for want of `missing`.
        environment: id of the environment whose rule it is.
        message: one sentence of what is wrong; hint: what to do next.
        model: the model's path as given, with `/`.
        observed: what the rule's predicates saw, by name; expected: what they wanted, by name.
        missing: facts that would decide an undecided finding.
        fix: name of a transform that can clear it, or None.
        fingerprint: stable identity (see the interface); the reports key on it.
        suppressed: the reason for which the model wants it not to count, or None.
    """

    code: str
    name: str
    outcome: Outcome
    severity: Severity
    environment: str
    message: str
    hint: str
    model: str
    location: Location
    observed: dict[str, Any]
    expected: dict[str, Any]
    missing: tuple[str, ...]
    evidence: Evidence
    fingerprint: str
    fix: str | None = None
    suppressed: str | None = None
