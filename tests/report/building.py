"""Reports made by hand, so that these tests need neither models nor the engine."""

from __future__ import annotations

import hashlib
import io
import json
from functools import cache
from importlib.resources import files
from typing import Any

import jsonschema

from qlint.diagnostics import NOWHERE, Diagnostic, Evidence, EvidenceKind, Location, Outcome, Severity
from qlint.errors import ModelError, QlintError
from qlint.report import Options, write
from qlint.rules.model import Environment, Quantization
from qlint.session import CheckedModel, Report

DOCUMENTED = Evidence(EvidenceKind.DOCUMENTED, "Considerations", "MATLAB")
REPORTED = Evidence(EvidenceKind.REPORTED, "MATLAB Answers 1", None, "one user")
DIGEST = "sha256:" + "0" * 64


def environment(id: str = "matlab", release: str = "R2026b") -> Environment:
    releases = (release,) if release else ()
    return Environment(
        id, "MAT", "MATLAB", "int8", False, releases, release, Quantization(), (), "matlab.yaml", "a" * 64
    )


def layer(name: str, type: str = "averagePooling2dLayer", **fields: Any) -> Location:
    known: dict[str, Any] = {
        "pointer": "/graph/node/3",
        "node_index": 3,
        "node_name": name,
        "op_type": "AveragePool",
        "byte_span": (10, 42),
    }
    return Location(id=f"graph/{name}_out", layer=name, type=type, **(known | fields))


def finding(
    code: str = "MAT201",
    where: Location = NOWHERE,
    *,
    name: str = "nonzero-padding",
    severity: Severity = Severity.ERROR,
    outcome: Outcome = Outcome.VIOLATION,
    message: str = "PaddingValue is mean; only 0 quantizes",
    hint: str = "Set count_include_pad to 1.",
    model: str = "nets/a.onnx",
    missing: tuple[str, ...] = (),
    evidence: Evidence = DOCUMENTED,
    environment: str = "matlab",
) -> Diagnostic:
    return Diagnostic(
        code=code,
        name=name,
        outcome=outcome,
        severity=severity,
        environment=environment,
        message=message,
        hint=hint,
        model=model,
        location=where,
        observed={"PaddingValue": "mean"},
        expected={"PaddingValue": 0},
        missing=missing,
        evidence=evidence,
        fingerprint=hashlib.sha256(f"{code} {where.id}".encode("utf-8", "surrogatepass")).hexdigest(),
    )


def info(where: Location = NOWHERE, **fields: Any) -> Diagnostic:
    kind = Evidence(EvidenceKind.INFERRED, "the table")
    default: dict[str, Any] = {
        "name": "support-not-known",
        "severity": Severity.INFO,
        "message": "nobody knows",
        "evidence": kind,
    }
    return finding("MAT107", where, **(default | fields))


def undecided(
    where: Location, fact: str = "size of axis N of 'x'", hint: str = "Run again with --bind N=1."
) -> Diagnostic:
    return finding(
        "MAT406",
        where,
        name="flatten",
        outcome=Outcome.UNDECIDED,
        missing=(fact,),
        message=f"cannot decide flatten: {fact} is not known",
        hint=hint,
    )


def typical() -> Report:
    """Two models that were checked and one that was not; every kind of record, severity and outcome."""
    drop: dict[str, Any] = {
        "name": "dropout-layer",
        "message": "a dropoutLayer does not quantize",
        "hint": "Remove it.",
        "environment": "network",
    }
    return Report(
        environments=(environment(),),
        assumed=True,
        models=[
            CheckedModel("nets/a.onnx", DIGEST, layers=12),
            CheckedModel("nets/b.onnx", DIGEST, layers=1),
            CheckedModel("nets/broken.onnx", None, "the file is empty"),
        ],
        diagnostics=[
            finding(
                "MAT301",
                name="not-a-dlnetwork",
                severity=Severity.WARNING,
                message="a SeriesNetwork",
                evidence=REPORTED,
            ),
            finding("MAT201", layer("pool")),
            *(finding("NET401", layer(f"drop_{n}", "dropoutLayer"), **drop) for n in (1, 2)),
            info(layer("up", "transposedConv2dLayer")),
            undecided(layer("flat", "flattenLayer")),
        ],
        errors=[
            ModelError("the file is empty", "export it again", path="nets/broken.onnx"),
            QlintError("no such rule"),
        ],
    )


def rendered(report: Report, format: str, **options: Any) -> str:
    out = io.StringIO()
    write(report, format, out, Options(**options))
    return out.getvalue()


@cache
def validator(name: str, definition: str | None = None) -> jsonschema.Draft202012Validator:
    """The validator of a shipped schema, or of one of its definitions."""
    schema = json.loads(files("qlint.report").joinpath(f"schema/{name}.schema.json").read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    if definition is not None:
        schema = {"$schema": schema["$schema"], "$ref": f"#/$defs/{definition}", "$defs": schema["$defs"]}
    return jsonschema.Draft202012Validator(schema)
