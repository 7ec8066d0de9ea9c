"""Where data is fixed-point, and which layer keeps it from being so."""

from __future__ import annotations

import pytest

from qlint.rules.predicates.core import Facts
from tests.rules.making import environment, findings, network, rule

ENV = environment(
    rule(
        "layers: [reluLayer, additionLayer, dropoutLayer]\nrequire: {fixed-point: true}",
        message="because of {cause.name} ({cause.type})",
    )
)


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        (["imageInputLayer", "reluLayer"], []),
        (["imageInputLayer", "reluLayer", "dropoutLayer", "additionLayer"], []),
        (["softmax", "reluLayer"], ["because of softmax (softmax)"]),
        (["softmax", "dropoutLayer", "reluLayer"], ["because of softmax (softmax)"] * 2),  # named through what follows
        (["softmax", "convolution2dLayer", "reluLayer"], []),  # quantized whatever it is fed
        (["softmax", "tanh", "reluLayer"], ["because of tanh (tanh)"]),  # the nearest one
        (["reluLayer"], ["because of outside the network (no layer)"]),
    ],
)
def test_chains(layers: list[str], expected: list[str]) -> None:
    assert [found.message for found in findings(network(*layers), ENV)] == expected


def test_all_inputs_count_and_the_nearest_float_one_is_named() -> None:
    layers = [
        "imageInputLayer",
        "far",
        {"name": "passed", "type": "reluLayer"},
        "near",
        {"name": "sum", "type": "additionLayer"},
    ]
    edges = [["imageInputLayer", "far"], ["far", "passed"], ["imageInputLayer", "near"], ["imageInputLayer", "sum/in1"]]
    net = network(*layers, connections=[*edges, ["passed", "sum/in2"], ["near", "sum/in3"]])
    told = {found.location.id: found.message for found in findings(net, ENV)}
    assert told == {"passed": "because of far (far)", "sum": "because of near (near)"}


def test_one_walk_serves_all_rules() -> None:
    facts = Facts(network("imageInputLayer", "reluLayer"), ENV)
    assert facts.propagation is facts.propagation
    relu = facts.network.layers["reluLayer"]
    assert facts.propagation.is_fixed(relu) is True
    assert facts.propagation.cause(relu) is None
