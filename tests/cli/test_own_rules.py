"""`-e my.yaml`: a user's own environment wherever an environment is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.running import DIGITS, Run

FILE = """\
schema: qlint.rules/v1
environment:
  id: mine
  prefix: OWN
  title: Mine
  summary: A test.
  releases: ["1", "2"]
rules:
  - code: OWN201
    name: any-convolution
    severity: error
    op: [Conv]
    forbid: {attributes: {kernel_shape: {min: 1}}}
    since: "2"
    message: "kernel_shape is {attributes.kernel_shape}"
    hint: Do something.
    why: Because.
    evidence: {kind: documented, source: A page}
    examples:
      fires: [[{op: Conv, attributes: {kernel_shape: [3, 3]}}]]
      passes: [[{op: Relu}]]
"""


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "mine.yaml"
    path.write_text(FILE)
    return path


def test_it_is_checked_against_with_the_rules_of_every_environment(mine: Path, qlint: Run) -> None:
    done = qlint("check", DIGITS, "-e", "mine.yaml", "--output-format", "json")
    assert done.status == 1
    codes = {found["code"] for found in done.json["diagnostics"]}
    assert "OWN201" in codes
    assert any(code.startswith("NET") for code in codes)
    (environment,) = done.json["environments"]
    assert (environment["id"], environment["release"]) == ("mine", "2")
    assert len(environment["sha256"]) == 64


def test_releases_and_files_with_an_at_sign(mine: Path, qlint: Run) -> None:
    assert qlint("check", DIGITS, "-e", "mine.yaml@1", "--select", "OWN").status == 0
    assert qlint("check", DIGITS, "-e", f"{mine}@2", "--select", "OWN").status == 1
    other = mine.parent / "a@b.YML"
    mine.rename(other)
    assert qlint("check", DIGITS, "-e", "a@b.YML", "--select", "OWN").status == 1
    assert qlint("check", DIGITS, "-e", "a@b.YML@1", "--select", "OWN").status == 0
    done = qlint("check", DIGITS, "-e", "a@b.YML@3")
    assert (done.status, "environment mine has no release '3'" in done.err) == (2, True)


def test_beside_a_shipped_one(mine: Path, qlint: Run) -> None:
    done = qlint("check", DIGITS, "-e", "matlab", "-e", "mine.yaml", "--output-format", "json")
    assert [environment["id"] for environment in done.json["environments"]] == ["matlab", "mine"]


def test_other_commands_take_it(mine: Path, qlint: Run) -> None:
    assert "mine: Mine" in qlint("env", "mine.yaml").out
    assert "limits only" in qlint("env", "mine.yaml").out
    conv = next(
        found["location"]["id"]
        for found in qlint("check", DIGITS, "-e", "mine.yaml", "--output-format", "json").json["diagnostics"]
        if found["code"] == "OWN201"
    )
    done = qlint("why", DIGITS, conv, "own201", "-e", "mine.yaml")
    assert done.status == 0
    assert "ONNX operator: Conv" in done.out
    assert "OWN201 any-convolution: error" in done.out
    assert qlint("fix", DIGITS, "-e", "mine.yaml", "-o", "out.onnx").status == 0


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("op: [Conv]", "op: [Convv]", "mine.yaml:12:10: ONNX has no operator 'Convv' (QL004); did you mean 'Conv'"),
        ("kernel_shape: {min", "kernal_shape: {min", "did you mean 'kernel_shape'"),
        ("severity: error", "severity: eror", "did you mean 'error'"),
        ("title: Mine", "title: Mine\n  every: true", "holds rules of every environment"),
        ("any-convolution", "dropout-layer", "dropout-layer is already that of a rule in rules/network.yaml"),
        ("hint: Do", "fix: fuse-layerz\n    hint: Do", "there is no transform 'fuse-layerz'"),
        (
            "releases:",
            "transforms: [{transform: remove-drop, origin: qlint, evidence: {kind: inferred, source: x}}]\n  releases:",
            "there is no transform 'remove-drop' (QL004); did you mean 'remove-dropout'",
        ),
    ],
)
def test_a_bad_file_is_said_and_exit_2(mine: Path, qlint: Run, old: str, new: str, said: str) -> None:
    assert FILE.count(old) == 1
    mine.write_text(FILE.replace(old, new))
    done = qlint("check", DIGITS, "-e", "mine.yaml")
    assert done.status == 2
    assert said in done.err
    assert "Traceback" not in done.err


def test_what_is_no_file(mine: Path, qlint: Run) -> None:
    (mine.parent / "folder.yaml").mkdir()
    for word, said in (("none.yaml", "No such file"), ("folder.yaml", "this is not a file"), ("mine.yaml@", "release")):
        done = qlint("check", DIGITS, "-e", word)
        assert done.status == 2
        assert said in done.err


def test_two_files_of_one_id(mine: Path, qlint: Run) -> None:
    (mine.parent / "two.yaml").write_text(FILE)
    done = qlint("check", DIGITS, "-e", "mine.yaml", "-e", "two.yaml")
    assert done.status == 2
    assert "mine.yaml and two.yaml are both called mine" in done.err
    assert qlint("check", DIGITS, "-e", "mine.yaml", "-e", "mine.yaml", "--exit-zero").status == 0
    done = qlint("check", DIGITS, "-e", "mine.yaml@1", "-e", "mine.yaml@2")
    assert (done.status, "in two releases" in done.err) == (2, True)


def test_why_knows_its_rules_and_no_others(mine: Path, qlint: Run) -> None:
    done = qlint("why", DIGITS, "x", "MAT201", "-e", "mine.yaml")
    assert done.status == 2
    assert "environment mine has no rule 'MAT201'" in done.err
