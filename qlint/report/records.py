"""The records of `qlint.report/v1`, which the JSON document and the JSON lines share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import qlint
from qlint.diagnostics import TOOL, Diagnostic, Evidence, Location
from qlint.errors import PlacedError
from qlint.transforms import registry

if TYPE_CHECKING:
    from qlint.errors import QlintError
    from qlint.report import Options
    from qlint.rules.model import Environment
    from qlint.session import CheckedModel, Report

SCHEMA = "qlint.report/v1"

_COUNTS = {
    "errors": "error",
    "warnings": "warning",
    "infos": "info",
    "undecided": "undecided",
    "suppressed": "suppressed",
}


def tool() -> dict[str, Any]:
    """What wrote the report."""
    return {"name": TOOL, "version": qlint.__version__}


def environment(checked: Environment) -> dict[str, Any]:
    """What was checked against; `profile` is there where a processor profile was given."""
    known = {"id": checked.id, "release": checked.release or None, "sha256": checked.sha256}
    given = checked.profile
    return known if given is None else known | {"profile": {"name": given.name, "sha256": given.sha256}}


def model(checked: CheckedModel) -> dict[str, Any]:
    """A model of the check."""
    return {
        "path": checked.path,
        "digest": checked.digest,
        "status": checked.status,
        "reason": checked.reason,
        "layers": checked.layers,
    }


def diagnostic(found: Diagnostic) -> dict[str, Any]:
    """A finding. Baselines have their key, though nothing fills it yet."""
    return {
        "code": found.code,
        "name": found.name,
        "outcome": found.outcome.value,
        "severity": found.severity.label,
        "environment": found.environment,
        "message": found.message,
        "hint": found.hint,
        "model": found.model,
        "location": location(found.location),
        "observed": found.observed,
        "expected": found.expected,
        "missing": list(found.missing),
        "evidence": evidence(found.evidence),
        "fix": None if found.fix is None else fix(found.fix),
        "suppressed": None if found.suppressed is None else {"reason": found.suppressed, "source": "model"},
        "baseline": None,
        "fingerprint": found.fingerprint,
    }


def fix(transform: str) -> dict[str, Any]:
    """The repair that `qlint fix` has for a finding."""
    klass, title = registry.summary(transform)
    return {"transform": transform, "class": klass, "title": title}


def location(place: Location) -> dict[str, Any]:
    """Always an object; its fields are null for a finding about the whole network."""
    node = {"index": place.node_index, "name": place.node_name, "op_type": place.op_type}
    return {
        "id": place.id,
        "pointer": place.pointer,
        "layer": place.layer,
        "type": place.type,
        "node": None if place.op_type is None and place.node_index is None else node,
        "byte_span": None if place.byte_span is None else list(place.byte_span),
        "line": place.line,
        "column": place.column,
        "source": place.source,
    }


def evidence(known: Evidence) -> dict[str, Any]:
    """What a rule stands on."""
    return {"kind": known.kind.value, "source": known.source, "section": known.section, "note": known.note}


def error(failure: QlintError) -> dict[str, Any]:
    """What could not be done."""
    placed = failure if isinstance(failure, PlacedError) and failure.file is not None else None
    return {
        "code": failure.code,
        "path": failure.path if placed is None else placed.file,
        "line": None if placed is None else placed.line,
        "column": None if placed is None else placed.column,
        "message": failure.problem,
        "hint": failure.remedy or None,
    }


def errors(report: Report) -> list[dict[str, Any]]:
    """What could not be done, by path and code; what has no path comes first."""
    return sorted(map(error, report.errors), key=lambda e: (e["path"] or "", e["code"], e["message"]))


def summary(report: Report, options: Options) -> dict[str, Any]:
    """The numbers."""
    counts = options.counts(report)
    unreadable = sum(checked.reason is not None for checked in report.models)
    return {"models": len(report.models), "unreadable": unreadable} | {key: counts[c] for key, c in _COUNTS.items()}
