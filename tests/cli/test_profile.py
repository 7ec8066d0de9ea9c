"""`--profile`, `-e all`, and what `qlint env` says of processor profiles and of evidence."""

from __future__ import annotations

import re
from pathlib import Path

import onnx
import onnx.parser
import pytest

from qlint.rules import library, profile
from tests.cli.running import DIGITS, Run
from tests.report.building import validator

MODEL = """<ir_version: 8, opset_import: ["" : 13]>
net (float[1,4,8,8] x) => (float[1,4,16,16] y) {
  s = Constant <value_floats: floats = [1.0, 1.0, 2.0, 2.0]> ()
  t = Tanh (x)
  y = Resize <mode: string = "nearest"> (t, , s)
}"""

MINE = """schema: qlint.profile/v1
profile: {name: mine, environment: fpga}
modules:
  custom: {Resize2D: "on", TanhLayer: "off"}
"""


@pytest.fixture
def model(tmp_path: Path) -> str:
    path = tmp_path / "net.onnx"
    onnx.save(onnx.parser.parse_model(MODEL), path)
    return str(path)


@pytest.fixture
def mine(tmp_path: Path) -> str:
    path = tmp_path / "mine.yaml"
    path.write_text(MINE)
    return str(path)


def codes(text: str) -> set[str]:
    return set(re.findall(r"\bFPG1[56]\d\b", text))


def test_a_shipped_profile(qlint: Run, model: str) -> None:
    without = qlint("check", model, "-e", "fpga", "-v")
    assert codes(without.out) == set()
    found = qlint("check", model, "-e", "fpga", "--profile", "ZCU102_int8")
    assert (found.status, codes(found.out)) == (1, {"FPG157", "FPG159"})
    assert found.out.startswith("Checked against fpga, release R2026b, profile zcu102_int8\n")
    assert "profile zcu102_int8 has no Resize2D block" in found.out
    assert "Switch on Resize2D of module custom" in found.out


def test_one_of_your_own(qlint: Run, model: str, mine: str) -> None:
    found = qlint("check", model, "-e", "fpga", "--profile", mine, "--output-format", "json")
    assert codes(found.out) == {"FPG159"}
    validator("qlint.report.v1").validate(found.json)
    (environment,) = found.json["environments"]
    assert environment["profile"] == {"name": "mine", "sha256": profile.load(mine).sha256}
    assert "profile" not in qlint("check", model, "-e", "fpga", "--output-format", "json").json["environments"][0]


def test_with_all_environments_the_profile_goes_where_it_belongs(qlint: Run, model: str) -> None:
    found = qlint("check", model, "-e", "all", "--profile", "zcu102_int8", "--output-format", "json").json
    assert {d["environment"] for d in found["diagnostics"] if d["code"] in ("FPG157", "FPG159")} == {"fpga"}
    assert [e["id"] for e in found["environments"] if "profile" in e] == ["fpga"]


def test_why_with_and_without(qlint: Run, model: str) -> None:
    page = qlint("why", model, "y", "FPG157", "-e", "fpga", "--profile", "zcu102_int8")
    assert page.status == 0 and "custom.Resize2D" in page.out
    assert "--profile NAME" in qlint("why", model, "y", "FPG157", "-e", "fpga").out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("-e", "fpga", "--profile", "zcu102"), "there is no processor profile 'zcu102'; did you mean 'zcu102_int8'?"),
        (
            ("-e", "gpu", "--profile", "zcu102_int8"),
            "belongs to environment fpga, which is not checked against; add -e fpga",
        ),
        (("--profile", "zcu102_int8"), "add -e fpga"),
        (("-e", "fpga", "--profile", "no.yaml"), "no.yaml: "),
        (
            (
                "-e",
                "fpga@R2O23a",
            ),
            "did you mean 'R202",
        ),
    ],
)
def test_mistakes(qlint: Run, arguments: tuple[str, ...], said: str) -> None:
    result = qlint("check", DIGITS, *arguments)
    assert (result.status, result.out) == (2, "")
    assert said in result.err


def test_a_profile_with_a_mistake(qlint: Run, model: str, mine: str) -> None:
    Path(mine).write_text(MINE.replace("Resize2D", "Resize3D"))
    result = qlint("check", model, "-e", "fpga", "--profile", mine)
    assert result.status == 2 and f"{mine}:4:12: " in result.err and "'Resize2D'" in result.err
    validated = qlint("rules", "validate", mine)
    assert validated.status == 2 and "'Resize2D'" in validated.err


def test_the_page_of_a_rule(qlint: Run) -> None:
    assert "asked only with a processor profile (--profile)" in qlint("rule", "FPG157").out
    assert "--profile" not in qlint("rule", "FPG101").out
    for code, needs in {"FPG157": True, "FPG101": False}.items():
        page = qlint("rule", code, "--output-format", "json").json
        validator("qlint.rule.v1").validate(page)
        assert page["needs_profile"] is needs


def test_the_page_of_an_environment(qlint: Run) -> None:
    page = qlint("env", "fpga").out
    rules = library.load("fpga", None).rules
    for kind in ("documented", "partial", "reported", "recalled", "inferred"):
        number = sum(rule.evidence.kind == kind for rule in rules if library.load("fpga", None).holds(rule))
        assert re.search(rf"^ +{number}  {kind}  ", page, re.MULTILINE), kind
    assert f"{sum(rule.needs_profile for rule in rules)} of them compare with a processor profile" in page
    assert all(name in page for name in profile.names())
    assert "profile" not in qlint("env", "gpu").out


def test_the_page_is_about_the_release(qlint: Run) -> None:
    old = qlint("env", "fpga@R2023a").out
    assert "fullyConnectedLayer (until R2023a)" in old and "since R2023b" not in old
    assert "fullyConnectedLayer (since R2023b)" in qlint("env", "fpga").out


def test_the_page_as_data(qlint: Run) -> None:
    for id in library.environments():
        page = qlint("env", id, "--output-format", "json").json
        validator("qlint.environment.v1").validate(page)
        assert [found["name"] for found in page["profiles"]] == (profile.names() if id == "fpga" else [])
    validator("qlint.environment.v1").validate(qlint("env", "--output-format", "json").json)


def test_all_environments_in_one_report(qlint: Run) -> None:
    found = qlint("check", DIGITS, "-e", "all", "--output-format", "json").json
    validator("qlint.report.v1").validate(found)
    ids = library.environments()
    assert {"cpu", "fpga", "gpu", "matlab"} <= set(ids)
    assert [e["id"] for e in found["environments"]] == ids
    dropouts = [d["environment"] for d in found["diagnostics"] if d["code"] == "NET401"]
    assert dropouts == sorted(dropouts) and {"cpu", "fpga", "gpu", "matlab"} <= set(dropouts)
    assert len({d["fingerprint"] for d in found["diagnostics"]}) == len(found["diagnostics"])
    text = qlint("check", DIGITS, "-e", "all").out
    assert text.count("NET401") == 1
    assert "By environment\n" in text
    lines = qlint("check", DIGITS, "-e", "all", "--output-format", "concise").out.splitlines()
    assert len(lines) == len(set(lines))
