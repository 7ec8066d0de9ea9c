"""Standard streams that are closed or full: an exit status, and never an internal error."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.running import DIGITS, Run


def test_a_closed_output_leaves_the_exit_status(monkeypatch: pytest.MonkeyPatch, qlint: Run) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    assert qlint("check", DIGITS).status == 1
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    assert qlint("check", "no such file.onnx").status == 2


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
@pytest.mark.parametrize("words", [["check", DIGITS], ["rules", "validate"], ["rules", "test"], ["rule", "MAT201"]])
def test_a_full_disk_is_one_line(words: list[str]) -> None:
    with open("/dev/full", "w") as full:
        result = subprocess.run(
            [sys.executable, "-m", "qlint", *words],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert result.returncode == 2
    assert result.stderr.startswith("qlint: error: the report cannot be written")
    assert result.stderr.count("\n") == 1
