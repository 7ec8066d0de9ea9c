"""Shared by the tests of this folder: rule files and networks in a few lines."""

from __future__ import annotations

from typing import Any

from qlint.diagnostics import Diagnostic
from qlint.files.yamlfile import parse
from qlint.network.from_description import network_from_description
from qlint.network.network import Network
from qlint.rules.engine import check
from qlint.rules.loader import examine
from qlint.rules.model import Environment

ENVIRONMENT = """\
schema: qlint.rules/v1
environment:
  id: test
  prefix: TST
  title: Test
  summary: For tests.
  releases: ["R1", "R2", "R3"]
  quantization:
    always:
      - layers: [convolution2dLayer, imageInputLayer]
        evidence: {kind: documented, source: A page}
"""

HEADER = (
    ENVIRONMENT
    + """\
    conditionally:
      - layers: [reluLayer, additionLayer]
        evidence: {kind: documented, source: A page}
    transparent:
      - layers: [dropoutLayer]
        evidence: {kind: documented, source: A page}
rules:
"""
)

RULE = """\
  - code: {code}
    name: {name}
    severity: error
{asked}
    message: "{message}"
    hint: Do something.
    why: Because.
    evidence: {{kind: documented, source: A page}}
    examples:
      fires: [[{{type: reluLayer}}]]
      passes: [[{{type: reluLayer}}]]
"""


def rule(asked: str, *, code: str = "TST101", name: str = "", message: str = "this is wrong") -> str:
    """The text of one rule; `asked` is its part between severity and message, one key a line."""
    lines = "\n".join("    " + line for line in asked.strip().splitlines())
    return RULE.format(code=code, name=name or f"rule-{code.lower()}", asked=lines, message=message)


def environment(*rules: str) -> Environment:
    """An environment of rules given as text; the file must be without mistakes."""
    found, errors = examine(parse(HEADER + "".join(rules), "test.yaml"), full_check=True)
    assert not errors, [str(error) for error in errors]
    return found


def network(*layers: dict[str, Any] | str, connections: list[list[str]] | None = None, **properties: Any) -> Network:
    """A network of layers; a text is a layer of that type and name. Properties are the network's."""
    described = [{"name": layer, "type": layer} if isinstance(layer, str) else layer for layer in layers]
    data: dict[str, Any] = {"layers": described, "network": properties}
    if connections is not None:
        data["connections"] = connections
    return network_from_description(data, path="model.onnx")


def findings(net: Network, env: Environment, **options: Any) -> list[Diagnostic]:
    """What the engine finds with every rule of the environment."""
    return list(check(net, env, env.rules, **{"fingerprint_path": "models/model.onnx", **options}))


def outcome(asked: str, net: Network) -> str:
    """What one rule makes of a network: "violation", "undecided" or "passes"; of several findings the first."""
    found = findings(net, environment(rule(asked)))
    return found[0].outcome.value if found else "passes"
