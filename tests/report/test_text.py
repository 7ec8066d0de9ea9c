from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest

from qlint.diagnostics import Diagnostic, Severity
from qlint.errors import UsageError
from qlint.report import FORMATS, Options, write
from qlint.session import CheckedModel, Report
from tests.report.building import DIGEST, REPORTED, environment, finding, info, layer, rendered, typical, undecided

GOLDEN = """\
No -e given: checked against matlab, release R2026b

nets/a.onnx (12 layers)

  error MAT201 nonzero-padding
    PaddingValue is mean; only 0 quantizes
      averagePooling2dLayer  "pool"  graph/pool_out
    hint: Set count_include_pad to 1.

  error NET401 dropout-layer (2 findings)
    a dropoutLayer does not quantize
      dropoutLayer  "drop_1"  graph/drop_1_out
      dropoutLayer  "drop_2"  graph/drop_2_out
    hint: Remove it.

  warning MAT301 not-a-dlnetwork
    a SeriesNetwork
    hint: Set count_include_pad to 1.
    evidence: reported; MATLAB Answers 1

  undecided MAT406 flatten (severity error)
      flattenLayer  "flat"  graph/flat_out
    not known: size of axis N of 'x'
    hint: Run again with --bind N=1.

3 models (1 unreadable): 3 errors, 1 warning, 1 info (-v lists it), 1 undecided; 1 further problem on standard error
"""

CONCISE = re.compile(
    r"(?P<path>.+?):(?P<line>\d+):(?P<column>\d+): (?P<severity>error|warning|info|undecided) (?P<code>[A-Z]{3}\d{3})"
    r' (?:network|layer "(?P<name>(?:[^"\\]|\\.)*)" \((?P<id>.+?)\)): (?P<message>.+) \[(?P<rule>[a-z0-9-]+)\]'
)


def of(*findings: Any, layers: int = 60) -> Report:
    return Report(
        (environment(),), models=[CheckedModel("nets/a.onnx", DIGEST, layers=layers)], diagnostics=list(findings)
    )


def test_the_full_text() -> None:
    assert rendered(typical(), "full") == GOLDEN


def test_verbose_lists_infos_clean_models_and_documented_evidence() -> None:
    text = rendered(typical(), "full", verbose=True)
    assert "  info MAT107 support-not-known\n" in text
    assert "nets/b.onnx (1 layer): nothing found\n" in text
    assert "    evidence: documented; Considerations; MATLAB\n" in text
    assert "1 info, 1 undecided" in text


def test_what_could_not_be_read_is_not_said_to_be_clean() -> None:
    report = typical()
    report.diagnostics.clear()
    assert "3 models (1 unreadable): nothing found;" in rendered(report, "full")
    report.models[:] = [model for model in report.models if model.reason is not None]
    assert "1 model (1 unreadable): nothing checked;" in rendered(report, "full")


def test_quiet_writes_findings_and_nothing_else() -> None:
    text = rendered(typical(), "full", quiet=True)
    assert text == GOLDEN.partition("\n\n")[2].rpartition("\n\n")[0] + "\n"


def test_infos_are_listed_when_they_fail_the_check() -> None:
    assert "MAT107" not in rendered(typical(), "full")
    assert "MAT107" in rendered(typical(), "full", fail_on=Severity.INFO)


def test_undecided_infos_are_infos() -> None:
    doubtful = replace(undecided(layer("a")), severity=Severity.INFO)
    report = of(doubtful, undecided(layer("b")), info(layer("c")), info(layer("d")))
    text = rendered(report, "full")
    assert "graph/a_out" not in text
    assert text.endswith("1 model: 2 infos (-v lists them), 2 undecided (-v lists 1 more)\n")
    assert "graph/a_out" not in rendered(report, "concise")
    assert "graph/a_out" in rendered(report, "full", undecided="fail")
    assert rendered(report, "full", verbose=True).endswith("1 model: 2 infos, 2 undecided\n")


def test_hidden_undecided_findings_are_not_counted() -> None:
    assert "undecided" not in rendered(typical(), "full", undecided="hide")
    assert "undecided" not in rendered(typical(), "concise", undecided="hide")


def test_many_findings_of_a_rule_are_one_entry() -> None:
    report = of(*(finding("MAT401", layer(f"bn_{n}"), message="not fused") for n in range(53)))
    text = rendered(report, "full")
    assert text.count("not fused") == text.count("hint:") == 1
    assert text.count("graph/bn_") == 10
    assert "MAT401 nonzero-padding (53 findings)\n" in text
    assert "      ... and 43 more (-v lists all)\n" in text
    assert rendered(report, "full", verbose=True).count("graph/bn_") == 53


def test_messages_that_differ_in_one_place_are_said_once() -> None:
    said = "not fused into {}, the layer before; and so on"
    text = rendered(
        of(*(finding("MAT401", layer(f"bn_{n}"), message=said.format(f"conv {n}")) for n in range(12))), "full"
    )
    assert text.count("    not fused into conv ..., the layer before; and so on\n") == text.count("hint:") == 1
    assert re.findall(r"graph/bn_(\d)_out  \((\d)\)\n", text) == [(str(n), str(n)) for n in range(10)]
    assert "      ... and 2 more (-v lists all)\n" in text


def test_messages_may_begin_or_end_with_what_differs() -> None:
    for before, after in (("", ": is no layer MATLAB has"), ("the type MATLAB has no layer for: ", "")):
        found = [finding(where=layer(n), message=f"{before}{n}{after}") for n in ("a", "b b")]
        text = rendered(of(*found), "full")
        assert f"    {before}...{after}\n" in text
        assert re.findall(r"_out +\((.+)\)\n", text) == ["a", "b b"]


def test_messages_with_little_in_common_are_said_one_by_one() -> None:
    text = rendered(of(*(finding("MAT401", layer(f"bn_{n}"), message=f"says {n}") for n in range(12))), "full")
    assert text.count("hint:") == 1
    assert re.findall(r"says (\d+)\n +averagePooling2dLayer +\"bn_(\d+)\"", text) == [
        (str(n), str(n)) for n in range(10)
    ]
    assert "      ... and 2 more (-v lists all)\n" in text


def test_a_name_that_its_id_holds_is_left_out_of_long_lines() -> None:
    long, short = "a/" * 30 + "conv", "conv"
    text = rendered(of(finding(where=layer(long)), finding(where=layer(short))), "full")
    assert text.count(long) == 1
    assert f'"{short}"' in text


def test_missing_facts_and_remedies_are_named_once_and_bounded() -> None:
    report = of(*(undecided(layer(f"l{n}"), f"fact {n // 2}", f"Bind {n % 2}.") for n in range(20)))
    text = rendered(report, "full")
    assert re.findall(r"not known: fact (\d)", text) == list("01234")
    assert re.findall(r"hint: Bind (\d)\.", text) == list("01")
    assert text.count("graph/l") == 10
    assert "      ... and 10 more (-v lists all)\n" in text
    assert "    ... and 5 more (-v lists all)\n" in text
    assert re.findall(r"not known: fact (\d)", rendered(report, "full", verbose=True)) == list("0123456789")


def test_several_environments_are_told_apart() -> None:
    report = of(
        finding("GPU201", name="gpu-padding", environment="gpu"), finding(), finding("NET401", environment="gpu")
    )
    report.environments = (environment("gpu", "R2026b"), environment("matlab", ""), environment("other", "R1"))
    text = rendered(report, "full")
    assert text.startswith("Checked against gpu, release R2026b; matlab; other, release R1\n")
    assert "error GPU201 gpu-padding [gpu]\n" in text
    assert "error MAT201 nonzero-padding [matlab]\n" in text
    rows = [line.split() for line in text.partition("By environment\n")[2].splitlines()[:4]]
    assert rows == [["errors"], ["gpu", "2"], ["matlab", "1"], ["other", "0"]]


def test_what_holds_in_several_environments_is_read_once() -> None:
    """The same rule of the same layer; but a layer that one environment names twice stays two findings."""
    where = layer("drop", "dropoutLayer")
    report = of(*(finding("NET401", where, environment=id) for id in ("gpu", "gpu", "matlab", "matlab", "third")))
    report.environments = tuple(environment(id) for id in ("gpu", "matlab", "third"))
    text = rendered(report, "full")
    assert text.count("NET401") == 1
    assert "error NET401 nonzero-padding [every environment] (2 findings)\n" in text
    assert text.endswith("\n1 model: 2 errors\n")
    assert rendered(report, "concise").count("\n") == 2
    assert rendered(report, "full", statistics=True).count("NET401") == 2
    report.environments += (environment("fourth"),)
    assert "[gpu, matlab, third]" in rendered(report, "full")
    different = of(
        finding("NET401", where, environment="gpu"), finding("NET401", where, environment="x", message="other")
    )
    different.environments = (environment("gpu"), environment("x"))
    assert rendered(different, "concise").count("\n") == 2


def test_rules_that_say_the_same_share_an_entry() -> None:
    """Each is named, with what it stands on; one more finding, and they are told apart."""

    def alike(code: str, id: str, **fields: Any) -> list[Diagnostic]:
        return [finding(code, layer(n), name=f"{id}-rule", environment=id, **fields) for n in ("a", "b")]

    gpu, cpu = alike("GPU101", "gpu", evidence=REPORTED), alike("CPU101", "cpu")
    report = of(*gpu, *cpu)
    report.environments = (environment("cpu"), environment("gpu"))
    text = rendered(report, "full")
    both = "  error CPU101 cpu-rule [cpu] (2 findings)\n  error GPU101 gpu-rule [gpu] (2 findings)\n    PaddingValue"
    assert both in text
    assert text.count("graph/a_out") == text.count("hint: ") == 1
    assert text.count("evidence: reported; ") == 1  # what is documented is not said
    assert rendered(report, "full", verbose=True).count("evidence: ") == 2
    for other in (alike("CPU101", "cpu", hint="Other."), alike("CPU101", "cpu", message="other"), cpu[:1]):
        report.diagnostics = [*gpu, *other]
        assert rendered(report, "full").count("graph/a_out") == 2


def test_json_keeps_a_finding_for_each_environment() -> None:
    report = of(*(finding("NET401", environment=id) for id in ("gpu", "matlab")))
    assert [found["environment"] for found in json.loads(rendered(report, "json"))["diagnostics"]] == ["gpu", "matlab"]


def test_a_description_names_its_line() -> None:
    report = of(finding(where=layer("pool", line=7, column=5)))
    assert "graph/pool_out  at nets/a.onnx:7:5\n" in rendered(report, "full")
    assert rendered(report, "concise").startswith("nets/a.onnx:7:5: error ")


def test_nothing_found() -> None:
    assert rendered(of(), "full") == "Checked against matlab, release R2026b\n\n1 model: nothing found\n"
    assert rendered(of(), "concise") == ""


def test_text_is_wrapped() -> None:
    text = rendered(of(finding(hint="word " * 60, message="other " * 60)), "full", width=60)
    assert max(map(len, text.splitlines())) <= 60
    assert "\n    hint: word word" in text
    assert "\n          word word" in text


def test_colour_adds_nothing_but_colour() -> None:
    for format in ("full", "concise"):
        colored = rendered(typical(), format, color=True)
        assert "\x1b[1;31merror\x1b[0m" in colored
        assert re.sub(r"\x1b\[[\d;]+m", "", colored) == rendered(typical(), format)


@pytest.mark.parametrize("format", ["full", "concise"])
def test_statistics(format: str) -> None:
    assert "error      NET401" not in rendered(typical(), format)
    assert (
        "2  error      NET401  dropout-layer\n"
        "1  info       MAT107  support-not-known\n"
        "1  error      MAT201  nonzero-padding\n"
        "1  warning    MAT301  not-a-dlnetwork\n"
        "1  undecided  MAT406  flatten\n"
    ) in rendered(typical(), format, statistics=True)


def test_concise_lines_match_what_editors_look_for() -> None:
    found = [CONCISE.fullmatch(line) for line in rendered(typical(), "concise", verbose=True).splitlines()]
    severities = [match["severity"] for match in found if match]
    assert severities == ["warning", "error", "error", "error", "info", "undecided"]
    pool = found[1]
    assert pool is not None
    assert pool.groupdict() == {
        "path": "nets/a.onnx",
        "line": "1",
        "column": "1",
        "severity": "error",
        "code": "MAT201",
        "name": "pool",
        "id": "graph/pool_out",
        "message": "PaddingValue is mean; only 0 quantizes",
        "rule": "nonzero-padding",
    }
    assert ": warning MAT301 network: a SeriesNetwork [" in rendered(typical(), "concise")


def test_concise_leaves_infos_out_unless_asked() -> None:
    assert "MAT107" not in rendered(typical(), "concise")
    assert "MAT107" in rendered(of(info(layer("up"))), "concise", verbose=True)


def test_a_format_that_does_not_exist() -> None:
    with pytest.raises(UsageError, match="did you mean 'json'"):
        write(typical(), "jsn", open("/dev/null"), Options())  # noqa: SIM115 - never written to
    assert FORMATS == ("full", "concise", "json", "jsonl")
