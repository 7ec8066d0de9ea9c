"""`qlint verify`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from tests.cli.running import DIGITS, FIXTURES, Run
from tests.report.building import validator


@pytest.fixture
def other(tmp_path: Path) -> str:
    """The digits network with one bias changed a little."""
    model = onnx.load(DIGITS)
    tensor = next(t for t in model.graph.initializer if len(t.dims) == 1)
    array = onnx.numpy_helper.to_array(tensor).copy()
    array[0] += 0.01
    tensor.CopyFrom(onnx.numpy_helper.from_array(array, tensor.name))
    onnx.save(model, tmp_path / "other.onnx")
    return str(tmp_path / "other.onnx")


def test_a_network_is_equal_to_itself(qlint: Run) -> None:
    result = qlint("verify", DIGITS, DIGITS, "--output-format", "json")
    assert result.status == 0 and result.json["equal"] is True
    validator("qlint.verify.v1").validate(result.json)
    assert qlint("verify", DIGITS, DIGITS).out.endswith("They compute the same.\n")


def test_another_network_differs(qlint: Run, other: str) -> None:
    result = qlint("verify", DIGITS, other, "--output-format", "json")
    assert result.status == 1 and result.json["outputs"][0]["verdict"] == "differs"
    validator("qlint.verify.v1").validate(result.json)
    assert qlint("verify", DIGITS, other, "--tolerance", "0.5").status == 0


def test_it_runs_on_the_users_data(qlint: Run, other: str) -> None:
    data = str(FIXTURES / "digits-test.npz")
    result = qlint("verify", DIGITS, other, "--data", data, "--output-format", "json")
    assert result.status == 1
    assert result.json["inputs"][0]["source"] == "data" and result.json["inputs"][0]["shape"][0] > 100


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["none.onnx", DIGITS], "no such file"),
        ([DIGITS, str(FIXTURES / "qdq_model.onnx"), "--tolerance", "x"], "--tolerance x is not a positive number"),
        ([DIGITS, str(FIXTURES / "if_branches.onnx")], "it has 2 inputs"),
        ([str(FIXTURES / "dropout_training.onnx")] * 2, "random by nature"),
        ([str(FIXTURES / "custom_domain.onnx")] * 2, "could not be run"),
        ([DIGITS, DIGITS, "--data", "none.npz"], "the data cannot be read"),
    ],
)
def test_what_cannot_be_compared_is_exit_2(qlint: Run, arguments: list[str], said: str) -> None:
    result = qlint("verify", *arguments)
    assert result.status == 2 and said in result.err and result.err.startswith("qlint: error: ")
    assert not result.out


def test_sizes_can_be_bound(qlint: Run) -> None:
    path = str(FIXTURES / "dynamic_axes.onnx")
    name = next(iter(onnx.load(path).graph.input)).name
    result = qlint("verify", path, path, "--bind", f"{name}=2,3,48,40", "--output-format", "json")
    assert result.status == 0 and result.json["inputs"][0]["shape"] == [2, 3, 48, 40]


def test_data_of_another_shape_is_said(qlint: Run, tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", x=np.zeros((1, 1, 9, 9), np.float32))
    result = qlint("verify", DIGITS, DIGITS, "--data", str(tmp_path / "d.npz"))
    assert result.status == 2 and "shape" in result.err
