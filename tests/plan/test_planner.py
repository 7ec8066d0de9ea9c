"""What becomes of a layer, and why."""

from __future__ import annotations

import dataclasses

import pytest

from qlint.plan.model import Outcome
from qlint.rules import library
from qlint.rules.profile import Profile
from tests.plan.making import ENV, FILE, chain, environment, norm, planned, pool
from tests.rules.making import network

PLAIN = {"name": "norm", "type": "batchNormalizationLayer", "TrainingMode": False, "PerActivation": False}
DROPPED = {"removed": "fixed-point", "single": "single", "unknown": "unknown"}
"""What a reluLayer is behind a dropoutLayer that is this."""


def test_each_role_has_its_outcome() -> None:
    found = chain("imageInputLayer", "convolution2dLayer", norm(), "reluLayer", "dropoutLayer", "softmaxLayer")
    assert [layer.outcome.value for layer in found.values()] == [
        "fixed-point",
        "int8",
        "fused",
        "fixed-point",
        "removed",
        "single",
    ]
    assert found["reluLayer"].reason == "every input is fixed-point (recalled)"
    assert found["softmaxLayer"].reason == "test does not quantize it (documented)"
    assert all(layer.cause is None for layer in found.values())


def test_what_is_in_no_row_is_single() -> None:
    found = chain("imageInputLayer", "eluLayer")["eluLayer"]
    assert (found.outcome, found.reason) == (Outcome.SINGLE, "not among the layers known to quantize in test")


def test_single_precision_goes_on_to_conditional_layers_and_names_the_first_cause() -> None:
    found = chain("imageInputLayer", "eluLayer", "reluLayer", "dropoutLayer", pool(), "convolution2dLayer")
    assert found["reluLayer"].outcome is found["pool"].outcome is Outcome.SINGLE
    assert found["reluLayer"].cause == found["pool"].cause == "eluLayer"
    assert found["pool"].reason == "its input from eluLayer (eluLayer) is single"
    assert found["dropoutLayer"].outcome is Outcome.REMOVED
    assert found["convolution2dLayer"].outcome is Outcome.INT8


def test_a_layer_fed_from_outside_is_single_without_a_cause() -> None:
    found = chain("reluLayer")["reluLayer"]
    assert (found.outcome, found.cause) == (Outcome.SINGLE, None)
    assert found.reason == "its input from outside the network is single"


def test_a_violated_limit_makes_single_and_names_its_rule() -> None:
    found = chain("imageInputLayer", pool("mean"), "reluLayer")
    assert (found["pool"].outcome, found["pool"].cause) == (Outcome.SINGLE, None)
    assert found["pool"].reason == "TST201: PaddingValue is mean"
    assert found["reluLayer"].cause == "pool"
    assert chain("imageInputLayer", norm(training=True), "reluLayer")["reluLayer"].cause == "norm"


def test_what_is_fused_into_weights_that_are_single_is_single_too() -> None:
    weights = {"learnables": {"Weights": {"shape": [1]}}}
    host = {"name": "host", "type": "transposedConv2dLayer", **weights}
    found = chain("imageInputLayer", host, norm(), "reluLayer")
    assert (found["norm"].outcome, found["reluLayer"].outcome) == (Outcome.FUSED, Outcome.SINGLE)
    assert found["reluLayer"].cause == "host"
    found = chain("imageInputLayer", {**host, "learnables": {}}, norm(), "reluLayer")
    assert found["reluLayer"].outcome is Outcome.FIXED_POINT
    found = chain("imageInputLayer", {**host, "type": "convolution2dLayer"}, norm(), "reluLayer")
    assert found["reluLayer"].outcome is Outcome.FIXED_POINT


def test_an_undecided_limit_leaves_unknown_what_hangs_on_it() -> None:
    found = chain("imageInputLayer", pool(None), "reluLayer", "convolution2dLayer")
    assert found["pool"].outcome is found["reluLayer"].outcome is Outcome.UNKNOWN
    assert found["pool"].reason == "TST201 asks for what is not known: PaddingValue of layer 'pool'"
    assert (found["pool"].cause, found["reluLayer"].cause) == (None, "pool")
    assert "PaddingValue of layer 'pool'" in found["reluLayer"].reason
    assert found["convolution2dLayer"].outcome is Outcome.INT8


def test_what_is_single_anyway_is_not_left_unknown() -> None:
    assert chain("imageInputLayer", "eluLayer", pool(None))["pool"].outcome is Outcome.SINGLE


@pytest.mark.parametrize(("release", "expected"), [("R1", "single"), ("R2", "int8"), ("R3", "int8")])
def test_only_rows_of_the_release_hold(release: str, expected: str) -> None:
    plan = planned(network("imageInputLayer", "fullyConnectedLayer"), library.at_release(ENV, release))
    assert plan.layers[-1].outcome == expected
    assert plan.layers[-1].reason.endswith("(partial)" if release == "R1" else "(reported)")


def test_without_a_table_nothing_is_known() -> None:
    start, end = FILE.index("  quantization:"), FILE.index("rules:\n")
    plan = planned(network("imageInputLayer", "reluLayer"), environment(FILE[:start] + FILE[end:]))
    assert {layer.outcome for layer in plan.layers} == {Outcome.UNKNOWN}
    assert plan.summary()["layers"].percent == 0


def test_the_summary_leaves_out_what_is_gone() -> None:
    learnables = {"Weights": {"shape": [2, 3, 1, 1]}, "Bias": {"shape": [2]}}
    conv = {"name": "conv", "type": "convolution2dLayer", "shape": [1, 2, 4, 4], "learnables": learnables}
    summary = planned(network("imageInputLayer", conv, norm(), "dropoutLayer", "softmaxLayer")).summary()
    assert (summary["layers"].quantized, summary["layers"].total) == (2, 3)
    assert (summary["parameters"].quantized, summary["parameters"].total) == (8, 8)
    assert (summary["macs"].quantized, summary["macs"].total) == (6 * 16, 6 * 16)


def test_an_unknown_amount_in_single_precision_makes_no_percentage_certain() -> None:
    unread = {"name": "fc", "type": "bilstmLayer"}
    summary = planned(network("imageInputLayer", "convolution2dLayer", unread)).summary()
    assert (summary["macs"].unknown, summary["macs"].unknown_float, summary["macs"].percent) == (2, 1, 0)
    alone = planned(network("imageInputLayer", "convolution2dLayer")).summary()
    assert (alone["macs"].unknown, alone["macs"].percent) == (1, 100)


def test_nothing_to_quantize_is_all_quantized() -> None:
    assert planned(network("imageInputLayer")).summary()["macs"].percent == 100


def test_long_names_make_no_long_reasons() -> None:
    found = chain("imageInputLayer", {"name": "n" * 100_000, "type": "eluLayer"}, "reluLayer")["reluLayer"]
    assert found.outcome is Outcome.SINGLE and len(found.reason) <= 300


@pytest.mark.parametrize("env", ["gpu", "fpga", "cpu"])
def test_batch_normalization_that_cannot_be_fused_is_single_where_nothing_replaces_it(env: str) -> None:
    conv = {"name": "conv", "type": "convolution2dLayer"}
    relu = {"name": "relu", "type": "reluLayer"}
    for layers, expected in (
        ((conv, PLAIN, relu), ["int8", "fused", "fixed-point"]),
        ((conv, relu, PLAIN), ["int8", "fixed-point", "single"]),
        ((conv, PLAIN | {"TrainingMode": True}, relu), ["int8", "single", "single"]),
    ):
        plan = planned(network(*layers), library.load(env, None))
        assert [layer.outcome for layer in plan.layers] == expected


@pytest.mark.parametrize("env", ["matlab", "gpu", "fpga", "cpu"])
def test_dropout_that_drops_stays_and_is_single(env: str) -> None:
    conv = {"name": "conv", "type": "convolution2dLayer"}
    for training, expected in ((False, "removed"), (True, "single"), (None, "unknown")):
        drop = {"name": "drop", "type": "dropoutLayer", "TrainingMode": training, "HasMaskOutput": False}
        plan = planned(network(conv, drop, "reluLayer"), library.load(env, None))
        assert [layer.outcome for layer in plan.layers][1:] == [expected, DROPPED[expected]]
        assert ("NET403" in plan.layers[1].reason) is (training is not False)


def test_what_the_processor_has_no_block_for_is_not_quantized() -> None:
    add = {"name": "add", "type": "additionLayer"}
    layers = ({"name": "conv", "type": "convolution2dLayer"}, add, {"name": "fc", "type": "fullyConnectedLayer"})
    env = library.load("fpga", None)
    assert [layer.outcome for layer in planned(network(*layers), env).layers] == ["int8", "fixed-point", "int8"]
    settings = {"conv.ModuleGeneration": "on", "custom.Addition": "off"}
    board = Profile("board", "", "fpga", None, settings, "board.yaml", "")
    plan = planned(network(*layers), dataclasses.replace(env, profile=board))
    assert [layer.outcome for layer in plan.layers] == ["int8", "single", "unknown"]
    assert "no Addition block" in plan.layers[1].reason and "fc.ModuleGeneration" in plan.layers[2].reason
