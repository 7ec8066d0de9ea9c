"""`fix:` of a rule: the transform that clears its findings, and how reports say so."""

from __future__ import annotations

import json
from pathlib import Path

import onnx
import pytest

from qlint.rules import library
from qlint.rules.model import Rule
from qlint.transforms import registry
from tests.cli.running import DIGITS, call
from tests.files.reading import parsed

FIXABLE = [rule for rule in library.all_rules() if rule.fix is not None]


@pytest.mark.parametrize("rule", FIXABLE, ids=lambda rule: rule.code)
def test_it_names_a_transform_that_runs_in_the_rule_s_environment(rule: Rule) -> None:
    assert rule.fix in registry.names()
    own = [id for id in library.environments() if id == rule.environment]
    for id in own or library.environments():  # a rule of every environment is of none in particular
        assert rule.fix in [step.transform for step in library.load(id, None).transforms], id


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


DROPOUTS = {
    "plain": ("d, m = Dropout(x) y = Relu(d)", 17),
    "training": ("d = Dropout(x, r, yes) y = Relu(d)", 17),
    "not training": ("d = Dropout(x, r, no) y = Relu(d)", 17),
    "mask read": ("d, m = Dropout(x) f = Cast<to = 1>(m) y = Mul(d, f)", 17),
    "old, training": ("d = Dropout(x) y = Relu(d)", 6),
    "old, not training": ("d = Dropout<is_test = 1>(x) y = Relu(d)", 6),
}


@pytest.mark.parametrize("name", DROPOUTS)
def test_a_dropout_is_called_fixable_exactly_where_fix_removes_it(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, name: str
) -> None:
    body, opset = DROPOUTS[name]
    constants = "float r = {0.5}, bool yes = {1}, bool no = {0}" if opset > 6 else ""
    text = f"g (float[2, 3] x) => (float[2, 3] y) <{constants}> {{ {body} }}"
    path = str(tmp_path / "m.onnx")
    onnx.save(parsed(text.replace("<>", ""), opset=opset), path)
    found = json.loads(call(capsys, "check", path, "--select", "NET4", "--output-format", "json").out)["diagnostics"]
    (dropout,) = [d for d in found if d["location"]["type"] == "dropoutLayer"]
    fixed = json.loads(call(capsys, "fix", path, "--diff", "--output-format", "json").out)
    removed = [entry["id"] for entry in fixed["applied"] if entry["transform"] == "remove-dropout"]
    assert (dropout["code"], dropout["fix"] is not None) == (("NET401", True) if removed else ("NET403", False))
    assert bool(removed) is (name in ("plain", "not training", "old, not training"))
