"""Plans of small networks in every environment, against the golden files."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.plan.golden import HERE, NETWORKS, golden


@pytest.mark.parametrize("name", NETWORKS)
def test_golden_plans(name: str, tmp_path: Path) -> None:
    expected = (HERE / f"{name}.txt").read_text(encoding="utf-8")
    assert golden(name, tmp_path) == expected, "python -m tests.plan.golden writes them anew"


def test_every_golden_file_has_its_network() -> None:
    assert {path.stem for path in HERE.glob("*.txt")} == set(NETWORKS)
