"""What a model asks not to be told of: marked, not counted, and told of where it finds nothing."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import onnx
import pytest

from tests.cli.running import DIGITS, Run
from tests.report.building import validator

TEXT = """\
schema: qlint.network/v1
layers:
  - {name: in, type: imageInputLayer, InputSize: [8, 8, 1], Normalization: none}
  - {name: drop, type: dropoutLayer, ignore: %s}
  - name: sub
    type: networkLayer
    ignore: %s
    Network: {layers: [{name: drop, type: dropoutLayer}, {name: relu, type: reluLayer}]}
"""


@pytest.fixture
def described(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path / "net.qnet.yaml"


def test_a_suppressed_finding_is_marked_and_does_not_count(described: Path, qlint: Run) -> None:
    described.write_text(TEXT % ("{NET401: it stays}", "~"))
    result = qlint("check", "net.qnet.yaml", "--select", "NET401", "--output-format", "json")
    validator("qlint.report.v1").validate(result.json)
    marked = [(found["location"]["id"], found["suppressed"]) for found in result.json["diagnostics"]]
    assert marked == [("drop", {"reason": "it stays", "source": "model"}), ("sub/drop", None)]
    assert (result.json["summary"]["errors"], result.json["summary"]["suppressed"]) == (1, 1)
    assert (result.status, result.err) == (1, "")
    lines = qlint("check", "net.qnet.yaml", "--select", "NET401", "--output-format", "concise").out.splitlines()
    assert len(lines) == 1 and '"sub/drop"' in lines[0]


def test_a_network_inside_inherits_and_nothing_is_left_to_fail(described: Path, qlint: Run) -> None:
    described.write_text(TEXT % ("{NET401: it stays}", "{NET401: so do these}"))
    result = qlint("check", "net.qnet.yaml", "-e", "matlab", "-e", "gpu", "--select", "NET401")
    assert (result.status, result.err) == (0, "")
    assert result.out.splitlines()[-1] == "1 model: nothing found; 2 suppressed"


def test_what_is_asked_for_nothing_is_told(described: Path, qlint: Run) -> None:
    described.write_text(TEXT % ("{NET401: it stays, MAT401: why, NET4o1: why, GPU101: why}", "~"))
    result = qlint("check", "net.qnet.yaml", "--fail-on", "never")
    assert result.err.splitlines() == [
        "qlint: note: net.qnet.yaml:4:65: MAT401 is ignored here, but finds nothing; remove the entry",
        "qlint: note: net.qnet.yaml:4:78: there is no rule 'NET4o1' to ignore; did you mean 'NET401' or 'NET403'?",
    ]
    assert qlint("check", "net.qnet.yaml", "--select", "NET401").err.count("note") == 1
    assert qlint("check", "net.qnet.yaml", "-q").err == ""


def test_the_metadata_of_an_onnx_model(tmp_path: Path, qlint: Run) -> None:
    model = onnx.load(DIGITS)
    model.metadata_props.add(key="pkg.qlint.ignore", value="NET401: it stays\nMAT401:\n")
    path = str(tmp_path / "digits.onnx")
    onnx.save(model, path)
    result = qlint("check", path, "--select", "NET401,MAT401", "--output-format", "jsonl")
    found = [json.loads(line) for line in result.out.splitlines()]
    marked = {(line["code"], bool(line["suppressed"])) for line in found if line["kind"] == "diagnostic"}
    assert marked == {("NET401", True), ("MAT401", False)}
    assert result.status == 1
    assert result.err == f"qlint: note: {path}: MAT401 is to be ignored without a reason; write MAT401: reason\n"


def test_an_error_tells_its_place_apart_from_its_path(described: Path, qlint: Run) -> None:
    """Which model it is about is found by the path alone."""
    described.write_text(TEXT % ("{NET401: ''}", "~"))
    result = qlint("check", "net.qnet.yaml", "--output-format", "json")
    validator("qlint.report.v1").validate(result.json)
    ((model,), (error,)) = result.json["models"], result.json["errors"]
    assert (error["path"], error["line"], error["column"]) == (model["path"], 4, 55)
    assert result.err.startswith("qlint: error: net.qnet.yaml:4:55: NET401 is ignored without a reason (QL007); write")


def test_a_suppression_has_a_reason(described: Path, qlint: Run) -> None:
    described.write_text(TEXT % ("{NET401: it stays}", "~"))
    report = qlint("check", "net.qnet.yaml", "--output-format", "json").json
    next(found for found in report["diagnostics"] if found["suppressed"])["suppressed"]["reason"] = ""
    with pytest.raises(jsonschema.ValidationError):
        validator("qlint.report.v1").validate(report)
