"""Described fixtures: their arrays are what the script makes, and their findings are the golden ones."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from qlint.cli.main import main as qlint
from tests.described.golden import DESCRIPTIONS, FIXTURES, HERE, fixed, golden


def test_the_script_makes_the_same_bytes(tmp_path: Path) -> None:
    subprocess.run([sys.executable, FIXTURES / "make_descriptions.py", tmp_path], check=True, capture_output=True)
    made = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert made == {name: (FIXTURES / name).read_bytes() for name in made}
    named = {line.split()[1] for path in DESCRIPTIONS for line in path.read_text().splitlines() if "weights:" in line}
    assert named == set(made)


@pytest.mark.parametrize("path", DESCRIPTIONS, ids=lambda path: path.name)
def test_findings_before_and_after_fixing(path: Path, tmp_path: Path) -> None:
    expected = (HERE / f"{path.name}.txt").read_text(encoding="utf-8")
    assert golden(path, tmp_path) == expected, "python -m tests.described.golden writes them anew"


def test_every_golden_file_has_its_description() -> None:
    assert {path.stem for path in HERE.glob("*.txt")} == {path.name for path in DESCRIPTIONS}


WHOLE = [path for path in DESCRIPTIONS if "weights:" in path.read_text()]


@pytest.mark.parametrize("path", WHOLE, ids=lambda path: path.name)
def test_the_fixed_description_computes_the_same(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = fixed(path, tmp_path)
    status = qlint(["verify", str(path), str(out)])
    assert status == 0, capsys.readouterr()


def test_verify_tells_a_changed_network_from_its_origin(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The proof above can fail: another state activation is another function."""
    status = qlint(["verify", str(FIXTURES / "vowels_relu.qnet.yaml"), str(FIXTURES / "vowels_softsign.qnet.yaml")])
    assert status == 1, capsys.readouterr()
