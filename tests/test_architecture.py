"""Imports run downward only: the contracts of pyproject.toml, as a test."""

from __future__ import annotations

import subprocess
import sysconfig
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LONGEST = {"qlint": 300, "tests": 400, "tools": 300, "fuzz": 300, "benchmarks": 300, "fixtures": 300}
"""Most lines of a file, by folder; the cases of one subject may stay together in a test file that is a little longer."""


def test_imports_run_downward_only() -> None:
    script = Path(sysconfig.get_path("scripts")) / "lint-imports"
    done = subprocess.run([script, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_files_are_read_in_one_sitting() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for folder, longest in LONGEST.items()
        for path in (ROOT / folder).rglob("*.py")
        if (lines := len(path.read_text().splitlines())) > longest
    }
    assert long == {}
