"""--select and --ignore."""

from __future__ import annotations

import pytest

from qlint.errors import UsageError
from qlint.rules import library
from qlint.rules.selection import check_words, select
from tests.rules.making import environment, rule

ASKED = "layers: [pool]\nforbid: {}"
ENV = environment(
    rule(ASKED, code="TST101", name="first"),
    rule(ASKED + "\ntags: [special]\nenabled: false", code="TST102", name="second"),
    rule(ASKED, code="TST201", name="third"),
    rule(ASKED + '\nsince: "R3"', code="TST202", name="new"),
    rule(ASKED + '\nuntil: "R1"', code="TST203", name="old"),
    rule(ASKED + '\nsince: "R1"\nuntil: "R2"', code="TST204", name="between"),
)


def codes(words: list[str], ignored: list[str], release: str = "R3") -> list[str]:
    return [rule.code for rule in select(library.at_release(ENV, release), words, ignored)]


@pytest.mark.parametrize(
    ("words", "ignored", "expected"),
    [
        ([], [], ["TST101", "TST201", "TST202"]),
        (["TST101"], [], ["TST101"]),
        (["tst1"], [], ["TST101"]),  # a rule that is off is not meant by the beginning of its code
        (["TST102"], [], ["TST102"]),
        (["Second"], [], ["TST102"]),
        (["special", "first"], [], ["TST101", "TST102"]),
        (["all"], [], ["TST101", "TST201", "TST202"]),
        (["ALL", "special"], [], ["TST101", "TST102", "TST201", "TST202"]),
        ([], ["TST2"], ["TST101"]),
        (["TST101"], ["TST101"], []),
        (["special"], ["TST"], []),
        (["TST"], ["third", "special"], ["TST101", "TST202"]),
        (["TST"], ["all"], []),
        (["nothing-of-this-environment"], [], []),
        ([""], [], []),
    ],
)
def test_words_select(words: list[str], ignored: list[str], expected: list[str]) -> None:
    assert codes(words, ignored) == expected


@pytest.mark.parametrize(
    ("release", "expected"),
    [("R1", ["TST203", "TST204"]), ("R2", ["TST204"]), ("R3", ["TST202"])],
)
def test_only_rules_of_the_release(release: str, expected: list[str]) -> None:
    assert codes(["TST202", "TST203", "TST204"], [], release) == expected


def test_rules_of_joined_files_hold_in_every_release() -> None:
    matlab = library.load("matlab", None)
    for release in matlab.releases:
        assert "NET401" in [rule.code for rule in select(library.load("matlab", release), (), ())]


def test_a_word_is_unknown_only_if_no_environment_knows_it() -> None:
    matlab = library.load("matlab", None)
    check_words([ENV, matlab], ["TST", "MAT201", "simulink", "special", "old", "all", "net4"])
    with pytest.raises(UsageError, match="'TST1'"):
        check_words([matlab], ["MAT201", "TST1"])
    with pytest.raises(UsageError, match="did you mean 'simulink'"):
        check_words([matlab], ["simulnik"])
    with pytest.raises(UsageError, match="give a code"):
        check_words([matlab], [""])
