"""Processor profiles: reading them, their mistakes, and what rules make of them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from qlint.diagnostics import Outcome
from qlint.errors import RuleFileError, UsageError
from qlint.files.yamlfile import parse
from qlint.rules import library, loader, profile
from qlint.rules.engine import check
from qlint.rules.profile_fields import FIELDS
from qlint.rules.schemacheck import SCHEMA_FILE
from qlint.rules.selection import select
from tests.rules.making import environment, network, rule

SCHEMA = json.loads(Path(SCHEMA_FILE).with_name("qlint.profile.v1.schema.json").read_text("utf-8"))
HEAD = "schema: qlint.profile/v1\nprofile: {name: mine, environment: test}\nmodules:\n"
FULL = (
    HEAD
    + """\
  conv: {ModuleGeneration: "on", ConvThreadNumber: 16, InputMemorySize: [8, 4, 2], FeatureSizeLimit: ~}
  fc: {ModuleGeneration: false, OutputMemorySize: 10}
  custom: {Resize2D: "off"}
"""
)


def read(text: str) -> profile.Profile:
    found, errors = profile.examine(parse(text, "mine.yaml"))
    assert not errors, [str(error) for error in errors]
    return found


def test_a_profile_is_read_and_says_what_it_does_not_know() -> None:
    found = read(FULL)
    assert (found.name, found.environment, found.evidence) == ("mine", "test", None)
    assert found.settings == {
        "conv.ModuleGeneration": "on",
        "conv.ConvThreadNumber": 16,
        "conv.InputMemorySize": (8, 4, 2),
        "fc.ModuleGeneration": "off",
        "fc.OutputMemorySize": 10,
        "custom.Resize2D": "off",
    }
    missing = found.setting("conv.FeatureSizeLimit")
    assert missing.missing == "conv.FeatureSizeLimit of processor profile mine"  # type: ignore[union-attr]
    assert "--profile" in missing.remedy  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("old", "new", "said", "line"),
    [
        ("qlint.profile/v1", "qlint.profile/v2", "this qlint reads qlint.profile/v1", 1),
        ("name: mine", "name: a b", "is not a word", 2),
        ("name: mine, ", "", "lacks 'name'", 2),
        ("environment: test", "environment: 3", "must be text", 2),
        ("name: mine", "name: mine, board: x", "has no key 'board'", 2),
        ("  custom", "  costum", "did you mean 'custom'", 6),
        ("Resize2D", "Resize2d", "did you mean 'Resize2D'", 6),
        ('"off"', '"of"', 'must be "on" or "off", not the text', 6),
        ('"off"', "off", "quote it", 6),
        ('"off"', "0", "not the number 0", 6),
        ("ConvThreadNumber: 16", "ConvThreadNumber: 15", "must be a square number", 4),
        ("ConvThreadNumber: 16", "ConvThreadNumber: true", "not a truth value", 4),
        ("[8, 4, 2]", "[8, 4]", "or three of them", 4),
        ("[8, 4, 2]", "[8, 4, 0]", "or three of them", 4),
        ("OutputMemorySize: 10", "OutputMemorySize: -1", "above 0", 5),
        ("OutputMemorySize: 10", "OutputMemorySize: 99999999999999", "above 0", 5),
        ("{Resize2D", "{Resize2D: ~, Resize2D", "occurs twice", 6),
        ("modules:", "modules: [1]\nmore:", "modules must be a mapping", 3),
    ],
)
def test_mistakes_are_said_with_their_place(old: str, new: str, said: str, line: int) -> None:
    found = loader.validate_text(FULL.replace(old, new))
    assert said in str(found[0]) and found[0].line == line


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize(
    "value", ["on", "ON", True, None, 4, 0, -1, 2.5, [1, 2, 3], [1, 2], [], [1, "a", 2], {}, 1 << 41]
)
def test_the_schema_and_the_reader_agree(field: str, value: Any) -> None:
    module, _, key = field.partition(".")
    data = {
        "schema": "qlint.profile/v1",
        "profile": {"name": "a", "environment": "e"},
        "modules": {module: {key: value}},
    }
    by_schema = jsonschema.Draft202012Validator(SCHEMA).is_valid(data)
    found, errors = profile.examine(parse(json.dumps(data), "a.yaml"))
    assert (not errors) is by_schema
    assert (field in found.settings) is (by_schema and value is not None)


def test_shipped_profiles() -> None:
    assert set(profile.names()) == {"zcu102_int8", "zc706_int8", "arria10soc_int8"}
    for name in profile.names():
        found = profile.load(name.upper())
        assert (found.name, found.environment) == (name, "fpga")
        assert found.evidence is not None and found.title
        assert found.path == f"rules/profiles/{name}.yaml"
        assert found.settings["custom.Resize2D"] == found.settings["conv.LRNBlockGeneration"] == "off"
        assert found.settings["fc.InputMemorySize"] == 25088
        assert not {"conv.ConvThreadNumber", "fc.FCThreadNumber"} & set(found.settings)


def test_profiles_by_name_and_by_path(tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text(FULL)
    assert profile.load(str(mine)).settings == read(FULL).settings
    for word, said in {
        "zcu102_int": "did you mean 'zcu102_int8'",
        "zzz": "your own is given by its path",
        "": "no",
    }.items():
        with pytest.raises(UsageError, match=said):
            profile.load(word)
    for path in (tmp_path / "none.yaml", tmp_path):
        with pytest.raises(RuleFileError, match=str(path)):
            profile.load(str(path))
    mine.write_text(FULL.replace("custom", "costum"))
    with pytest.raises(RuleFileError, match=r"mine\.yaml:6:3: .*'costum'"):
        profile.load(str(mine))


def ask(asked: str, layer: dict[str, Any], *before: dict[str, Any], text: str | None = FULL) -> str:
    """What a rule that requires something of layer `x` makes of it, with a profile."""
    env = environment(rule(f"layers: [x]\nrequire: {asked}"))
    env = replace(env, profile=None if text is None else read(text))
    found = list(check(network(*before, {"name": "x", "type": "x", **layer}), env, env.rules, fingerprint_path=""))
    return found[0].outcome.value if found else "passes"


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("{profile: {conv.ModuleGeneration: 'on'}}", "passes"),
        ("{profile: {conv.ModuleGeneration: 'off'}}", "violation"),
        ("{profile: {fc.ModuleGeneration: 'off', conv.ConvThreadNumber: {min: 16}}}", "passes"),
        ("{profile: {conv.InputMemorySize: [8, 4, 2]}}", "passes"),
        ("{profile: {conv.FeatureSizeLimit: {min: 1}}}", "undecided"),
        ("{any: [{profile: {conv.FeatureSizeLimit: 1}}, {P: 10}]}", "passes"),
        ("{network: {profile: {custom.Resize2D: 'off'}}}", "passes"),
        ("{within-profile: {P: fc.OutputMemorySize}}", "passes"),
        ("{within-profile: {Q: fc.OutputMemorySize}}", "violation"),
        ("{within-profile: {P: fc.OutputMemorySize, Q: fc.OutputMemorySize}}", "violation"),
        ("{within-profile: {U: fc.OutputMemorySize}}", "undecided"),
        ("{within-profile: {P: conv.FeatureSizeLimit}}", "undecided"),
        ("{within-profile: {Q: fc.OutputMemorySize, U: fc.OutputMemorySize}}", "violation"),
        ("{within-profile: {Mixed: fc.OutputMemorySize}}", "violation"),  # the known element decides
        ("{within-profile: {Big: conv.InputMemorySize}}", "passes"),  # 64 of 8 * 4 * 2
        ("{within-profile: {Bigger: conv.InputMemorySize}}", "violation"),
        ("{thread-multiple: {P: conv.ConvThreadNumber}}", "violation"),  # 10 of sqrt(16)
        ("{thread-multiple: {Big: conv.ConvThreadNumber}}", "passes"),
        ("{thread-multiple: {Text: conv.ConvThreadNumber}}", "violation"),
    ],
)
def test_predicates(asked: str, expected: str) -> None:
    layer = {"P": 10, "Q": 11, "U": None, "Big": 64, "Bigger": 65, "Mixed": [None, 11], "Text": "8"}
    assert ask(asked, layer) == expected


@pytest.mark.parametrize(
    ("quantity", "shape", "expected"),
    [
        ("input-elements", [3, 4, 4, 4], "passes"),  # the batch does not count
        ("input-elements", [1, 4, 4, 5], "violation"),
        ("input-elements", ["N", 64], "passes"),
        ("input-elements", [1, "C", 4, 4], "undecided"),
        ("input-elements", None, "undecided"),
        ("input-elements", [4], "undecided"),
        ("input-channels", [1, 64, 99, 99], "passes"),
        ("input-channels", [1, 65, 1, 1], "violation"),
    ],
)
def test_quantities_of_inputs(quantity: str, shape: Any, expected: str) -> None:
    before = {"name": "in", "type": "imageInputLayer", "shape": shape}
    assert ask(f"{{within-profile: {{{quantity}: conv.InputMemorySize}}}}", {}, before) == expected


def test_every_input_counts() -> None:
    env = environment(rule("layers: [x]\nrequire: {thread-multiple: {input-channels: conv.ConvThreadNumber}}"))
    layers = [{"name": f"i{n}", "type": "imageInputLayer", "shape": [1, n, 2, 2]} for n in (8, 6)]
    net = network(*layers, {"name": "x", "type": "x"}, connections=[["i8", "x/in1"], ["i6", "x/in2"]])
    (found,) = check(net, replace(env, profile=read(FULL)), env.rules, fingerprint_path="")
    assert found.outcome is Outcome.VIOLATION


def test_without_a_profile_rules_about_one_are_not_asked() -> None:
    env = environment(
        rule("layers: [x]\nrequire: {profile: {custom.Resize2D: 'on'}}"),
        rule("layers: [x]\nforbid: {}", code="TST102"),
    )
    assert [chosen.code for chosen in select(env, (), ())] == ["TST102"]
    assert [chosen.code for chosen in select(env, ("TST101",), ())] == []
    with_one = replace(env, profile=read(FULL))
    assert [chosen.code for chosen in select(with_one, (), ())] == ["TST101", "TST102"]
    assert ask("{profile: {custom.Resize2D: 'on'}}", {}, text=None) == "undecided"  # asked all the same, by `why`


def test_messages_quote_the_profile() -> None:
    message = "{profile} has {profile.conv.InputMemorySize} and {profile.custom.Resize2D}"
    env = environment(rule("layers: [x]\nrequire: {profile: {custom.Resize2D: 'on'}}", message=message))
    (found,) = check(network("x"), replace(env, profile=read(FULL)), env.rules, fingerprint_path="")
    assert found.message == "mine has [8 4 2] and off"
    assert found.observed == {"profile.custom.Resize2D": "off"}
    assert found.expected == {"profile.custom.Resize2D": "on"}


@pytest.mark.parametrize(
    ("asked", "message", "said"),
    [
        ("{profile: {custom.Resize2d: 1}}", "wrong", "did you mean 'custom.Resize2D'"),
        ("{profile: 3}", "wrong", "a mapping is wanted here"),
        ("{within-profile: {InputSize: fc.InputMemory}}", "wrong", "did you mean 'fc.InputMemorySize'"),
        ("{within-profile: {InputSize: 4}}", "wrong", "a field is wanted here"),
        ("{thread-multiple: {input-channel: conv.ConvThreadNumber}}", "wrong", "did you mean 'input-channels'"),
        ("{A: 1}", "{profile.custom.Resize} here", "did you mean 'custom.Resize2D'"),
    ],
)
def test_mistakes_in_rules(asked: str, message: str, said: str) -> None:
    from tests.rules.making import HEADER

    found = loader.validate_text(HEADER + rule(f"layers: [x]\nrequire: {asked}", message=message))
    assert any(said in str(mistake) for mistake in found), [str(mistake) for mistake in found]


def test_examples_bring_their_own_profile() -> None:
    text = Path(library.files()[0].path).with_name("fpga.yaml").read_text("utf-8")
    broken = text.replace('{profile: {conv: {LRNBlockGeneration: "off"}}', '{profile: {conv: {LRNBlock: "off"}}', 1)
    assert broken != text
    assert ["has no key 'LRNBlock'" in str(mistake) for mistake in loader.validate_text(broken)] == [True]
