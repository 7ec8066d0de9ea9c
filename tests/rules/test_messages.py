"""Placeholders of messages, and values as people and machines see them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from qlint.rules.predicates.core import ABSENT, Facts
from qlint.rules.shown import plain, shown
from qlint.suggest import did_you_mean
from qlint.tristate import Unknown
from tests.rules.making import environment, findings, network, rule


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("nothing", "nothing"),
        ("{type} {name}: {Size}!", "conv c: [3 3]!"),
        ("{Size}{Size}", "[3 3][3 3]"),
        ("after {predecessor.name} ({predecessor.type})", "after in (input)"),
        ("{Missing} is missing", "unknown is missing"),
    ],
)
def test_placeholders(message: str, expected: str) -> None:
    env = environment(rule("layers: [conv]\nforbid: {}", message=message))
    net = network({"name": "in", "type": "input"}, {"name": "c", "type": "conv", "Size": [3, 3]})
    assert [found.message for found in findings(net, env)] == [expected]


def test_the_predecessor_is_the_one_that_the_rule_found() -> None:
    asked = "layers: [bn]\nforbid: {predecessor: {type: conv, through: [drop]}}"
    env = environment(rule(asked, message="after {predecessor.name}"))
    assert [found.message for found in findings(network("conv", "drop", "bn"), env)] == ["after conv"]


def test_what_is_unknown_in_a_message_is_told() -> None:
    template = environment(rule("layers: [conv]\nforbid: {}", message="{type} {Size} {Stride}")).rules[0].message
    net = network({"name": "c", "type": "conv", "Size": 1, "Stride": None})
    assert template.placeholders == ("type", "Size", "Stride")
    assert template.unknown(net.layers["c"], Facts(net, environment(rule("layers: [c]\nforbid: {}")))) == ["Stride"]


def test_long_runs_are_told_in_short() -> None:
    env = environment(rule("scope: run\nlayers: ['t*']\nforbid: {}", message="{run.count}: {run.types}"))
    (found,) = findings(network(*(f"t{n}" for n in range(7))), env)
    assert found.message == "7: t0, t1, t2, t3, t4 and 2 more"


@pytest.mark.parametrize(
    ("value", "people", "machine"),
    [
        (None, "unknown", None),
        (Unknown("x"), "unknown", None),
        (ABSENT, "nothing", None),
        (True, "true", True),
        (3, "3", 3),
        (1 / 3, "0.333333", 1 / 3),
        (float("nan"), "nan", "nan"),
        (float("-inf"), "-inf", "-inf"),
        ("mean", "mean", "mean"),
        ("x" * 500, "x" * 197 + "...", "x" * 197 + "..."),
        ([1, [2, "a"]], "[1 [2 a]]", [1, [2, "a"]]),
        ((1, Unknown("y")), "[1 unknown]", [1, None]),
        (list(range(9)), "[0 1 2 3 4 5 6 7 ... 9 values]", list(range(9))),
        (list(range(17)), "[0 1 2 3 4 5 6 7 ... 17 values]", [*range(16), "... 17 values"]),
        (np.array([1.5, 2.0], np.float32), "[1.5 2]", [1.5, 2.0]),
        (np.int64(4), "4", 4),
        ({"a": np.float32(0.5)}, "{'a': np.float32(0.5)}", {"a": 0.5}),
    ],
)
def test_values_for_people_and_machines(value: Any, people: str, machine: Any) -> None:
    if not isinstance(value, dict):
        assert shown(value) == people
    assert plain(value) == machine


def test_did_you_mean() -> None:
    assert did_you_mean("Relulayer", ["reluLayer", "eluLayer"]) == "did you mean 'reluLayer' or 'eluLayer'?"
    assert did_you_mean("qqq", ["reluLayer"], "choose one") == "choose one"
