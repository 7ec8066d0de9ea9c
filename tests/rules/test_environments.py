"""The GPU, FPGA and CPU environments: what their tables and rules say, by release, and how honestly."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from qlint.diagnostics import EvidenceKind, Outcome, Severity
from qlint.network.catalogue import ENTRIES
from qlint.rules import library, profile
from qlint.rules.engine import check
from qlint.rules.model import Environment, Role, Rule, Scope
from qlint.rules.selection import select
from tests.rules.making import network

TARGETS = ("cpu", "fpga", "gpu")
INPUTS = ("imageInputLayer", "image3dInputLayer", "featureInputLayer", "sequenceInputLayer", "inputLayer")


def found(env: Environment, *layers: Any, **properties: Any) -> dict[str, str]:
    """Names of the findings with their severity, or `undecided`."""
    net = network(*layers, **properties)
    return {
        d.name: d.outcome.value if d.outcome is Outcome.UNDECIDED else d.severity.label
        for d in check(net, env, select(env, (), ()), fingerprint_path="")
    }


@pytest.mark.parametrize("id", TARGETS)
def test_fully_connected_layers_quantize_from_r2023b_on(id: str) -> None:
    old, new = library.load(id, "R2023a"), library.load(id, "R2023b")
    assert old.table.role("fullyConnectedLayer") is Role.NEVER
    assert old.table.find("fullyConnectedLayer")[1] is not None  # known, not merely unlisted
    assert new.table.role("fullyConnectedLayer") is Role.ALWAYS
    name = f"{id}-fully-connected-layer-before-r2023b"
    fc = {"name": "fc", "type": "fullyConnectedLayer", "InputSize": 4, "OutputSize": 4}
    assert found(old, fc)[name] == "warning"
    assert name not in found(new, fc)
    assert name not in found(library.load(id, None), fc)


def test_sequences_on_the_fpga_from_r2022b_on() -> None:
    name = "fpga-sequence-network-before-r2022b"
    for type in ("sequenceInputLayer", "featureInputLayer", "lstmLayer"):
        layer = {"name": "x", "type": type, "Normalization": "none"}
        assert found(library.load("fpga", "R2022a"), layer)[name] == "warning"
        assert name not in found(library.load("fpga", "R2022b"), layer)
    assert name not in found(library.load("fpga", "R2022a"), {"name": "x", "type": "imageInputLayer"})


@pytest.mark.parametrize(("release", "widest"), [("R2022a", 15), ("R2022b", 36)])
def test_the_widest_filter_on_the_fpga(release: str, widest: int) -> None:
    env = library.load("fpga", release)
    for size in (widest, widest + 1):
        conv = {"name": "x", "type": "convolution2dLayer", "FilterSize": [size, 1]}
        told = [name for name, how in found(env, conv).items() if "filter-size" in name and how == "warning"]
        assert len(told) == (size > widest)


def test_one_dimensional_convolution_on_the_cpu() -> None:
    finding = "cpu-one-dimensional-convolution"
    assert found(library.load("cpu", None), "convolution1dLayer")[finding] == "warning"
    assert library.load("cpu", None).table.role("convolution1dLayer") is Role.NEVER
    assert library.load("matlab", None).table.role("convolution1dLayer") is Role.ALWAYS


def test_a_missing_block_of_a_shipped_bitstream() -> None:
    env = replace(library.load("fpga", None), profile=profile.load("zcu102_int8"))
    net = network({"name": "up", "type": "resize2dLayer"})
    (block,) = [d for d in check(net, env, env.rules, fingerprint_path="") if d.code == "FPG157"]
    assert block.severity is Severity.ERROR
    assert "no Resize2D block" in block.message
    assert "Switch on Resize2D of module custom" in block.hint
    assert block.observed == {"profile.custom.Resize2D": "off"}
    named = found(library.load("fpga", None), "resize2dLayer", "crossChannelNormalizationLayer", "tanhLayer")
    assert not [name for name in named if name.startswith("profile-")]


@pytest.mark.parametrize("id", TARGETS)
def test_what_is_recalled_says_so_and_what_to_do(id: str) -> None:
    for rule in library.shipped(id).rules:
        text = rule.message.text
        if rule.evidence.kind is EvidenceKind.RECALLED:
            assert text.startswith("from memory of the documentation, "), rule.code
            assert text.endswith("check your release"), rule.code
            assert rule.severity < Severity.ERROR
        else:
            assert "from memory" not in text, rule.code
        assert rule.evidence.source != "qlint"


@pytest.mark.parametrize("id", TARGETS)
def test_names_tell_environments_apart(id: str) -> None:
    for rule in library.shipped(id).rules:
        assert rule.name.startswith(f"{id}-") or (rule.needs_profile and rule.name.startswith("profile-")), rule.code
        assert rule.needs_profile is rule.name.startswith("profile-"), rule.code


def unconditional(rule: Rule) -> bool:
    return rule.scope is Scope.LAYER and rule.source.get("forbid") == {} and rule.when is None


@pytest.mark.parametrize("id", TARGETS)
@pytest.mark.parametrize("type", sorted({entry.type for entry in ENTRIES} | set(INPUTS)))
def test_every_layer_type_is_in_the_table_or_has_a_rule(id: str, type: str) -> None:
    """At the newest release, and the rule about what is not known speaks of nothing that is known."""
    env = library.load(id, None)
    known = env.table.find(type)[1] is not None
    told = [rule for rule in env.rules if unconditional(rule) and rule.layers and type in rule.layers]
    custom = type in ("reshapeLayer", "permuteLayer", "crop2dLayer") or type.startswith("nnet.")
    assert known or told or custom or (id == "cpu" and type in INPUTS)
    catch_all = [rule for rule in told if "*" in (rule.layers.names if rule.layers else ())]
    if catch_all and not known:
        assert told == catch_all
    if known:
        assert not catch_all


@pytest.mark.parametrize("id", TARGETS)
def test_layers_with_learnables_that_quantize_are_what_the_network_rule_counts(id: str) -> None:
    rule = next(rule for rule in library.shipped(id).rules if rule.name == f"{id}-nothing-to-quantize")
    always = [type for group in library.load(id, None).table.groups[Role.ALWAYS] for type in group.layers.names]
    assert sorted(rule.source["require"]["count"]["layers"]) == sorted(always)


@pytest.mark.parametrize("id", TARGETS)
def test_batch_normalization_gets_at_most_one_finding(id: str) -> None:
    env = library.load(id, None)
    norm = {"name": "norm", "type": "batchNormalizationLayer", "TrainingMode": False, "PerActivation": False}
    for before in ("convolution2dLayer", "fullyConnectedLayer", "reluLayer"):
        told = [name for name in found(env, before, norm) if "batch-normalization" in name]
        if before == "convolution2dLayer":
            assert told == [f"{id}-unfused-batch-normalization"]
        elif before == "reluLayer":
            assert told == [f"{id}-batch-normalization-elsewhere"]


def test_what_is_single_by_a_rule() -> None:
    single = {
        id: {rule.code for rule in library.shipped(id).rules if rule.single} for id in ("fpga", "gpu", "cpu", "network")
    }
    blocks = {"FPG151", "FPG154", "FPG155", "FPG156"}
    assert single == {
        "fpga": {"FPG234", "FPG402"} | blocks,
        "gpu": {"GPU402"},
        "cpu": {"CPU201", "CPU402"},
        "network": {"NET403"},
    }


def test_uniform() -> None:
    """`uniform` in the words of a stride: both dimensions, one of them unknown, one number for both."""
    env = library.load("fpga", None)
    expected = {(2, 2): None, (2, 1): "warning", (None, 2): "undecided", (101, None): "warning"}
    for stride, how in expected.items():
        conv = {"name": "x", "type": "convolution2dLayer", "Stride": list(stride)}
        assert found(env, conv).get("fpga-stride") == how, stride
    assert "fpga-stride" not in found(env, {"name": "x", "type": "convolution2dLayer", "Stride": 2})
