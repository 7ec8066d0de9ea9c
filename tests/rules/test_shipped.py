"""The shipped rule files: their examples, their codes, their prose, their agreement with one another."""

from __future__ import annotations

import re
from typing import Any

import pytest

from qlint.diagnostics import EvidenceKind, Outcome
from qlint.rules import library
from qlint.rules.engine import check
from qlint.rules.examples import CLAIMS, run_rule
from qlint.rules.loader import validate
from qlint.rules.model import Role, Rule, Scope
from tests.rules.making import network

RULES = library.all_rules()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_examples_do_as_they_claim(rule: Rule) -> None:
    results = list(run_rule(library.shipped(rule.environment), rule))
    assert [result.problem for result in results if not result.ok] == []
    assert {result.claim for result in results} >= {"fires", "passes"}


def keys(data: Any) -> set[str]:
    if isinstance(data, dict):
        return set(data).union(*(keys(value) for value in data.values()))
    return set().union(*(keys(item) for item in data)) if isinstance(data, list) else set()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_rules_that_read_shapes_have_undecided_examples(rule: Rule) -> None:
    asked = keys([rule.source.get("when"), rule.source.get("require"), rule.source.get("forbid")])
    if asked & {"input-shape", "output-shape", "same-input-shapes"}:
        assert rule.examples.undecided


@pytest.mark.parametrize("found", library.files(), ids=lambda found: found.id)
def test_files_conform_to_the_schema_and_to_the_loader(found: library.Shipped) -> None:
    assert [str(mistake) for mistake in validate(found.path)] == []


def test_codes_are_those_of_the_frozen_list() -> None:
    """A code that vanishes or changes its meaning breaks suppressions and baselines; a new one is added to the list."""
    assert {rule.code: rule.name for rule in RULES} == library.locked_codes()
    assert list(library.locked_codes()) == sorted(library.locked_codes())
    assert len({rule.code for rule in RULES}) == len(RULES)
    assert len({rule.name for rule in RULES}) == len(RULES)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_prose(rule: Rule) -> None:
    text = rule.message.text
    assert 10 < len(text) <= 120
    assert not text.endswith(".")
    assert not re.search(r"[.!?]\s+[A-Z]", text)
    assert rule.hint.endswith(".")
    assert rule.why.endswith(".")
    assert rule.evidence.source
    if rule.evidence.kind is EvidenceKind.RECALLED:
        assert "from memory" in text
    if rule.evidence.kind in (EvidenceKind.INFERRED, EvidenceKind.RECALLED):
        assert rule.evidence.note or "memory" in rule.evidence.source


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_findings_of_examples_read_well(rule: Rule) -> None:
    results = [r for r in run_rule(library.shipped(rule.environment), rule) if r.claim != CLAIMS[1]]
    for result in results:
        assert "{" not in result.detail
        assert result.claim == "undecided" or "unknown" not in result.detail or "unknown" in rule.message.text
        assert result.claim != "undecided" or "not known: " in result.detail


@pytest.mark.parametrize("before", ["convolution1dLayer", "fullyConnectedLayer", "reluLayer", "dropoutLayer"])
@pytest.mark.parametrize("training", [False, True, None])
@pytest.mark.parametrize("per_activation", [False, True])
@pytest.mark.parametrize("variance", [{"value": 1}, {"value": -1}, {"constant": False}, {"value": None}, None])
def test_every_batch_normalization_gets_one_finding(
    before: str, training: bool | None, per_activation: bool, variance: dict[str, Any] | None
) -> None:
    """Fusable, replaceable or neither, never two of them; undecided only for want of a fact that decides.

    Whether a variance that is not at hand is positive decides nothing: the layer has to be prepared either way.
    """
    learnables: dict[str, Any] = {name: {"shape": [2], "value": 1} for name in ("Scale", "Offset", "TrainedMean")}
    if variance is not None:
        learnables["TrainedVariance"] = {"shape": [2], **variance}
    norm = {"name": "norm", "type": "batchNormalizationLayer", "Epsilon": 1e-5, "PerActivation": per_activation}
    net = network(before, {**norm, "TrainingMode": training, "learnables": learnables})
    env = library.load("matlab", None)
    found = [f for f in check(net, env, env.rules, fingerprint_path="") if f.code in ("MAT401", "MAT402", "MAT403")]
    violated = [f.code for f in found if f.outcome is Outcome.VIOLATION]
    hopeless = training or per_activation or variance in ({"value": -1}, {"constant": False}, None)
    unknown = training is None
    fusable = before in ("convolution1dLayer", "fullyConnectedLayer")
    expected = "MAT403" if hopeless else "MAT401" if fusable else "MAT402"
    if hopeless or not unknown:
        assert [f.code for f in found] == violated == [expected]
    else:
        assert violated == []
        assert [f.code for f in found] == [expected, "MAT403"]


def test_the_rule_about_conditional_layers_lists_those_of_the_table() -> None:
    matlab = library.load("matlab", None)
    listed = library.find_rule("MAT210").layers
    table = [name for group in matlab.quantization.groups[Role.CONDITIONALLY] for name in group.layers.names]
    assert listed is not None
    assert list(listed.names) == table


def test_every_layer_type_of_the_catalogue_is_quantized_or_has_a_rule() -> None:
    from qlint.network.catalogue import ENTRIES

    matlab = library.load("matlab", None)
    unconditional = [r for r in matlab.rules if r.scope is Scope.LAYER and r.source.get("forbid") == {} and r.enabled]
    for type in {entry.type for entry in ENTRIES}:
        known = matlab.quantization.role(type) is not Role.NEVER
        assert known or any(
            rule.layers and type in rule.layers and "when" not in rule.source for rule in unconditional
        ), type
