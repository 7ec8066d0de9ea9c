"""What stands before a command, or instead of one."""

from __future__ import annotations

import pytest

from qlint.cli.main import COMMANDS
from tests.cli.running import Run


def test_without_a_command_the_commands_are_named(qlint: Run) -> None:
    result = qlint()
    assert result.status == 2 and not result.out
    assert all(name in result.err for name in COMMANDS) and "--help" in result.err


@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        (["--versoin"], "did you mean '--version'?"),
        (["-V"], "see `qlint --help`"),
        (["-q", "check", "."], "see `qlint --help`"),
        (["check", "--selct", "MAT"], "did you mean '--select'"),
        (["rules", "test", "--selct"], "did you mean '--help'?"),
    ],
)
def test_a_flag_there_is_not(qlint: Run, words: list[str], remedy: str) -> None:
    result = qlint(*words)
    assert result.status == 2 and not result.out
    assert result.err.startswith("qlint: error: there is no flag '-") and remedy in result.err


@pytest.mark.parametrize("words", [["--help"], ["--help", "check"]])
def test_help_lists_every_command(qlint: Run, words: list[str]) -> None:
    result = qlint(*words)
    assert result.status == 0 and result.out.startswith("usage: qlint [-h] [--version] COMMAND ...\n")
    assert all(f"\n    {name} " in result.out for name in COMMANDS)
