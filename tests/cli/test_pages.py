"""`qlint rule`, `env`, `why` and `rules`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.running import DIGITS, Run

BROKEN_RULES = """schema: qlint.rules/v1
environment: {id: mine, prefix: MIN, title: Mine, summary: A file of my own., releases: ["1"]}
rules:
  - code: MIN101
    name: bad-thing
    severity: fatal
    layers: [reluLayer]
    forbid: {}
    message: "no"
    hint: Do not.
    why: Because.
    evidence: {kind: documented, source: Page}
    examples: {fires: [[{name: r, type: reluLayer}]], passes: [[{name: t, type: tanhLayer}]]}
"""


def test_rule_by_code_and_by_name(qlint: Run) -> None:
    page = qlint("rule", "MAT201")
    assert page.status == 0
    assert "nonzero-average-pooling-padding" in page.out and "documented" in page.out
    assert qlint("rule", "nonzero-average-pooling-padding").out == page.out
    assert qlint("rule", "mat201").out == page.out
    assert qlint("rule", "MAT201", "--output-format", "json").json["code"] == "MAT201"


def test_an_unknown_rule(qlint: Run) -> None:
    result = qlint("rule", "nonzero-average-padding")
    assert (result.status, result.out) == (2, "")
    assert "'nonzero-average-pooling-padding'" in result.err


def test_all_rules_and_environments(qlint: Run) -> None:
    listed = qlint("rule").out
    assert "MAT101" in listed and "NET401" in listed
    assert "matlab" in qlint("env").out
    page = qlint("env", "Matlab").out
    assert "R2026b" in page and "convolution2dLayer" in page and "documented" in page
    assert qlint("env", "nowhere").status == 2


def test_why_shows_what_was_seen(qlint: Run) -> None:
    findings = qlint("check", DIGITS, "--select", "MAT401", "--output-format", "json").json["diagnostics"]
    id = findings[0]["location"]["id"]
    page = qlint("why", DIGITS, id, "MAT401")
    assert page.status == 0
    assert "MAT401" in page.out and "predecessor" in page.out
    assert qlint("why", DIGITS, id).out.count("\n") > page.out.count("\n")
    assert qlint("why", DIGITS, id, "MAT401", "--output-format", "json").json["schema"] == "qlint.why/v1"


@pytest.mark.parametrize("arguments", [["graph/nothing"], ["graph/nothing", "MAT401"], ["graph/nothing", "XYZ"]])
def test_why_of_what_is_not_there(qlint: Run, arguments: list[str]) -> None:
    result = qlint("why", DIGITS, *arguments)
    assert (result.status, result.out) == (2, "")
    assert result.err.startswith("qlint: error: ")


def test_shipped_rules_are_valid_and_their_examples_do_as_they_claim(qlint: Run) -> None:
    assert qlint("rules", "validate").status == 0
    result = qlint("rules", "test")
    assert result.status == 0, result.out


def test_mistakes_in_a_rule_file_have_a_place(qlint: Run, tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(BROKEN_RULES)
    result = qlint("rules", "validate", str(file))
    assert result.status == 2
    assert f"{file}:6:15: severity must be one of" in result.err
    assert qlint("rules", "test", str(file)).status == 2
    file.write_text(BROKEN_RULES.replace("fatal", "error"))
    assert qlint("rules", "validate", str(file)).status == 0
    assert qlint("rules", "test", str(file)).status == 0
    file.write_text(BROKEN_RULES.replace("fatal", "error").replace("type: tanhLayer", "type: reluLayer"))
    failing = qlint("rules", "test", str(file))
    assert failing.status == 1
    assert "MIN101" in failing.out
    assert qlint("rules", "validate", str(tmp_path / "none.yaml")).status == 2
