"""`qlint plan`: what it says, as text and as data, and how it ends."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from qlint.rules import library
from tests.cli.running import DIGITS, FIXTURES, Run
from tests.report.building import validator

SCHEMA = "qlint.plan.v1"
OPEN = str(FIXTURES / "dynamic_axes.onnx")


DESCRIPTION = """\
schema: qlint.network/v1
network: {class: SeriesNetwork, release: R2025b}
layers:
  - {name: in, type: imageInputLayer, InputSize: [8, 8, 1], Normalization: zerocenter, Mean: 0}
  - {name: conv, type: convolution2dLayer, FilterSize: 3, NumFilters: 4}
  - {name: fc, type: fullyConnectedLayer, OutputSize: 10}
  - {name: soft, type: softmaxLayer}
  - {name: out, type: classificationLayer}
"""


def data(qlint: Run, *arguments: str, status: int = 0) -> Any:
    """The document a call prints, which must be valid."""
    result = qlint("plan", *arguments, "--output-format", "json")
    assert result.status == status, result.err
    validator(SCHEMA).validate(result.json)
    return result.json


def outcomes(plan: Any) -> dict[str, str]:
    return {layer["name"]: layer["outcome"] for layer in plan["layers"]}


def test_a_plan_as_data(qlint: Run) -> None:
    found = data(qlint, DIGITS)
    assert list(found) == ["schema", "tool", "environment", "model", "layers", "summary", "islands"]
    assert found["environment"]["id"] == "matlab" and found["model"]["path"] == DIGITS
    assert outcomes(found)["conv1"] == "int8" and outcomes(found)["bn1"] == "fused"
    assert found["layers"][1] == {
        "id": "graph/conv1_out",
        "name": "conv1",
        "type": "convolution2dLayer",
        "outcome": "int8",
        "reason": "quantized whatever it is fed (partial)",
        "cause": None,
        "parameters": 160,
        "macs": 9216,
    }
    assert found["summary"] == {
        "layers": {"total": 14, "quantized": 13, "unknown": 0},
        "parameters": {"total": 40394, "quantized": 40394, "unknown": 0},
        "macs": {"total": 616064, "quantized": 616064, "unknown": 0},
    }
    assert data(qlint, DIGITS) == found


def test_preparation_is_planned_and_nothing_is_written(qlint: Run, tmp_path: Path) -> None:
    before = sorted(FIXTURES.iterdir())
    found = data(qlint, DIGITS, "--prepared")
    assert {entry["transform"]: entry["count"] for entry in found["prepared"]["applied"]} == {
        "remove-dropout": 1,
        "fuse-batch-normalization": 3,
        "equalize-layers": 1,
    }
    assert not {"fused", "removed"} & set(outcomes(found["prepared"]).values())
    assert sorted(FIXTURES.iterdir()) == before


def test_a_description_is_prepared_as_layers(qlint: Run, tmp_path: Path) -> None:
    """As `qlint fix` does it: the plan after it is the plan of what it writes."""
    path = tmp_path / "net.qnet.yaml"
    path.write_text(DESCRIPTION, encoding="utf-8")
    found = data(qlint, str(path), "--prepared")["prepared"]
    assert {entry["transform"]: entry["count"] for entry in found["applied"]} == {
        "convert-to-dlnetwork": 2,
        "fold-normalization": 1,
    }
    assert outcomes(found) == {"in": "fixed-point", "conv": "int8", "fc": "int8", "soft": "single"}
    out = tmp_path / "out.qnet.yaml"
    assert qlint("fix", str(path), "-o", str(out)).status == 0
    assert data(qlint, str(out))["layers"] == found["layers"]


def test_what_fix_gains(qlint: Run) -> None:
    found = data(qlint, str(FIXTURES / "input_zero_mean.onnx"), "--prepared")
    assert found["summary"]["layers"] == {"total": 3, "quantized": 2, "unknown": 0}
    assert found["prepared"]["summary"]["layers"] == {"total": 3, "quantized": 3, "unknown": 0}


def test_several_environments_make_a_list(qlint: Run) -> None:
    found = data(qlint, DIGITS, "-e", "all")
    assert list(found) == ["schema", "tool", "plans"]
    assert [plan["environment"]["id"] for plan in found["plans"]] == library.environments()
    assert len({tuple(layer["id"] for layer in plan["layers"]) for plan in found["plans"]}) == 1


def test_several_environments_are_compared(qlint: Run) -> None:
    result = qlint("plan", DIGITS, "-e", "matlab", "-e", "fpga")
    lines = {line.split()[0]: line.split()[1:] for line in result.out.splitlines() if line.startswith("  ")}
    assert lines["layer"] == ["matlab", "fpga"]
    assert lines["conv1"] == ["int8", "int8"]
    assert lines["layers"][:2] == ["92.9", "%"]


@pytest.mark.parametrize(
    ("least", "status"),
    [
        (["layers=92"], 0),
        (["layers=93"], 1),
        (["macs=100"], 0),
        (["macs=100", "layers=100%"], 1),
        (["Parameters=99.5"], 0),
    ],
)
def test_the_exit_status_tells_whether_enough_is_quantized(qlint: Run, least: list[str], status: int) -> None:
    result = qlint("plan", DIGITS, *(word for given in least for word in ("--min-quantized", given)))
    assert result.status == status
    assert ("are quantized (" in result.err) is bool(status)


def test_what_falls_short_is_told_exactly(qlint: Run) -> None:
    result = qlint("plan", DIGITS, "-q", "--min-quantized", "layers=92.86")
    assert "92.8571 % of the layers are quantized (13 of 14), less than 92.86 %" in result.err
    result = qlint("plan", DIGITS, "-q", "-e", "intel-fpga-ai-suite", "--min-quantized", "layers=0.1")
    assert result.status == 1 and "nothing is known of which layers it quantizes" in result.err


def test_any_environment_may_fall_short(qlint: Run) -> None:
    result = qlint("plan", DIGITS, "-e", "matlab", "-e", "cpu", "--min-quantized", "layers=90", "-q")
    assert result.status == 1 and result.out == ""
    assert "in cpu" in result.err and "in matlab" not in result.err


@pytest.mark.parametrize("word", ["macs", "macs=", "macs=x", "macs=101", "macs=-1", "macs=nan", "mac=95"])
def test_what_is_no_share_is_refused(qlint: Run, word: str) -> None:
    result = qlint("plan", DIGITS, "--min-quantized", word)
    assert result.status == 2 and result.out == ""


def test_a_network_without_weights_lacks_none(qlint: Run) -> None:
    assert qlint("plan", str(FIXTURES / "custom_domain.onnx"), "--min-quantized", "macs=0").status == 0


def test_binding_decides_what_is_unknown(qlint: Run) -> None:
    found = data(qlint, OPEN)
    unknown = [layer for layer in found["layers"] if layer["outcome"] == "unknown"]
    assert unknown and all("not known" in layer["reason"] for layer in unknown)
    assert found["summary"]["macs"]["unknown"] == 1
    bound = data(qlint, OPEN, "--bind", "H=16", "--bind", "W=16")
    assert "unknown" not in outcomes(bound).values()
    assert bound["summary"]["macs"]["unknown"] == 0
    assert "--bind image=1,3,N,N" in qlint("plan", OPEN).out


def test_a_name_that_is_bound_in_vain_is_an_error(qlint: Run) -> None:
    result = qlint("plan", DIGITS, "--bind", "Q=1")
    assert result.status == 2 and "'Q'" in result.err


@pytest.mark.parametrize("arguments", [["none.onnx"], [DIGITS, "-e", "mars"], [DIGITS, "--output-format", "xml"], []])
def test_what_cannot_be_planned(qlint: Run, arguments: list[str]) -> None:
    result = qlint("plan", *arguments)
    assert result.status == 2 and result.out == "" and result.err.startswith("qlint: error: ")


def test_a_release_is_planned_for(qlint: Run) -> None:
    found = data(qlint, DIGITS, "-e", "gpu@R2022b")
    assert found["environment"]["release"] == "R2022b"
    assert outcomes(found)["fc1"] == "single"
    assert outcomes(data(qlint, DIGITS, "-e", "gpu"))["fc1"] == "int8"


def test_files_get_no_colour_and_stdout_stays_clean(qlint: Run, tmp_path: Path) -> None:
    out = tmp_path / "plan.txt"
    result = qlint("plan", DIGITS, "--color", "always", "--output-format", f"text:{out}")
    assert result.out == "" and "\x1b" not in out.read_text()
    assert "\x1b[" in qlint("plan", DIGITS, "--color", "always").out


def test_a_comparison_is_not_judged_by_what_has_no_table(qlint: Run) -> None:
    assert qlint("plan", "-q", DIGITS, "-e", "all", "--min-quantized", "layers=70").status == 0
    assert qlint("plan", "-q", DIGITS, "-e", "intel-fpga-ai-suite", "--min-quantized", "layers=70").status == 1
