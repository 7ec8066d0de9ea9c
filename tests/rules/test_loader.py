"""Mistakes of rule files: each is found at its line and column, and says what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from qlint.errors import RuleFileError
from qlint.rules.loader import load_environment, validate, validate_text
from tests.rules.making import HEADER, environment, rule

GOOD = HEADER + rule("layers: [reluLayer]\nrequire: {Size: {max: 3}}")
LINE = 1 + HEADER.count("\n")  # the rule's first


def test_the_good_file_is_good() -> None:
    assert validate_text(GOOD) == []


# replaced text, replacement, line, column, words of the problem, words of the remedy
SNIPPETS = [
    ("qlint.rules/v1", "qlint.rules/v2", 1, 9, "the schema is", "this qlint reads"),
    ("schema: qlint.rules/v1\n", "", 1, 1, "lacks 'schema'", "add schema"),
    ("  id: test", "  id: Test!", 3, 7, "is not lower-case letters", "rename"),
    ("prefix: TST", "prefix: tst", 4, 11, "three capital letters", "rename"),
    ("title: Test", "titel: Test", 5, 3, "no key 'titel'", "did you mean 'title'"),
    ("title: Test", "title: 7", 5, 10, "must be text", "quote it"),
    ("title: Test", "title: ''", 5, 10, "is empty", "write title"),
    ('["R1", "R2", "R3"]', '["R1", "r1"]', 7, 20, "occurs twice", "keep one"),
    ('["R1", "R2", "R3"]', "R1", 7, 13, "must be a list", "[...]"),
    ("    conditionally:", "    conditional:", 12, 5, "no key 'conditional'", "did you mean 'conditionally'"),
    ("[reluLayer, additionLayer]", "[reluLayer, convolution2dLayer]", 13, 29, "already in always", "one role"),
    ("code: TST101", "code: T1", LINE, 11, "three capital letters and three digits", "rename"),
    ("code: TST101", "code: ABC101", LINE, 11, "does not begin with", "renumber"),
    ("name: rule-tst101", "name: Rule One", LINE + 1, 11, "lower-case words", "rename"),
    ("severity: error", "severity: fatal", LINE + 2, 15, "must be one of error, warning, info", "choose one"),
    ("severity: error", "severity: erorr", LINE + 2, 15, "must be one of", "did you mean 'error'"),
    ("    severity: error\n", "", LINE, 5, "lacks 'severity'", "add severity"),
    ("kind: documented, source: A page}\n    ex", "kind: inferred, source: A page}\n    ex", LINE + 2, 15, "more than", "info"),
    ("kind: documented, source: A page}\n    ex", "kind: guessed, source: A page}\n    ex", LINE + 8, 22, "one of", ""),
    ("kind: documented, source: A page}\n    ex", "kind: documented}\n    ex", LINE + 8, 15, "lacks 'source'", "add"),
    ("layers: [reluLayer]", "layers: [relu Layer]", LINE + 3, 14, "not a layer type", "write one"),
    ("layers: [reluLayer]", "layers: [a, a]", LINE + 3, 17, "occurs twice", "keep one"),
    ("layers: [reluLayer]", 'layers: ["!a"]', LINE + 3, 13, "only exclusions", "add"),
    ("layers: [reluLayer]", "layers: []", LINE + 3, 13, "is empty", "name at least one"),
    ("    layers: [reluLayer]\n", "", LINE, 5, "needs layers or op", "which layers"),
    ("layers: [reluLayer]", "scope: layers", LINE + 3, 12, "must be one of", "did you mean 'layer'"),
    ("layers: [reluLayer]", "scope: network\n    layers: [a]", LINE + 4, 13, "has no layers", "remove"),
    ("require: {Size", "requires: {Size", LINE + 4, 5, "no key 'requires'", "did you mean 'require'"),
    ("    require: {Size: {max: 3}}\n", "", LINE, 5, "needs require or forbid", "write what"),
    ("require: {Size: {max: 3}}", "require: {}", LINE + 4, 14, "is empty", "write what must hold"),
    ("require: {Size", "forbid: {A: 1}\n    require: {Size", LINE, 5, "cannot have both", "write what"),
    ("require: {Size: {max: 3}}", "require: [Size]", LINE + 4, 14, "must be a mapping", "property: value"),
    ("{Size: {max: 3}}", "{size: 3}", LINE + 4, 15, "no predicate 'size'", "capital letter"),
    ("{Size: {max: 3}}", "{inputz: 3}", LINE + 4, 15, "no predicate 'inputz'", "did you mean 'inputs'"),
    ("{Size: {max: 3}}", "{Size: {maxx: 3}}", LINE + 4, 22, "no test 'maxx'", "did you mean 'max'"),
    ("{Size: {max: 3}}", "{Size: {max: three}}", LINE + 4, 27, "a number is wanted", "write a number"),
    ("{Size: {max: 3}}", "{Size: {max: true}}", LINE + 4, 27, "a number is wanted", "write a number"),
    ("{Size: {max: 3}}", "{Size: ~}", LINE + 4, 21, "needs a value", "write one"),
    ("{Size: {max: 3}}", "{Size: .nan}", LINE + 4, 21, "nothing equals", "finite"),
    ("{Size: {max: 3}}", "{Size: {}}", LINE + 4, 21, "the test is empty", "write what"),
    ("{Size: {max: 3}}", "{Size: {in: 3}}", LINE + 4, 26, "list of candidates", "[...]"),
    ("{Size: {max: 3}}", "{Size: {multiple-of: 0}}", LINE + 4, 35, "above 0", "write one"),
    ("{Size: {max: 3}}", "{Size: {equals-property: other}}", LINE + 4, 39, "property's name", "capital"),
    ("{Size: {max: 3}}", "{Name: {ascii: maybe}}", LINE + 4, 29, "true or false", "write true"),
    ("{Size: {max: 3}}", "{any: {A: 1}}", LINE + 4, 20, "takes a list", "'- '"),
    ("{Size: {max: 3}}", "{any: [{A: 1}, {b: 2}]}", LINE + 4, 30, "no predicate 'b'", "use"),
    ("{Size: {max: 3}}", "{not: {}}", LINE + 4, 20, "is empty", "write"),
    ("{Size: {max: 3}}", "{network: {inputs: 1}}", LINE + 4, 25, "asks about a layer", "properties of the network"),
    ("{Size: {max: 3}}", "{predecessor: {through: [a]}}", LINE + 4, 28, "asks for nothing", "what the layer"),
    ("{Size: {max: 3}}", "{input-shape: {}}", LINE + 4, 28, "asks for nothing", "rank or axes"),
    ("{Size: {max: 3}}", "{input-shape: {axes: {x: 1}}}", LINE + 4, 36, "whole number", "count from 0"),
    ("{Size: {max: 3}}", "{count: {layers: [a]}}", LINE + 4, 22, "lacks 'is'", "add is"),
    ("{Size: {max: 3}}", "{learnables: {Bias: {}}}", LINE + 4, 34, "nothing is asked", "present"),
    ("{Size: {max: 3}}", "{learnables: {Bias: {finit: true}}}", LINE + 4, 35, "no key 'finit'", "did you mean 'finite'"),
    ("{Size: {max: 3}}", "{learnables: {bias: {shared: true}}}", LINE + 4, 28, "not a learnable's name", "capital"),
    ("{Size: {max: 3}}", "{learnables: {Weights: {finite: true}}}", LINE + 4, 38, "reads values of weights", "enabled: false"),
    ("{Size: {max: 3}}", "{learnables: {Bias: {every: {abov: 0}}}}", LINE + 4, 43, "no comparison", "did you mean 'above'"),
    ("{Size: {max: 3}}", "{learnables: {Bias: {every: {plus: A}}}}", LINE + 4, 42, "comparison is missing", "above"),
    ("{Size: {max: 3}}", "{A: 1}\n    reads: weights", LINE + 5, 12, "off by default", "enabled: false"),
    ("{Size: {max: 3}}", '{A: 1}\n    since: "R9"', LINE + 5, 12, "not one of", "R1, R2, R3"),
    ("{Size: {max: 3}}", '{A: 1}\n    since: "R3"\n    until: "R1"', LINE + 6, 12, "is before", "swap"),
    ("{Size: {max: 3}}", "{A: 1}\n    enabled: maybe", LINE + 5, 14, "true or false", "write"),
    ("{Size: {max: 3}}", "{A: 1}\n    tags: [Two Words]", LINE + 5, 12, "lower-case words", "rename"),
    ("this is wrong", "it is {pname}", LINE + 5, 14, "no placeholder {pname}", "did you mean 'name'"),
    ("this is wrong", "it is {Name", LINE + 5, 14, "brace has no partner", "{Name}"),
    ("this is wrong", "it is wrong. It is.", LINE + 5, 14, "one sentence", "hint or why"),
    ("this is wrong", "x" * 121, LINE + 5, 14, "121 characters", "120"),
    ("this is wrong", "{run.types}", LINE + 5, 14, "no placeholder {run.types}", ""),
    ("fires: [[{type: reluLayer}]]", "fires: []", LINE + 10, 14, "no example that fires", "at least one"),
    ("fires: [[{type: reluLayer}]]", "fires: [[{tpe: reluLayer}]]", LINE + 10, 15, "no key 'tpe'", "type"),
    ("fires: [[{type: reluLayer}]]", "fires: [[{type: a, learnables: {W: [[1], 2]}}]]", LINE + 10, 15, "ragged", "length"),
    ("      passes: [[{type: reluLayer}]]\n", "", LINE + 10, 7, "lacks 'passes'", "add passes"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "line", "column", "problem", "remedy"), SNIPPETS)
def test_mistakes_have_their_place_and_a_remedy(
    old: str, new: str, line: int, column: int, problem: str, remedy: str
) -> None:
    assert GOOD.count(old) == 1
    errors = validate_text(GOOD.replace(old, new), "rules.yaml")
    assert errors
    told = [(error.line, error.column, str(error)) for error in errors]
    assert any(
        problem in text and remedy in text and (line, column) == at for *at, text in told for at in [tuple(at)]
    ), told
    assert all(error.remedy for error in errors)


@pytest.mark.parametrize("text", ["", "[]", "7", "rules: 1", "schema: qlint.rules/v1\nenvironment: 3\nrules: [4, ~]"])
def test_files_that_are_something_else(text: str) -> None:
    errors = validate_text(text, "x.yaml")
    assert errors
    assert all(isinstance(error, RuleFileError) and str(error).startswith("x.yaml:") for error in errors)


def test_codes_and_names_are_given_once() -> None:
    asked = "layers: [a]\nforbid: {}"
    text = HEADER + rule(asked) + rule(asked, name="other") + rule(asked, code="TST102", name="rule-tst101")
    assert [error.problem for error in validate_text(text)] == [
        "code TST101 is already that of rule-tst101",
        "name 'rule-tst101' is already that of TST101",
    ]


def test_all_mistakes_are_told_in_order_and_loading_tells_the_first(tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(GOOD.replace("title: Test", "title: 7").replace("severity: error", "severity: bad"))
    errors = validate(path)
    assert [error.line for error in errors] == [5, LINE + 2]
    with pytest.raises(RuleFileError, match="1 more") as caught:
        load_environment(path, full_check=False, shown="shown.yaml")
    assert str(caught.value).startswith("shown.yaml:5:10: title must be text")


def test_recalled_evidence_must_be_admitted() -> None:
    recalled = GOOD.replace("severity: error", "severity: warning").replace(
        "kind: documented, source: A page}\n    ex", "kind: recalled, source: A page}\n    ex"
    )
    (error,) = validate_text(recalled)
    assert "from memory" in error.problem
    assert validate_text(recalled.replace("this is wrong", "from memory, this is wrong")) == []


def test_a_rule_can_forbid_its_layers_themselves_but_not_ask_nothing() -> None:
    assert environment(rule("layers: [a]\nforbid: {}")).rules[0].forbidden
    assert validate_text(HEADER + rule("scope: network\nforbid: {}"))


def test_the_schema_refuses_what_only_it_knows() -> None:
    from qlint.files.yamlfile import parse
    from qlint.rules.schemacheck import schema_mistakes

    data = parse(GOOD).data
    assert list(schema_mistakes(data)) == []
    data["rules"][0]["surplus"] = 1
    data["environment"]["prefix"] = "x"
    assert {path for path, _ in schema_mistakes(data)} == {("rules", 0), ("environment", "prefix")}


def test_an_environment_has_what_its_file_says() -> None:
    env = environment(rule('layers: [a]\nforbid: {}\nsince: "R2"\ntags: [x-y]\nenabled: false'))
    (found,) = env.rules
    assert (env.id, env.prefix, env.releases, env.release) == ("test", "TST", ("R1", "R2", "R3"), "R3")
    assert (found.code, found.since, found.until, found.tags, found.enabled) == ("TST101", "R2", None, ("x-y",), False)
    assert len(env.sha256) == 64
