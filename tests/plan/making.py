"""Shared by the tests of this folder: a small environment, networks in a few lines, and plans of them."""

from __future__ import annotations

from typing import Any

from qlint.files.yamlfile import parse
from qlint.network.network import Network
from qlint.plan.model import Plan, Planned
from qlint.plan.planner import plan_network
from qlint.rules.loader import examine
from qlint.rules.model import Environment
from tests.rules.making import ENVIRONMENT, network

FILE = (
    ENVIRONMENT
    + """\
      - layers: [fullyConnectedLayer]
        evidence: {kind: reported, source: A thread}
        since: R2
    conditionally:
      - layers: [reluLayer, additionLayer, averagePooling2dLayer]
        evidence: {kind: recalled, source: A page}
    fused:
      - layers: [batchNormalizationLayer]
        evidence: {kind: documented, source: A page}
    transparent:
      - layers: [dropoutLayer]
        evidence: {kind: documented, source: A page}
    never:
      - layers: [fullyConnectedLayer]
        evidence: {kind: partial, source: A page}
        until: R1
      - layers: [softmaxLayer]
        evidence: {kind: documented, source: A page}
rules:
  - code: TST101
    name: sigmoid
    severity: warning
    layers: [sigmoidLayer]
    forbid: {}
    message: "a sigmoid"
    hint: Use a ReLU.
    why: Because.
    evidence: {kind: documented, source: A page}
    examples: {fires: [[{type: sigmoidLayer}]], passes: [[{type: reluLayer}]]}
  - code: TST201
    name: padding
    severity: error
    layers: [averagePooling2dLayer]
    require: {PaddingValue: 0}
    message: "PaddingValue is {PaddingValue}"
    hint: Pad with zeros.
    fix: zero-average-padding
    outcome: single
    why: Because.
    evidence: {kind: documented, source: A page}
    examples: {fires: [[{type: reluLayer}]], passes: [[{type: reluLayer}]]}
  - code: TST401
    name: statistics
    severity: error
    layers: [batchNormalizationLayer]
    require: {TrainingMode: false}
    message: "in training mode"
    hint: Export it for inference.
    outcome: single
    why: Because.
    evidence: {kind: documented, source: A page}
    examples: {fires: [[{type: reluLayer}]], passes: [[{type: reluLayer}]]}
"""
)


def environment(text: str = FILE) -> Environment:
    """An environment given as text; the file must be without mistakes."""
    found, errors = examine(parse(text, "test.yaml"), full_check=True)
    assert not errors, [str(error) for error in errors]
    return found


ENV = environment()


def planned(net: Network, env: Environment = ENV) -> Plan:
    """The plan of a network."""
    return plan_network(net, env)


def chain(*layers: dict[str, Any] | str) -> dict[str, Planned]:
    """What becomes of layers that each feed the next, by id."""
    return {layer.id: layer for layer in planned(network(*layers)).layers}


def norm(training: bool | None = False) -> dict[str, Any]:
    """A batch normalization; whether it is in training mode may be unknown."""
    return {"name": "norm", "type": "batchNormalizationLayer", "TrainingMode": training}


def pool(padding: int | str | None = 0, name: str = "pool") -> dict[str, Any]:
    """An average pooling; its PaddingValue may be unknown."""
    return {"name": name, "type": "averagePooling2dLayer", "PaddingValue": padding}
