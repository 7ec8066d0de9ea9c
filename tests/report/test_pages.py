"""`qlint rule`, `qlint env` and `qlint why`, on the shipped rules."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from dataclasses import replace
from typing import Any

import jsonschema
import pytest

from qlint.network.from_description import network_from_description
from qlint.report import environment_page, rule_page, why_page, write_page
from qlint.report.escape import to_json
from qlint.rules import library
from qlint.rules.explain import explain
from qlint.rules.model import Environment
from tests.report.building import validator

ESCAPE = "\x1b[31m\u202e"


@pytest.fixture(scope="module")
def matlab() -> Environment:
    return library.load("matlab", None)


def checked(data: dict[str, Any], schema: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(to_json(data))
    validator(schema).validate(found)
    assert found["schema"] == schema.replace(".v1", "/v1")
    for wrong in (found | {"extra": 1}, {key: value for key, value in found.items() if key != "tool"}):
        with pytest.raises(jsonschema.ValidationError):
            validator(schema).validate(wrong)
    return found


def test_a_rule(matlab: Environment) -> None:
    text = rule_page.text(library.find_rule("MAT201"))
    assert text.startswith("error MAT201 nonzero-average-pooling-padding\nenvironment: matlab; releases: all\n")
    for part in (
        "  PaddingValue is {PaddingValue};",
        "  layers: [averagePooling1dLayer, averagePooling2dLayer]\n  require: {PaddingValue: 0}\n",
        "Why\n  The documentation limits",
        "What to do\n  Set count_include_pad to 1",
        "  documented (a vendor's page says so)\n",
        "  fires:\n    - name: pool\n",
        "  undecided (null: the file does not say):\n",
    ):
        assert part in text
    assert max(map(len, text.splitlines())) <= 100


def test_every_shipped_rule_and_environment_has_its_pages(matlab: Environment) -> None:
    for found in matlab.rules:
        text = rule_page.text(found)
        assert found.code in text
        assert found.evidence.kind.value in text
        data = checked(rule_page.data(found), "qlint.rule.v1")
        assert (data["code"], data["hint"], data["why"]) == (found.code, found.hint, found.why)
        assert data["examples"]["fires"]
    assert checked(environment_page.data(matlab), "qlint.environment.v1")["id"] == "matlab"


def test_a_rule_says_when_it_runs(matlab: Environment) -> None:
    simulink = rule_page.text(library.find_rule("MAT251"))
    assert "; releases: since R2024b; tags: simulink\n" in simulink
    assert "off by default; turn it on with --select MAT251 or --select simulink\n" in simulink
    assert "reads weights" in rule_page.text(library.find_rule("MAT501"))
    dropout = library.find_rule("NET401")
    assert "environment: every one;" in rule_page.text(dropout)
    assert rule_page.data(dropout)["every_environment"] is True


def test_the_list_of_rules() -> None:
    rules = library.all_rules()
    text = rule_page.list_text(rules)
    assert text.startswith(f"{library.environments()[0]}\n")
    assert "  MAT201  error    nonzero-average-pooling-padding\n" in text
    assert "simulink-dilated-convolution               off by default\n" in text
    assert "\n\nnetwork (in every environment)\n  NET101  " in text
    assert text.endswith(f"{len(rules)} rules; `qlint rule CODE` explains one\n")
    listed = checked(rule_page.list_data(rules), "qlint.rule.v1")["rules"]
    assert [found["code"] for found in listed] == sorted(found.code for found in rules)


def test_an_environment(matlab: Environment) -> None:
    text = environment_page.text(matlab)
    assert text.startswith("matlab: MATLAB\n")
    assert "releases: R2024b, R2025a, R2025b, R2026a, R2026b; checked against R2026b\n" in text
    assert "  always\n    convolution1dLayer, convolution2dLayer" in text
    data = environment_page.data(matlab)
    for kind, number in data["evidence"].items():
        assert (f" {number}  {kind} " in text) is (number > 0)
    assert sum(data["evidence"].values()) == data["rules"] == len(matlab.rules)
    assert [file["path"] for file in data["files"]] == ["rules/matlab.yaml", "rules/network.yaml"]


def test_the_list_of_environments(matlab: Environment) -> None:
    text = environment_page.list_text([matlab])
    assert f"  matlab  R2026b  {len(matlab.rules)} rules  int8 quantization" in text
    data = checked(environment_page.list_data([matlab]), "qlint.environment.v1")
    assert [found["id"] for found in data["environments"]] == ["matlab"]


def why(environment: Environment, code: str, claim: str, word: str | None) -> tuple[str, dict[str, Any]]:
    network = network_from_description(getattr(library.find_rule(code).examples, claim)[0])
    layer = list(network)[-1]
    found = explain(network, layer, environment, word)
    data = checked(why_page.data(network, layer, found), "qlint.why.v1")
    return why_page.text(network, layer, found), data


def test_why_tells_what_was_seen_and_wanted(matlab: Environment) -> None:
    text, data = why(matlab, "MAT201", "fires", "MAT201")
    assert text.startswith('averagePooling2dLayer "pool" (pool) of ')
    assert "  PaddingValue  mean\n" in text
    assert "MAT201 nonzero-average-pooling-padding: error\n  PaddingValue is mean;" in text
    assert "  require\n    no           PaddingValue: saw mean, wanted 0\n" in text
    assert data["explanations"][0]["body"][0]["truth"] == "no"


def test_why_tells_what_is_missing(matlab: Environment) -> None:
    text, data = why(matlab, "MAT201", "undecided", "MAT201")
    assert "    unknown      PaddingValue: wanted 0, PaddingValue of layer 'pool' is not known\n" in text
    assert data["explanations"][0]["outcome"] == "undecided"


def test_why_indents_the_parts_of_a_compound(matlab: Environment) -> None:
    text, _ = why(matlab, "MAT402", "fires", "MAT402")
    assert "    yes          learnables\n    yes            Scale.constant: saw true, wanted true\n" in text


def test_why_without_a_code_puts_violations_first(matlab: Environment) -> None:
    _, data = why(matlab, "MAT201", "fires", None)
    outcomes = [found["outcome"] for found in data["explanations"]]
    assert outcomes[0] == "violation"
    assert "passes" in outcomes
    assert outcomes == sorted(outcomes, key=["violation", "undecided", "passes", "does not apply"].index)


def test_hostile_rules_and_names_are_escaped(matlab: Environment) -> None:
    evil = replace(
        library.find_rule("MAT201"), why=ESCAPE, hint=ESCAPE, source={"layers": [ESCAPE], "require": {ESCAPE: ESCAPE}}
    )
    environment = replace(matlab, title=ESCAPE, summary=ESCAPE, path=ESCAPE, rules=(evil,))
    network = network_from_description([{"name": ESCAPE, "type": "averagePooling2dLayer", "PaddingValue": ESCAPE}])
    layer = next(iter(network))
    for text in (
        rule_page.text(evil),
        rule_page.list_text([evil]),
        environment_page.text(environment),
        environment_page.list_text([environment]),
        why_page.text(network, layer, explain(network, layer, matlab)),
    ):
        assert all(character.isprintable() or character == "\n" for character in text)


def test_pages_are_written_as_json(matlab: Environment) -> None:
    out = io.StringIO()
    write_page(environment_page.data(matlab), out)
    assert json.loads(out.getvalue()) == environment_page.data(matlab)
    assert out.getvalue().endswith("}\n")


def test_what_is_heavy_is_not_imported() -> None:
    program = """
import io, sys
from qlint.report import FORMATS, Options, environment_page, rule_page, why_page, write
from qlint.rules import library
from qlint.session import Report
matlab = library.load("matlab", None)
rule_page.text(matlab.rules[0]), rule_page.list_data(matlab.rules), environment_page.text(matlab)
for format in FORMATS:
    write(Report((matlab,)), format, io.StringIO(), Options())
print([name for name in ("onnx", "numpy", "networkx", "jsonschema") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
