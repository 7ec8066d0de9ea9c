"""What commands import: looked up in sys.modules, not on the clock."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures"
HEAVY = {"onnx", "numpy", "networkx", "jsonschema"}


def imported(*arguments: str) -> set[str]:
    """Top-level modules loaded once a command has run."""
    script = (
        "import sys\nfrom qlint.cli.main import main\nstatus = main(sys.argv[1:])\n"
        "print('\\n@@' + ' '.join(sorted({name.partition('.')[0] for name in sys.modules})))\nsys.exit(status)"
    )
    done = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    return set(done.stdout.rpartition("@@")[2].split())


@pytest.mark.parametrize(
    "arguments", [["--help"], ["check", "--help"], ["rule", "MAT201"], ["rule"], ["env", "matlab"], ["--version"]]
)
def test_commands_without_a_model_import_nothing_heavy(arguments: list[str]) -> None:
    assert not imported(*arguments) & HEAVY


def test_check_does_not_import_jsonschema() -> None:
    found = imported("check", "--output-format", "json", str(FIXTURES / "digits.onnx"))
    assert {"onnx", "numpy", "networkx"} <= found
    assert "jsonschema" not in found
