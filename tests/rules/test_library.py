"""The shipped rule files: by id and release, rules by code and name."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys

import pytest

from qlint.errors import RuleFileError, UsageError
from qlint.rules import library
from qlint.rules.loader import load_environment


def test_environments_are_what_users_can_choose() -> None:
    assert library.environments() == sorted(library.environments())
    assert "matlab" in library.environments()
    assert "network" not in library.environments()


def test_what_a_file_is_found_by_is_what_it_says() -> None:
    for found in library.files():
        environment = load_environment(found.path, full_check=False)
        assert (found.id, found.prefix, found.every) == (environment.id, environment.prefix, environment.every)
        assert found.every or environment.releases


def test_ids_and_releases_in_any_case() -> None:
    newest = library.load("MATLAB", None)
    assert (newest.id, newest.release) == ("matlab", newest.releases[-1])
    older = library.load("Matlab", newest.releases[0].lower())
    assert older.release == newest.releases[0]
    assert library.load("matlab", newest.release) is newest


def test_rules_of_every_environment_are_joined() -> None:
    environment = library.load("matlab", None)
    assert [joined.id for joined in environment.joined] == ["network"]
    codes = [rule.code for rule in environment.rules]
    assert codes[0].startswith("MAT")
    assert codes[-1].startswith("NET")
    assert len(set(codes)) == len(codes)


def test_an_environment_may_be_without_rules_that_hold_elsewhere() -> None:
    intel, matlab = library.load("intel-fpga-ai-suite", None), library.load("matlab", None)
    shared = {rule.code for other in intel.joined for rule in other.rules}
    assert {"NET101", "NET401"} <= shared
    assert shared - {rule.code for rule in intel.rules} == set(intel.without) == {"NET401", "NET402", "NET403"}
    assert shared <= {rule.code for rule in matlab.rules}
    with pytest.raises(RuleFileError, match=r"'NET410', which is no rule.*did you mean 'NET4"):
        library.join(dataclasses.replace(library.shipped("intel-fpga-ai-suite"), without=("NET410",)))


def test_unknown_words_are_answered_by_near_ones() -> None:
    with pytest.raises(UsageError, match="'matlba'; did you mean 'matlab'"):
        library.load("matlba", None)
    with pytest.raises(UsageError, match=r"there is .*matlab"):
        library.load("zzz", None)
    with pytest.raises(UsageError, match="no environment 'network'"):
        library.load("network", None)
    with pytest.raises(UsageError, match="did you mean 'R2025"):
        library.load("matlab", "R2025c")
    with pytest.raises(UsageError, match="it has R2024b"):
        library.load("matlab", "9")
    with pytest.raises(UsageError, match="did you mean 'MAT2"):
        library.find_rule("MAT2O1")
    with pytest.raises(UsageError, match="`qlint rule` lists them"):
        library.find_rule("")
    with pytest.raises(UsageError, match="no environment 'nowhere'"):
        library.shipped("nowhere")


def test_every_rule_is_found_by_code_and_name_as_its_file_has_it() -> None:
    for rule in library.all_rules():
        found, environment = library.find(rule.code.lower())
        assert found.source == rule.source
        assert (found.code, found.severity, found.evidence) == (rule.code, rule.severity, rule.evidence)
        assert environment.id == rule.environment
        assert environment.releases == library.shipped(rule.environment).releases
        assert library.find_rule(rule.name.upper()).code == rule.code


def test_one_rule_costs_neither_heavy_imports_nor_the_other_rules() -> None:
    script = (
        "import sys; from qlint.rules import library; library.find_rule('MAT201')\n"
        "assert library.shipped.cache_info().currsize == 0\n"
        "print([m for m in ('onnx', 'numpy', 'networkx', 'jsonschema') if m in sys.modules])"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.strip() == "[]"
