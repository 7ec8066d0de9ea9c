"""`qlint fix --patch` and `qlint apply`."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import onnx
import pytest

from tests.cli.running import DIGITS, FIXTURES, Run
from tests.report.building import validator


@pytest.fixture
def patch(qlint: Run, tmp_path: Path) -> Path:
    """A patch of the digits network; what fix made of it is `fixed.onnx` beside it."""
    path = tmp_path / "digits.patch.json"
    assert qlint("fix", DIGITS, "-o", str(tmp_path / "fixed.onnx"), "--patch", str(path)).status == 0
    return path


def test_applying_the_patch_gives_the_same_bytes(qlint: Run, patch: Path, tmp_path: Path) -> None:
    out = tmp_path / "applied.onnx"
    result = qlint("apply", DIGITS, str(patch), "-o", str(out), "--output-format", "json")
    assert result.status == 0 and out.read_bytes() == (tmp_path / "fixed.onnx").read_bytes()
    validator("qlint.apply.v1").validate(result.json)
    assert {entry["transform"] for entry in result.json["applied"]} >= {"remove-dropout", "fuse-batch-normalization"}
    text = qlint("apply", DIGITS, str(patch), "-o", str(out)).out
    assert text.endswith(f"Written: {out}\n") and "fold 'bn1' into Conv" in text


def test_the_patch_says_how_it_was_proven(patch: Path) -> None:
    assert json.loads(patch.read_text())["verification"]["scope"] == "network"


def test_a_patch_of_another_model_is_refused(qlint: Run, patch: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.onnx"
    result = qlint("apply", str(FIXTURES / "conv_bn_relu.onnx"), str(patch), "-o", str(out))
    assert result.status == 2 and "another model" in result.err and not out.exists()


def test_a_changed_weight_is_refused(qlint: Run, patch: Path, tmp_path: Path) -> None:
    model = onnx.load(DIGITS)
    tensor = next(t for t in model.graph.initializer if t.name == "conv3.weight")
    array = onnx.numpy_helper.to_array(tensor) * 2
    tensor.CopyFrom(onnx.numpy_helper.from_array(array, tensor.name))
    onnx.save(model, tmp_path / "other.onnx")
    out = tmp_path / "out.onnx"
    result = qlint("apply", str(tmp_path / "other.onnx"), str(patch), "-o", str(out))
    assert result.status == 2 and not out.exists() and result.err.startswith("qlint: error: ")


@pytest.mark.parametrize("content", ["", "{}", "[1, 2", '{"schema": "qlint.patch/v2"}'])
def test_what_is_no_patch_is_said_to_be_none(qlint: Run, tmp_path: Path, content: str) -> None:
    (tmp_path / "p.json").write_text(content)
    result = qlint("apply", DIGITS, str(tmp_path / "p.json"), "-o", str(tmp_path / "out.onnx"))
    assert result.status == 2 and "not a patch" in result.err


def test_out_must_be_named_and_not_be_the_model(qlint: Run, patch: Path, tmp_path: Path) -> None:
    model = tmp_path / "digits.onnx"
    shutil.copy(DIGITS, model)
    assert qlint("apply", str(model), str(patch)).status == 2
    result = qlint("apply", str(model), str(patch), "-o", str(model))
    assert result.status == 2 and model.read_bytes() == Path(DIGITS).read_bytes()


def test_an_in_place_fix_saves_its_patch_too(qlint: Run, tmp_path: Path, patch: Path) -> None:
    model = tmp_path / "digits.onnx"
    shutil.copy(DIGITS, model)
    saved = tmp_path / "again.patch.json"
    assert qlint("fix", str(model), "--in-place", "--patch", str(saved)).status == 0
    assert model.read_bytes() == (tmp_path / "fixed.onnx").read_bytes()
    assert json.loads(saved.read_text())["patches"] == json.loads(patch.read_text())["patches"]


def test_a_patch_and_a_difference_exclude_each_other(qlint: Run, tmp_path: Path) -> None:
    result = qlint("fix", DIGITS, "--diff", "--patch", str(tmp_path / "p.json"))
    assert result.status == 2 and not (tmp_path / "p.json").exists()


def test_a_patch_of_nothing_can_be_applied(qlint: Run, tmp_path: Path) -> None:
    model, saved, out = str(FIXTURES / "avgpool_include_pad.onnx"), str(tmp_path / "p.json"), tmp_path / "out.onnx"
    assert qlint("fix", model, "-o", str(tmp_path / "a.onnx"), "--patch", saved).status == 0
    assert qlint("apply", model, saved, "-o", str(out)).status == 0
    assert out.read_bytes() == Path(model).read_bytes()
