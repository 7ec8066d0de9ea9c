"""The fixtures are what their scripts say they are."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures"
NETWORKS = sorted(FIXTURES.glob("*.onnx"))


def test_the_script_makes_the_same_bytes(tmp_path: Path) -> None:
    subprocess.run([sys.executable, FIXTURES / "make_fixtures.py", tmp_path], check=True, capture_output=True)
    made = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    kept = {name: (FIXTURES / name).read_bytes() for name in made}
    assert made == kept
    assert {path.name for path in NETWORKS} - made.keys() == {"digits.onnx"}


@pytest.mark.parametrize("path", NETWORKS, ids=lambda path: path.stem)
def test_networks_are_valid(path: Path) -> None:
    onnx.checker.check_model(path, full_check=True)


def test_the_digits_network_is_as_accurate_as_recorded() -> None:
    measured = json.loads((FIXTURES / "digits.json").read_text())
    with np.load(FIXTURES / "digits-test.npz", allow_pickle=False) as data:
        images, labels = data["images"], data["labels"]
    session = onnxruntime.InferenceSession(FIXTURES / "digits.onnx", providers=["CPUExecutionProvider"])
    (probabilities,) = session.run(None, {"image": images})
    # Another processor may round one borderline image the other way.
    assert abs(int((probabilities.argmax(1) == labels).sum()) - measured["correct"]) <= 1
    assert measured["accuracy"] == measured["correct"] / len(labels) > 0.98
