"""The table of an environment by release, and `outcome: single` of rules."""

from __future__ import annotations

from typing import Any

import pytest

from qlint.diagnostics import Outcome
from qlint.rules import library
from qlint.rules.engine import check
from qlint.rules.loader import validate_text
from qlint.rules.model import Role
from qlint.rules.predicates.core import Facts
from qlint.tristate import Unknown
from tests.rules.making import HEADER, environment, network, rule

ROW = "      - layers: [reluLayer, additionLayer]\n"
SPLIT = "      - layers: [swishLayer]\n        evidence: {kind: documented, source: A page}\n"
GOOD = HEADER + rule("layers: [reluLayer]\nrequire: {Size: 1}\noutcome: single")


def with_rows(first: str, second: str) -> str:
    """The header with swishLayer in two rows, which hold in some releases."""
    return HEADER.replace("    transparent:\n", f"{SPLIT}{first}    never:\n{SPLIT}{second}    transparent:\n")


def test_a_type_may_change_its_role_with_the_release() -> None:
    text = with_rows("        since: R2\n", "        until: R1\n") + rule("layers: [reluLayer]\nrequire: {Size: 1}")
    assert validate_text(text) == []
    from qlint.files.yamlfile import parse
    from qlint.rules.loader import examine

    env, _ = examine(parse(text, "test.yaml"), full_check=True)
    roles = {at: library.at_release(env, at).table.role("swishLayer") for at in env.releases}
    assert roles == {"R1": Role.NEVER, "R2": Role.CONDITIONALLY, "R3": Role.CONDITIONALLY}
    assert env.table.find("tanhLayer") == (Role.NEVER, None)


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        ("", "", "'swishLayer' is already in conditionally"),
        ("        since: R2\n", "        until: R2\n", "'swishLayer' is already in conditionally"),
        ("        since: R2\n", "", "'swishLayer' is already in conditionally"),
        ("        since: R4\n", "        until: R1\n", "since 'R4' is not one of the environment's releases"),
        ("        since: R3\n        until: R2\n", "        until: R1\n", "until R2 is before since R3"),
        ("        release: R2\n", "        until: R1\n", "no key 'release'"),
    ],
)
def test_a_type_has_one_role_in_each_release(first: str, second: str, said: str) -> None:
    found = validate_text(with_rows(first, second) + rule("layers: [reluLayer]\nrequire: {Size: 1}"))
    assert said in str(found[0])


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("outcome: single", "outcome: singel", "did you mean 'single'"),
        ("outcome: single", "outcome: single\n    enabled: false", "must be on"),
        ("require: {Size: 1}", "require: {fixed-point: true}", "cannot ask for it"),
        ("require: {Size: 1}", "require: {predecessor: {fixed-point: true}}", "cannot ask for it"),
        ("layers: [reluLayer]", "scope: network", "gives no layer an outcome"),
    ],
)
def test_what_an_outcome_does_not_go_with(old: str, new: str, said: str) -> None:
    assert validate_text(GOOD) == []
    assert any(said in str(found) for found in validate_text(GOOD.replace(old, new)))


ENV = environment(
    rule("layers: [convolution2dLayer, dropoutLayer]\nrequire: {Size: 1}\noutcome: single", message="too large"),
    rule("layers: [reluLayer, additionLayer]\nrequire: {fixed-point: true}", code="TST210", message="by {cause.name}"),
)


def conv(size: int | None, name: str = "conv") -> dict[str, Any]:
    return {"name": name, "type": "convolution2dLayer", "Size": size}


@pytest.mark.parametrize(
    ("size", "expected"), [(1, []), (2, [("violation", "by conv")]), (None, [("undecided", "Size of layer 'conv'")])]
)
def test_rules_about_fixed_point_see_what_outcomes_do(size: int | None, expected: list[tuple[str, str]]) -> None:
    found = [
        f for f in check(network(conv(size), "reluLayer"), ENV, ENV.rules, fingerprint_path="") if f.code == "TST210"
    ]
    told = [(f.outcome.value, f.message if f.outcome is Outcome.VIOLATION else f.missing[0]) for f in found]
    assert told == expected


def test_false_wins_over_unknown_and_the_cause_is_of_the_same_kind() -> None:
    layers = [conv(None, "perhaps"), conv(2, "never"), {"name": "sum", "type": "additionLayer"}]
    facts = Facts(network(*layers, connections=[["perhaps", "sum/in1"], ["never", "sum/in2"]]), ENV)
    total = facts.network.layers["sum"]
    assert facts.propagation.has_fixed_inputs(total) is False
    assert facts.propagation.cause(total) is facts.network.layers["never"]
    assert isinstance(facts.propagation.is_fixed(facts.network.layers["perhaps"]), Unknown)
    limit = facts.propagation.limit(facts.network.layers["never"])
    assert limit is not None and (limit[0].code, limit[1]) == ("TST101", True)


def test_what_cannot_be_removed_is_single() -> None:
    for size, expected in ((1, True), (2, False)):
        facts = Facts(network(conv(1), {"name": "drop", "type": "dropoutLayer", "Size": size}), ENV)
        assert facts.propagation.is_fixed(facts.network.layers["drop"]) is expected


def test_an_input_whose_normalization_does_not_quantize_makes_what_follows_single() -> None:
    matlab = library.load("matlab", None)
    zero = {"name": "in", "type": "imageInputLayer", "Normalization": "zerocenter", "Mean": 0, "InputSize": [8, 8, 1]}
    for mean, expected in ((0, ["relu"]), (1, [])):
        net = network({**zero, "Mean": mean}, {"name": "relu", "type": "reluLayer"})
        found = check(net, matlab, matlab.rules, fingerprint_path="")
        assert [f.location.id for f in found if f.code == "MAT210"] == expected


def test_limits_of_quantization_give_an_outcome_and_advice_does_not() -> None:
    single = {rule.code for rule in library.load("matlab", None).rules if rule.single}
    assert single == {"MAT201", "MAT202", "MAT203", "MAT204", "MAT403", "NET403"}
