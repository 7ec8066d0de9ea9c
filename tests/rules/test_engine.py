"""The engine: scopes, three-valued outcomes, order, fingerprints, failures."""

from __future__ import annotations

import json
import random

import pytest

from qlint.diagnostics import NOWHERE, Outcome
from qlint.errors import InternalError, ModelError
from qlint.rules.predicates.own import Property
from tests.rules.making import environment, findings, network, outcome, rule

RUN = "scope: run\nlayers: ['onnx:*']\nforbid: {Folds: false}"
PADDED = "layers: [pool]\nrequire: {PaddingValue: 0}"


def test_a_violated_rule_tells_what_it_saw_and_wanted() -> None:
    env = environment(rule(PADDED, message="PaddingValue is {PaddingValue}"))
    (found,) = findings(network({"name": "p", "type": "pool", "PaddingValue": "mean"}), env)
    assert (found.code, found.name, found.outcome) == ("TST101", "rule-tst101", Outcome.VIOLATION)
    assert found.message == "PaddingValue is mean"
    assert found.hint == "Do something."
    assert (found.observed, found.expected, found.missing) == ({"PaddingValue": "mean"}, {"PaddingValue": 0}, ())
    assert (found.location.id, found.location.type, found.model) == ("p", "pool", "model.onnx")
    assert found.environment == "test"


def test_what_is_forbidden_is_expected_not_to_be() -> None:
    env = environment(rule("layers: [pool]\nwhen: {Mode: [a]}\nforbid: {not: {Size: 2}, predecessor: {type: conv}}"))
    (found,) = findings(network("conv", {"name": "p", "type": "pool", "Mode": "a", "Size": 3}), env)
    assert found.observed == {"Mode": "a", "Size": 3, "predecessor": "conv 'conv'", "predecessor.type": "conv"}
    assert found.expected == {"Size": 2, "predecessor.type": {"not": "conv"}}


def test_an_unknown_property_leaves_the_rule_undecided() -> None:
    (found,) = findings(network({"name": "p", "type": "pool", "PaddingValue": None}), environment(rule(PADDED)))
    assert found.outcome is Outcome.UNDECIDED
    assert found.missing == ("PaddingValue of layer 'p'",)
    assert found.message == "cannot decide rule-tst101; not known: PaddingValue of layer 'p'"
    assert "Do something." in found.hint


def test_an_undecided_finding_says_what_would_decide_it() -> None:
    env = environment(rule("layers: [pool]\nrequire: {input-shape: {axes: {0: 1, 2: 8}}}"))
    net = network({"name": "in", "type": "imageInputLayer", "shape": ["N", 3, "H", 8]}, "pool")
    (found,) = findings(net, env)
    assert found.hint == "Run again with --bind N=1 --bind H=1."
    assert len(found.missing) == 2
    assert found.message.endswith(" (and 1 more)")


@pytest.mark.parametrize(
    ("when", "body", "expected"),
    [
        (True, 1, "passes"),
        (True, 0, "violation"),
        (True, None, "undecided"),
        (False, 0, "passes"),
        (False, None, "passes"),
        (None, 1, "passes"),  # what is asked for holds, wherever the rule applies
        (None, 0, "undecided"),
        (None, None, "undecided"),
    ],
)
def test_when_and_body_combine(when: bool | None, body: int | None, expected: str) -> None:
    net = network({"name": "p", "type": "pool", "When": when, "Body": body})
    assert outcome("layers: [pool]\nwhen: {When: true}\nrequire: {Body: 1}", net) == expected
    assert outcome("layers: [pool]\nwhen: {When: true}\nforbid: {Body: 0}", net) == expected


def test_a_rule_about_the_network_has_no_location() -> None:
    env = environment(rule("scope: network\nrequire: {Class: dlnetwork}", message="it is a {Class}"))
    (found,) = findings(network("reluLayer", Class="DAGNetwork"), env)
    assert found.location == NOWHERE
    assert found.message == "it is a DAGNetwork"
    assert found.observed == {"Class": "DAGNetwork"}


def gather(name: str, folds: bool | None = False) -> dict[str, object]:
    return {"name": name, "type": f"onnx:{name[0].upper()}", "Folds": folds}


def test_neighbouring_layers_of_a_run_are_one_finding_at_the_first() -> None:
    env = environment(rule(RUN, message="{run.count} of {run.types}"))
    found = findings(network("in", gather("a"), gather("b"), gather("c"), "relu", gather("d")), env)
    assert [(f.location.id, f.message) for f in found] == [("a", "3 of onnx:A, onnx:B, onnx:C"), ("d", "1 of onnx:D")]
    assert found[0].observed == {"Folds": False, "run": ["a", "b", "c"]}


def test_branches_that_meet_again_are_one_run() -> None:
    env = environment(rule(RUN))
    net = network(
        "in",
        gather("a"),
        gather("b"),
        gather("c"),
        connections=[["in", "a"], ["in", "b"], ["a", "c/in1"], ["b", "c/in2"]],
    )
    assert [f.location.id for f in findings(net, env)] == ["a"]


def test_layers_that_pass_divide_a_run_and_undecided_ones_do_not() -> None:
    env = environment(rule(RUN))
    divided = findings(network(gather("a"), gather("b", True), gather("c")), env)
    assert [f.location.id for f in divided] == ["a", "c"]
    joined = findings(network(gather("a", None), gather("b"), gather("c", None)), env)
    assert [(f.location.id, f.outcome) for f in joined] == [("a", Outcome.VIOLATION)]
    open_ = findings(network(gather("a", None), gather("b", None)), env)
    assert [(f.location.id, f.outcome, f.missing) for f in open_] == [
        ("a", Outcome.UNDECIDED, ("Folds of layer 'a'",)),
    ]


def test_findings_are_in_order_of_layers_and_codes() -> None:
    env = environment(
        rule("layers: ['*']\nforbid: {}", code="TST301"),
        rule(RUN, code="TST201"),
        rule("scope: network\nforbid: {Class: dlnetwork}", code="TST401"),
        rule("layers: ['*']\nforbid: {}", code="TST101"),
    )
    found = findings(network("in", gather("a"), gather("b")), env)
    assert [(f.location.id, f.code) for f in found] == [
        (None, "TST401"),
        ("in", "TST101"),
        ("in", "TST301"),
        ("a", "TST101"),
        ("a", "TST201"),
        ("a", "TST301"),
        ("b", "TST101"),
        ("b", "TST301"),
    ]


def test_everything_in_a_finding_can_be_written_as_json() -> None:
    env = environment(rule("layers: [pool]\nrequire: {Size: {max: 2}, Other: [1, 2]}"))
    net = network({"name": "p", "type": "pool", "Size": float("inf"), "Other": list(range(100))})
    (found,) = findings(net, env)
    assert json.loads(json.dumps([found.observed, found.expected], allow_nan=False))[0]["Size"] == "inf"
    other = environment(rule("layers: [pool]\nrequire: {Other: 1}"))
    assert len(findings(net, other)[0].observed["Other"]) < 20


def test_messages_are_bounded_however_long_names_are() -> None:
    env = environment(rule("layers: [pool]\nforbid: {}", message="{name} and {name} and {A} and {B}"))
    net = network({"name": "x" * 5000, "type": "pool", "A": "y" * 5000, "B": "z" * 5000})
    assert len(findings(net, env)[0].message) <= 300


def test_fingerprints_do_not_depend_on_the_order_of_layers() -> None:
    env = environment(rule(RUN), rule("layers: ['*']\nforbid: {}", code="TST201"))
    names = ["a", "b", "c", "d", "e", "f"]
    edges = [["a", "c/in1"], ["b", "c/in2"], ["c", "d"], ["e", "f"]]
    expected = None
    for seed in range(5):
        random.Random(seed).shuffle(names)
        found = findings(network(*(gather(name) for name in names), connections=edges), env)
        prints = sorted(f.fingerprint for f in found)
        assert len(set(prints)) == len(found) == 8
        assert expected is None or prints == expected
        expected = prints


def test_fingerprints_depend_on_code_environment_path_and_layer_but_not_on_words() -> None:
    net = network("pool")
    asked = "layers: [pool]\nforbid: {}"

    def fingerprint(text: str, path: str = "a.onnx") -> str:
        return findings(net, environment(text), fingerprint_path=path)[0].fingerprint

    first = fingerprint(rule(asked))
    assert len(first) == 64
    assert fingerprint(rule(asked, message="other words", name="other-name")) == first
    assert fingerprint(rule(asked, code="TST102")) != first
    assert fingerprint(rule(asked), path="b.onnx") != first
    env = environment(rule(asked))
    twice = findings(net, env) + findings(network("in", "pool"), env)
    assert twice[0].fingerprint == twice[1].fingerprint  # its index changed, and nothing else


class Broken(Property):
    """A predicate with a fault of its own."""

    error: Exception = ZeroDivisionError("boom")

    def holds(self, *_: object, **__: object) -> bool:
        raise self.error


def with_fault(asked: str, error: Exception):
    env = environment(rule(asked, code="TST101"), rule("layers: [pool]\nforbid: {}", code="TST201"))
    broken = Broken("X", None, None)  # type: ignore[arg-type]
    broken.error = error
    object.__setattr__(env.rules[0], "body", broken)
    return env


@pytest.mark.parametrize("scope", ["layer\nlayers: [pool]", "run\nlayers: [pool]", "network"])
def test_a_rule_that_fails_is_recorded_once_and_the_others_go_on(scope: str) -> None:
    env = with_fault(f"scope: {scope}\nrequire: {{Size: 1}}", ZeroDivisionError("secret"))
    net = network({"name": "a", "type": "pool"}, {"name": "b", "type": "pool"})
    failures: list[InternalError] = []
    assert [f.code for f in findings(net, env, failures=failures)] == ["TST201", "TST201"]
    (failure,) = failures
    assert failure.code == "QL901"
    assert "TST101" in str(failure)
    assert "ZeroDivisionError" in str(failure)
    assert "secret" not in str(failure)
    with pytest.raises(InternalError, match="TST101"):
        findings(net, env)


def test_a_model_that_cannot_be_read_is_no_fault_of_the_rule() -> None:
    env = with_fault("layers: [pool]\nrequire: {Size: 1}", ModelError("the weights are missing"))
    with pytest.raises(ModelError, match="weights are missing"):
        findings(network("pool"), env, failures=[])


def test_a_message_that_cannot_be_made_is_a_fault_of_the_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    from qlint.rules.messages import Template

    def explode(*_: object) -> str:
        raise KeyError

    env = environment(rule("layers: [pool]\nforbid: {}"))
    monkeypatch.setattr(Template, "render", explode)
    failures: list[InternalError] = []
    assert findings(network("pool"), env, failures=failures) == []
    assert len(failures) == 1
