from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest

from qlint.session import CheckedModel, Report
from tests.report.building import DIGEST, environment, rendered, typical, validator


def document(report: Report, **options: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(rendered(report, "json", **options))
    validator("qlint.report.v1").validate(found)
    return found


def lines(report: Report, **options: Any) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in rendered(report, "jsonl", **options).splitlines()]
    valid = validator("qlint.report.v1", "line")
    for line in found:
        valid.validate(line)
    return found


def test_the_document_holds_everything() -> None:
    found = document(typical())
    assert list(found) == ["schema", "tool", "environments", "models", "diagnostics", "errors", "summary"]
    assert found["environments"] == [{"id": "matlab", "release": "R2026b", "sha256": "a" * 64}]
    assert [model["status"] for model in found["models"]] == ["checked", "checked", "unreadable"]
    assert found["models"][2]["reason"] == "the file is empty"
    assert found["summary"] == {
        "models": 3,
        "unreadable": 1,
        "errors": 3,
        "warnings": 1,
        "infos": 1,
        "undecided": 1,
        "suppressed": 0,
    }
    assert [error["path"] for error in found["errors"]] == [None, "nets/broken.onnx"]
    assert found["errors"][1] == {
        "code": "QL001",
        "path": "nets/broken.onnx",
        "line": None,
        "column": None,
        "message": "the file is empty",
        "hint": "export it again",
    }


def test_a_finding_says_where_it_is() -> None:
    network, layer = document(typical())["diagnostics"][:2]
    assert set(network["location"].values()) == {None}
    assert layer["location"]["node"] == {"index": 3, "name": "pool", "op_type": "AveragePool"}
    assert layer["location"]["byte_span"] == [10, 42]
    assert layer["evidence"] == {"kind": "documented", "source": "Considerations", "section": "MATLAB", "note": None}


def test_an_environment_without_releases() -> None:
    assert document(Report((environment("cpu", ""),)))["environments"][0]["release"] is None


def test_no_models_is_one_document() -> None:
    assert document(Report((environment(),)))["diagnostics"] == []


def test_the_lines_hold_what_the_document_holds() -> None:
    whole = document(typical())
    found = lines(typical())
    assert [line["kind"] for line in found] == [
        "header",
        *["model"] * 3,
        *["diagnostic"] * 6,
        *["error"] * 2,
        "summary",
    ]
    for kind, key in (("model", "models"), ("diagnostic", "diagnostics"), ("error", "errors")):
        assert [line for line in found if line["kind"] == kind] == [{"kind": kind} | record for record in whole[key]]
    assert found[-1] == {"kind": "summary"} | whole["summary"]


def test_hidden_undecided_findings_are_in_neither() -> None:
    found = document(typical(), undecided="hide")
    assert {record["outcome"] for record in found["diagnostics"]} == {"violation"}
    assert found["summary"]["undecided"] == 0
    assert not [line for line in lines(typical(), undecided="hide") if line.get("outcome") == "undecided"]


def test_infos_need_no_asking_for() -> None:
    assert "info" in {record["severity"] for record in document(typical())["diagnostics"]}


@pytest.mark.parametrize("format", ["json", "jsonl"])
def test_two_runs_are_byte_identical_and_errors_sorted(format: str) -> None:
    other = typical()
    other.errors.reverse()
    assert rendered(typical(), format) == rendered(other, format)
    assert rendered(typical(), format).endswith("}\n")


@pytest.mark.parametrize("where", [("diagnostics", 0), ("models", 0), ("errors", 0), ("environments", 0)])
def test_the_schema_is_strict(where: tuple[str, int]) -> None:
    found = document(typical())
    record = found[where[0]][where[1]]
    record["extra"] = 1
    with pytest.raises(jsonschema.ValidationError):
        validator("qlint.report.v1").validate(found)
    del record["extra"]
    record.popitem()
    with pytest.raises(jsonschema.ValidationError):
        validator("qlint.report.v1").validate(found)


def test_the_schema_of_lines_is_strict() -> None:
    for line in lines(typical()):
        for wrong in (line | {"extra": 1}, line | {"kind": "other"}, {k: v for k, v in line.items() if k != "kind"}):
            assert not validator("qlint.report.v1", "line").is_valid(wrong)


def test_streaming_reaches_the_last_of_many_models() -> None:
    models = [CheckedModel(f"{n}.onnx", DIGEST) for n in range(500)]
    assert document(Report((environment(),), models=models))["summary"]["models"] == 500
