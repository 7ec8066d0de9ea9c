"""`fix:` of a rule: the transform that clears its findings, and how reports say so."""

from __future__ import annotations

import json

import pytest

from qlint.rules import library
from qlint.transforms import registry
from tests.cli.running import DIGITS, call

FIXABLE = [rule for rule in library.all_rules() if rule.fix is not None]


@pytest.mark.parametrize("rule", FIXABLE, ids=lambda rule: rule.code)
def test_it_names_a_transform_that_runs_in_the_rule_s_environment(rule: object) -> None:
    fix = rule.fix  # type: ignore[attr-defined]
    assert fix in registry.names()
    assert fix in [step.transform for step in library.load("matlab", None).transforms]


@pytest.mark.parametrize("name", registry.names())
def test_a_summary_names_the_transform_s_class(name: str) -> None:
    klass, title = registry.summary(name)
    assert klass in ("exact", "equivalent", "lossy")
    assert title
    assert registry.load(name).name == name


def test_reports_say_what_can_be_fixed(capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(call(capsys, "check", DIGITS, "--output-format", "json").out)["diagnostics"]
    fixes = {d["code"]: d["fix"] for d in found}
    assert fixes["NET401"]["transform"] == "remove-dropout"
    assert fixes["MAT401"] == {
        "transform": "fuse-batch-normalization",
        "class": "equivalent",
        "title": registry.summary("fuse-batch-normalization")[1],
    }
    assert fixes["MAT105"] is None
    lines = call(capsys, "check", DIGITS, "-v", "--output-format", "concise").out.splitlines()
    assert {line.split(": ", 1)[1].split(" layer")[0] for line in lines} == {
        "error MAT401 [*]",
        "error NET401 [*]",
        "info MAT105",
    }
    assert "[*] 4 fixable with `qlint fix`" in call(capsys, "check", DIGITS).out
