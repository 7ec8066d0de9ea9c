"""Float islands: which there are, what causes them, what would heal them."""

from __future__ import annotations

import pytest

from qlint.rules import library
from tests.plan.making import FILE, environment, norm, planned, pool
from tests.rules.making import network

IN, CONV, END = "imageInputLayer", "convolution2dLayer", {"name": "end", "type": "convolution2dLayer"}


def islands(*layers: object, connections: list[list[str]] | None = None) -> list[tuple[tuple[str, ...], list[str]]]:
    plan = planned(network(*layers, connections=connections))  # type: ignore[arg-type]
    return [(island.layers, [cause.id for cause in island.causes]) for island in plan.islands]


def test_what_stands_between_quantized_layers_is_an_island() -> None:
    assert islands(IN, CONV, "sigmoidLayer", "reluLayer", END) == [(("sigmoidLayer", "reluLayer"), ["sigmoidLayer"])]


@pytest.mark.parametrize(
    "layers",
    [
        (IN, CONV, "softmaxLayer"),  # the end
        ("softmaxLayer", CONV, "reluLayer"),  # the beginning
        (IN, CONV, "reluLayer", norm(), END),
        (IN, CONV, pool(None), END),  # perhaps one
    ],
)
def test_what_splits_nothing_is_none(layers: tuple[object, ...]) -> None:
    assert islands(*layers) == []


def test_removed_layers_join_an_island() -> None:
    found = islands(IN, CONV, "sigmoidLayer", "dropoutLayer", "tanhLayer", END)
    assert found == [(("sigmoidLayer", "tanhLayer"), ["sigmoidLayer", "tanhLayer"])]


def test_a_fused_layer_parts_two() -> None:
    assert len(islands(IN, CONV, "sigmoidLayer", norm(), "tanhLayer", END)) == 2


def test_a_branch_that_is_single_makes_the_sum_part_of_the_island() -> None:
    layers = [IN, CONV, {"name": "gate", "type": "sigmoidLayer"}, {"name": "sum", "type": "additionLayer"}, END]
    edges = [[IN, CONV], [CONV, "gate"], ["gate", "sum/in1"], [CONV, "sum/in2"], ["sum", "end"]]
    assert islands(*layers, connections=edges) == [(("gate", "sum"), ["gate"])]


def test_a_cause_tells_what_would_heal_it() -> None:
    plan = planned(network(IN, CONV, pool("mean"), "sigmoidLayer", "eluLayer", END))
    told = [(c.type, c.code, c.remedy, c.transform) for c in plan.islands[0].causes]
    assert told == [
        ("averagePooling2dLayer", "TST201", "Pad with zeros.", None),  # the environment does not run the transform
        ("sigmoidLayer", "TST101", "Use a ReLU.", None),
        ("eluLayer", None, "", None),
    ]
    assert plan.islands[0].causes[0].reason == "TST201: PaddingValue is mean"


def test_a_transform_of_the_environment_is_named() -> None:
    step = "{transform: zero-average-padding, origin: qlint, evidence: {kind: inferred, source: qlint}}"
    env = environment(FILE.replace("rules:\n", f"  transforms: [{step}]\nrules:\n"))
    causes = planned(network(IN, CONV, pool("mean"), END), env).islands[0].causes
    assert [(cause.code, cause.transform) for cause in causes] == [("TST201", "zero-average-padding")]


def test_preparation_that_heals_a_layer_is_its_remedy() -> None:
    plan = planned(network(IN, CONV, "projectedLayer", END), library.load("matlab", None))
    told = [(cause.code, cause.transform) for cause in plan.islands[0].causes]
    assert told == [("MAT405", "unpack-projected-layers")]
    plan = planned(network(IN, CONV, "spatialDropoutLayer", END), library.load("matlab", None))
    assert [cause.code for cause in plan.islands[0].causes] == ["NET402"]
