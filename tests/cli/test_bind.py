"""`--bind`: every report says the sizes that it relies on, and a name that is none is answered with those there are."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.running import FIXTURES, Run
from tests.report.building import validator

OPEN = str(FIXTURES / "dynamic_axes.onnx")
SIZES = ("--bind", "N=4", "--bind", "image=4,3,32,16")
SAID = {"N": 4, "image": [4, 3, 32, 16]}
SHOWN = "with --bind N=4 --bind image=4,3,32,16"
COMMANDS = {
    "qlint.report.v1": ("check", OPEN),
    "qlint.plan.v1": ("plan", OPEN),
    "qlint.fix.v1": ("fix", OPEN, "--diff"),
}


@pytest.mark.parametrize("schema", COMMANDS)
def test_reports_say_what_they_rely_on(qlint: Run, schema: str) -> None:
    command = COMMANDS[schema]
    bound = qlint(*command, *SIZES, "--output-format", "json").json
    validator(schema).validate(bound)
    assert bound["bind"] == SAID
    free = qlint(*command, "--output-format", "json").json
    validator(schema).validate(free)
    assert "bind" not in free
    assert any(line.startswith(SHOWN) for line in qlint(*command, *SIZES).out.splitlines())
    assert not any(line.startswith("with --bind") for line in qlint(*command).out.splitlines())


def test_the_schema_refuses_sizes_that_are_none(qlint: Run) -> None:
    found = qlint(*COMMANDS["qlint.fix.v1"], *SIZES, "--output-format", "json").json
    for wrong in ({}, {"N": 0}, {"N": []}, {"N": [1.5]}):
        assert not validator("qlint.fix.v1").is_valid({**found, "bind": wrong})


def test_plans_of_several_environments_say_it_too(qlint: Run) -> None:
    found = qlint("plan", OPEN, "-e", "all", *SIZES, "--output-format", "json").json
    validator("qlint.plan.v1").validate(found)
    assert [plan["bind"] for plan in found["plans"]] == [SAID] * len(found["plans"])
    assert SHOWN in qlint("plan", OPEN, "-e", "all", *SIZES).out


def test_json_lines_say_it_in_the_header(qlint: Run) -> None:
    first = qlint("check", OPEN, *SIZES, "--output-format", "jsonl").out.splitlines()[0]
    assert '"kind": "header"' in first and '"bind": {"N": 4, "image": [4, 3, 32, 16]}' in first


def test_a_fixed_description_says_it(qlint: Run, tmp_path: Path) -> None:
    model = str(FIXTURES / "digits_series.qnet.yaml")
    found = qlint("fix", model, "-o", str(tmp_path / "o.qnet.yaml"), "--bind", "N=2", "--output-format", "json").json
    assert found["bind"] == {"N": 2} and found["verification"]["inputs"][0]["shape"][0] == 2


@pytest.mark.parametrize(
    "command",
    [("check", OPEN), ("plan", OPEN), ("fix", OPEN, "--diff"), ("why", OPEN, "conv1"), ("verify", OPEN, OPEN)],
)
def test_a_name_that_is_none_is_answered_with_those_there_are(qlint: Run, command: tuple[str, ...]) -> None:
    far = qlint(*command, "--bind", "batch=1")
    assert far.status == 2
    assert "--bind 'batch' names no symbolic dimension or input" in far.err
    assert far.err.endswith("there are 'N', 'H', 'W', 'image'\n")
    assert qlint(*command, "--bind", "imag=1,3,8,8").err.endswith("did you mean 'image'?\n")
