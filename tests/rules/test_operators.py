"""Rules about ONNX operators: `op`, `attributes`, and tests by axis, on described layers and on real ones."""

from __future__ import annotations

from typing import Any

import pytest

from qlint.errors import ModelError
from qlint.network.from_description import network_from_description
from qlint.rules.explain import explain
from qlint.rules.loader import validate_text
from qlint.rules.model import Scope
from tests.network.lifting import network as onnx_network
from tests.rules.making import HEADER, environment, findings, network, outcome, rule

PASSES, VIOLATION, UNDECIDED = "passes", "violation", "undecided"
CONV = {"name": "x", "op": "Conv"}


def ask(asked: str, **attributes: Any) -> str:
    return outcome(f"op: [Conv]\nrequire: {asked}", network("in", {**CONV, "attributes": attributes}))


@pytest.mark.parametrize(
    ("asked", "value", "expected"),
    [
        ("{strides: {max: 2}}", [2, 1], PASSES),
        ("{strides: {max: 2}}", [2, 3], VIOLATION),
        ("{strides: {max: 2}}", None, UNDECIDED),
        ("{strides: {max: 2}}", [3, None], VIOLATION),  # the known element decides
        ("{strides: {axes: {0: 1}}}", [1, 7], PASSES),
        ("{strides: {axes: {0: 1}}}", [7, 1], VIOLATION),
        ("{strides: {axes: {-1: {in: [1, 2]}}}}", [7, 2], PASSES),
        ("{strides: {axes: {-1: {in: [1, 2]}}}}", [2, 7], VIOLATION),
        ("{strides: {axes: {0: 1, 1: 2}}}", [1, 2], PASSES),
        ("{strides: {axes: {0: 1, 1: 2}}}", [1, 1], VIOLATION),
        ("{strides: {axes: {2: {max: 9}}}}", [1, 1], VIOLATION),  # nothing holds for what is not there
        ("{strides: {axes: {-3: {max: 9}}}}", [1, 1], VIOLATION),
        ("{strides: {axes: {0: {max: 9}}}}", 3, PASSES),
        ("{strides: {axes: {0: 1}}}", [None, 1], UNDECIDED),
        ("{strides: {equal-axes: [-2, -1]}}", [1, 2, 2], PASSES),
        ("{strides: {equal-axes: [-2, -1]}}", [2, 2, 1], VIOLATION),
        ("{strides: {equal-axes: [0, 1, 2]}}", [2, 2, 1], VIOLATION),
        ("{strides: {equal-axes: [-2, -1]}}", [2], VIOLATION),
        ("{strides: {equal-axes: [-2, -1]}}", [1, None, 2], UNDECIDED),
        ("{strides: {length: 3}}", [1, 1, 1], PASSES),
    ],
)  # fmt: skip
def test_tests_of_attributes(asked: str, value: Any, expected: str) -> None:
    assert ask(f"{{attributes: {asked}}}", strides=value) == expected


@pytest.mark.parametrize(
    ("asked", "attributes", "expected"),
    [
        ("pads: {below-attribute: kernel_shape}", {"pads": [2, 1, 2, 1], "kernel_shape": [3, 2]}, PASSES),
        ("pads: {below-attribute: kernel_shape}", {"pads": [1, 1, 1, 2], "kernel_shape": [3, 2]}, VIOLATION),
        ("pads: {below-attribute: kernel_shape}", {"pads": [2, 0, 0, 0], "kernel_shape": [2, 3]}, VIOLATION),
        ("pads: {below-attribute: kernel_shape}", {"pads": [1, 1, 1, 1], "kernel_shape": None}, UNDECIDED),
        ("pads: {below-attribute: kernel_shape}", {"pads": [1, None, 1, 1], "kernel_shape": [2, 2]}, UNDECIDED),
        ("pads: {below-attribute: kernel_shape}", {"pads": [1, 1, 1], "kernel_shape": [2, 2]}, UNDECIDED),
        ("kernel_shape: {equals-attribute: strides}", {"kernel_shape": [2, 3], "strides": [2, 3]}, PASSES),
        ("kernel_shape: {equals-attribute: strides}", {"kernel_shape": [2, 3], "strides": [3, 2]}, VIOLATION),
        ("group: {equals-attribute: strides}", {"group": 2, "strides": [2, 2]}, PASSES),
        ("strides: {equals-attribute: group}", {"group": 2, "strides": [2, 1]}, VIOLATION),
    ],
)
def test_attributes_against_each_other(asked: str, attributes: dict[str, Any], expected: str) -> None:
    assert ask(f"{{attributes: {{{asked}}}}}", **attributes) == expected


def test_a_size_against_an_attribute() -> None:
    asked = "op: [Conv]\nrequire: {input-shape: {axes: {1: {equals-attribute: group}}}}"
    for shape, group, expected in (([1, 8], 8, PASSES), ([1, 8], 4, VIOLATION), (["N", "C"], 4, UNDECIDED)):
        before = {"name": "in", "type": "in", "shape": shape}
        assert outcome(asked, network(before, {**CONV, "attributes": {"group": group}})) == expected


def test_nothing_holds_for_an_attribute_that_the_operator_does_not_have() -> None:
    net = onnx_network("g (float[1,3,8,8] x) => (float[a,b,c,d] y) { y = Relu(x) }")
    for asked in ("{alpha: {max: 9}}", "{alpha: {is-not: 3}}", "{alpha: {equals-attribute: beta}}"):
        (found,) = findings(net, environment(rule(f'op: ["Rel*"]\nrequire: {{attributes: {asked}}}')))
        assert found.outcome.value == VIOLATION
        assert found.observed == {"attributes.alpha": None}


@pytest.mark.parametrize(
    ("names", "asked"),
    [
        ("[Conv]", {"Conv"}),
        ("[Conv, Relu]", {"Conv", "Relu"}),
        ('["*Relu*"]', None),
        ('["*"]', {"Conv", "Relu", "MaxPool"}),
        ('["*", "!Relu"]', {"Conv", "MaxPool"}),
        ('["Max*"]', {"MaxPool"}),
    ],
)
def test_operators_are_named_like_layers(names: str, asked: set[str] | None) -> None:
    text = HEADER + rule(f"op: {names}\nforbid: {{}}")
    if asked is None:
        assert "is not an ONNX operator" in str(validate_text(text)[0])
        return
    net = network("in", {"op": "Conv"}, {"op": "Relu"}, {"op": "MaxPool"})
    found = findings(net, environment(rule(f"op: {names}\nforbid: {{}}")))
    assert {net.layers[f.location.id or ""].op for f in found} == asked


def test_op_as_a_predicate() -> None:
    net = network({"name": "conv", "op": "Conv"}, {"name": "x", "type": "reluLayer"})
    for asked, expected in (("Conv", PASSES), ("[Gemm, Conv]", PASSES), ("Gemm", VIOLATION)):
        assert outcome(f"layers: [reluLayer]\nrequire: {{predecessor: {{op: {asked}}}}}", net) == expected
    assert outcome("layers: [reluLayer]\nrequire: {op: none}", net) == PASSES
    assert outcome("layers: [reluLayer]\nrequire: {predecessor: {predecessor: {op: none}}}", net) == PASSES


def test_attributes_of_a_neighbour() -> None:
    net = network({"name": "conv", "op": "Conv", "attributes": {"strides": [2, 2]}}, "reluLayer")
    asked = "layers: [reluLayer]\nrequire: {predecessor: {op: Conv, attributes: {strides: {max: %s}}}}"
    assert outcome(asked % 2, net) == PASSES
    assert outcome(asked % 1, net) == VIOLATION


def test_findings_show_attributes_and_operator() -> None:
    env = environment(
        rule(
            "op: [Conv]\nrequire: {attributes: {strides: {max: 2}}}",
            message="{op} of {type} has strides {attributes.strides} and {attributes.group} groups",
        )
    )
    (found,) = findings(network({**CONV, "attributes": {"strides": [3, 1], "group": 4}}), env)
    assert found.message == "Conv of onnx:Conv has strides [3 1] and 4 groups"
    assert found.observed == {"attributes.strides": [3, 1]}
    assert found.expected == {"attributes.strides": {"max": 2}}


def test_why_shows_what_attributes_were_seen_and_why_a_rule_is_not_about_a_layer() -> None:
    env = environment(
        rule("op: [Conv]\nwhen: {attributes: {group: 1}}\nrequire: {attributes: {strides: {max: 2}, pads: 0}}")
    )
    net = network({**CONV, "attributes": {"strides": [3, 1], "group": 1}}, {"op": "Relu", "name": "r"}, "plain")
    (found,) = explain(net, net.layers["x"], env)
    (group,) = found.when[0].parts
    strides, pads = found.body[0].parts
    assert (group.name, group.saw, group.truth) == ("group", 1, "yes")
    assert (strides.name, strides.saw, strides.truth, pads.truth) == ("strides", [3, 1], "no", "not reached")
    assert explain(net, net.layers["r"], env) == []
    (other,) = explain(net, net.layers["r"], env, "TST101")
    assert (other.outcome, other.reason) == ("does not apply", "the rule is about [Conv], not Relu")
    (other,) = explain(net, net.layers["plain"], env, "TST101")
    assert other.reason == "the rule is about [Conv], not a layer that stands on no ONNX operator"


def test_runs_of_operators() -> None:
    env = environment(rule("scope: run\nop: [Erf, Pow]\nforbid: {}", message="{run.count} of {run.types}"))
    net = network({"name": "a", "op": "Erf"}, {"name": "b", "op": "Pow"}, {"name": "c", "op": "Relu"}, {"op": "Erf"})
    assert env.rules[0].scope is Scope.RUN
    assert [found.message for found in findings(net, env)] == ["2 of onnx:Erf, onnx:Pow", "1 of onnx:Erf"]


def test_a_limit_of_an_operator_keeps_its_layer_in_single_precision() -> None:
    """What propagation makes of `outcome: single` must know rules about operators too."""
    from qlint.rules.predicates.core import Facts

    env = environment(rule("op: [Conv]\noutcome: single\nrequire: {attributes: {strides: {max: 2}}}"))
    for stride, fixed in ((2, True), (3, False)):
        conv = {"name": "c", "type": "convolution2dLayer", "op": "Conv", "attributes": {"strides": [stride, 1]}}
        net = network("imageInputLayer", conv, "reluLayer")
        assert Facts(net, env).propagation.is_fixed(net.layers["reluLayer"]) is fixed


def test_rules_about_layers_and_about_operators_meet_at_one_layer() -> None:
    net = onnx_network("g (float[1,3,8,8] x) => (float[a,b,c,d] y) { y = MaxPool<kernel_shape=[3,3]>(x) }")
    env = environment(
        rule("op: [MaxPool]\nrequire: {attributes: {kernel_shape: {max: 2}}, PoolSize: {min: 3}}", code="TST101"),
        rule("layers: [maxPooling2dLayer]\nforbid: {attributes: {strides: [1, 1]}}", code="TST102"),
    )
    assert [found.code for found in findings(net, env)] == ["TST101", "TST102"]


@pytest.mark.parametrize(
    ("asked", "problem", "remedy"),
    [
        ("op: [Convv]\nforbid: {}", "ONNX has no operator 'Convv'", "did you mean 'Conv'"),
        ('op: ["Zzz*"]\nforbid: {}', "ONNX has no operator 'Zzz*'", "domain"),
        ("op: []\nforbid: {}", "op is empty", "name at least one"),
        ("op: Conv\nforbid: {}", "op must be a list", "[...]"),
        ("op: [Conv]\nlayers: [a]\nforbid: {}", "cannot have both layers and op", "keep one"),
        ("scope: network\nop: [Conv]\nforbid: {A: 1}", "has no op", "remove op"),
        ("op: [Conv]\nforbid: {attributes: {stride: 1}}", "Conv has no attribute 'stride'", "did you mean 'strides'"),
        ("op: [Conv, Relu]\nforbid: {attributes: {alpha: 1}}", "these operators have no attribute 'alpha'", "specification"),
        ("layers: [x]\nforbid: {attributes: {alhpa: 1}}", "ONNX has no attribute 'alhpa'", "did you mean 'alpha'"),
        ("op: [Conv]\nforbid: {predecessor: {op: Elu, attributes: {alfa: 1}}}", "Elu has no attribute 'alfa'", "alpha"),
        ("op: [Conv]\nforbid: {attributes: {pads: {below-attribute: kernel}}}", "no attribute 'kernel'", "kernel_shape"),
        ("op: [Conv]\nforbid: {attributes: {pads: {below-attribute: 3}}}", "attribute's name is wanted", "as ONNX does"),
        ("op: [Conv]\nforbid: {attributes: {W: 1}}", "Conv has no attribute 'W'", "specification"),
        ("op: [Conv]\nforbid: {attributes: {}}", "attributes maps names to tests", "strides"),
        ("op: [Conv]\nforbid: {attributes: [strides]}", "attributes maps names to tests", "strides"),
        ("op: [Conv]\nforbid: {attributes: {pads-2: 1}}", "'pads-2' is not an attribute's name", "as ONNX does"),
        ("op: [Conv]\nforbid: {attributes: {pads: {axes: {first: 1}}}}", "whole number, not 'first'", "count from 0"),
        ("op: [Conv]\nforbid: {attributes: {pads: {axes: {}}}}", "axes must map axis numbers", "axes"),
        ("op: [Conv]\nforbid: {attributes: {pads: {equal-axes: [1]}}}", "two axes or more", "[-2, -1]"),
        ("op: [Conv]\nforbid: {attributes: {pads: {equal-axes: [a, b]}}}", "two axes or more", "[-2, -1]"),
    ],
)  # fmt: skip
def test_mistakes(asked: str, problem: str, remedy: str) -> None:
    errors = validate_text(HEADER + rule(asked))
    assert any(problem in str(error) and remedy in str(error) for error in errors), errors
    assert all(error.line is not None and error.line > HEADER.count("\n") for error in errors)


def test_attributes_that_exist_are_no_mistakes() -> None:
    for asked in (
        "op: [Conv]\nforbid: {predecessor: {attributes: {alpha: 1}}}",
        "op: [Clip]\nforbid: {attributes: {min: 0}}",  # an input of that name since opset 11
        "op: [ReduceMean]\nforbid: {attributes: {axes: 1}}",
        "op: [com.maker.Foo]\nforbid: {attributes: {whatever: 1}}",
        'op: ["Reduce*"]\nforbid: {attributes: {keepdims: 1}}',
        "op: [Conv]\nwhen: {input-shape: {axes: {1: {equals-attribute: group}}}}\nforbid: {}",
    ):
        assert validate_text(HEADER + rule(asked)) == [], asked


def test_placeholders_of_attributes() -> None:
    good = HEADER + rule("op: [Conv]\nforbid: {}", message="{attributes.pads} of {op}")
    assert validate_text(good) == []
    for word, remedy in (("attribute.pads", "attributes.NAME"), ("attributes.", "attributes.NAME")):
        (error, *_) = validate_text(good.replace("attributes.pads", word))
        assert remedy in str(error)
    (error,) = validate_text(HEADER + rule("scope: network\nforbid: {A: 1}", message="it is {attributes.pads}"))
    assert "no placeholder" in str(error)


@pytest.mark.parametrize(
    ("layer", "problem"),
    [
        ({"op": "Conv", "attributes": [1]}, "must be a mapping"),
        ({"op": "Conv", "attributes": {"a-b": 1}}, "is no attribute's name"),
        ({"op": "Conv", "attributes": {"pads": {"a": 1}}}, "write a text, a number"),
        ({"type": "x", "attributes": {"pads": 1}}, "attributes but no op"),
        ({"op": 3}, "op of a layer is 3"),
        ({}, "has no type"),
    ],
)
def test_bad_descriptions_are_refused(layer: dict[str, Any], problem: str) -> None:
    with pytest.raises(ModelError, match=problem):
        network_from_description([layer])


@pytest.mark.parametrize(
    ("asked", "shape", "expected"),
    [
        ("{axes: {-1: 1}}", [8, 1], PASSES),
        ("{axes: {-1: 1}}", [1, 8], VIOLATION),
        ("{axes: {0: {min: 8}}, length: 2}", [8, 1], PASSES),
        ("[8, 1]", [8, 1], PASSES),
        ("[8, 1]", [8], VIOLATION),
        ("{length: 1}", [8, 1], VIOLATION),
    ],
)
def test_shapes_of_learnables(asked: str, shape: list[int], expected: str) -> None:
    net = network({"name": "x", "type": "x", "learnables": {"Alpha": {"shape": shape, "value": 1}}})
    assert outcome(f"layers: [x]\nrequire: {{learnables: {{Alpha: {{shape: {asked}}}}}}}", net) == expected
