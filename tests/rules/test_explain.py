"""qlint why: every predicate with what it saw, and layers found by what people type."""

from __future__ import annotations

import json

import pytest

from qlint.errors import UsageError
from qlint.rules import library
from qlint.rules.explain import explain, find_layer
from tests.rules.making import environment, network, rule

ENV = environment(
    rule(
        "layers: [x]\nwhen: {A: 1}\nrequire: {any: [{B: 1}, {C: 1}], D: {max: 2}, predecessor: {type: in, P: 1}}",
        code="TST101",
    ),
    rule("layers: [y]\nforbid: {}", code="TST102"),
    rule("scope: network\nforbid: {Class: dlnetwork}", code="TST301"),
)


def test_every_predicate_tells_what_it_saw_and_where_it_stopped() -> None:
    net = network("in", {"name": "x", "type": "x", "A": 1, "B": 2, "C": 1, "D": 5})
    (found,) = explain(net, net.layers["x"], ENV, "tst101")
    assert (found.outcome, found.asked, found.reason) == ("violation", "require", "this is wrong")
    assert [(step.name, step.wanted, step.saw, step.truth) for step in found.when] == [("A", 1, 1, "yes")]
    first, second, third = found.body
    assert [(step.name, step.saw, step.truth) for step in first.parts] == [("B", 2, "no"), ("C", 1, "yes")]
    assert (second.name, second.wanted, second.saw, second.truth) == ("D", {"max": 2}, 5, "no")
    assert (third.name, third.truth) == ("predecessor", "not reached")
    assert json.loads(json.dumps(found.as_data()))["body"][1]["saw"] == 5


def test_what_is_missing_is_named() -> None:
    net = network("in", {"name": "x", "type": "x", "A": 1, "B": 1, "D": 1})
    (found,) = explain(net, net.layers["x"], ENV, "rule-tst101")
    assert found.outcome == "undecided"
    assert found.reason == "not known: P of layer 'in'"
    step = found.body[2].parts[1]
    assert (step.truth, step.missing) == ("unknown", "P of layer 'in'")


def test_rules_that_do_not_apply() -> None:
    net = network({"name": "x", "type": "x", "A": 2})
    elsewhere, other = (explain(net, net.layers["x"], ENV, code)[0] for code in ("TST101", "TST102"))
    assert (elsewhere.outcome, elsewhere.when[0].truth, elsewhere.body) == ("does not apply", "no", ())
    assert (other.outcome, other.when, other.body) == ("does not apply", (), ())
    assert "not x" in other.reason


def test_without_a_code_every_rule_that_speaks_of_the_layer_is_explained() -> None:
    net = network({"name": "x", "type": "x", "A": 1, "B": 1, "D": 1})
    found = explain(net, net.layers["x"], ENV)
    assert [(item.code, item.outcome) for item in found] == [("TST101", "violation"), ("TST301", "violation")]
    net = network({"name": "pool", "type": "averagePooling2dLayer", "PaddingValue": 0})
    explained = {item.code: item.outcome for item in explain(net, net.layers["pool"], library.load("matlab", None))}
    assert explained["MAT201"] == "passes"
    assert "MAT202" not in explained
    assert "MAT256" not in explained  # off by default


def test_an_unknown_rule() -> None:
    net = network("x")
    with pytest.raises(UsageError, match="did you mean 'TST1"):
        explain(net, net.layers["x"], ENV, "TST10l")


def test_layers_are_found_by_id_name_and_end_of_id() -> None:
    net = network(
        {"id": "graph/conv1_out", "name": "conv1", "type": "c"},
        {"id": "graph/conv2_out", "name": "conv2", "type": "c"},
        {"id": "graph/a.then/pool_out", "name": "pool", "type": "p"},
        {"id": "graph/a.else/pool_out", "name": "pool", "type": "p"},
        {"id": "x", "name": "graph/conv1_out", "type": "x"},
    )
    assert find_layer(net, "graph/conv1_out").type == "c"  # an id wins over a name
    assert find_layer(net, "conv2").id == "graph/conv2_out"
    assert find_layer(net, "conv2_out").id == "graph/conv2_out"
    assert find_layer(net, "then/pool_out").id == "graph/a.then/pool_out"
    with pytest.raises(UsageError, match=r"2 layers are called 'pool'; give the id: graph/a.then/pool_out, graph/a"):
        find_layer(net, "pool")
    with pytest.raises(UsageError, match="2 layers have ids that end in 'pool_out'"):
        find_layer(net, "pool_out")
    with pytest.raises(UsageError, match="did you mean 'conv1'"):
        find_layer(net, "comv1")
    for word in ("", "zzz" * 1000):
        with pytest.raises(UsageError, match="there is no layer"):
            find_layer(net, word)
