"""Patches of descriptions: saved, applied, and refused where they are stale."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jsonschema import Draft202012Validator

from qlint.cli.main import main
from qlint.transforms.patchfile import DESCRIBED_SCHEMA_FILE
from tests.described.making import norm, same, written
from tests.described.test_fix import CHAIN, SHAPES


@pytest.fixture
def patched(tmp_path: Path) -> tuple[Path, Path, Path]:
    path, patch = written(tmp_path, CHAIN, SHAPES), tmp_path / "fix.json"
    out = tmp_path / "a" / "x.qnet.yaml"
    out.parent.mkdir()
    assert main(["fix", str(path), "-q", "-o", str(out), "--patch", str(patch)]) == 0
    return path, patch, out


def apply(path: Path, patch: Path, out: Path) -> int:
    out.parent.mkdir(exist_ok=True)
    return main(["apply", str(path), str(patch), "-o", str(out)])


def test_applying_gives_the_same_bytes(patched: tuple[Path, Path, Path], tmp_path: Path) -> None:
    path, patch, out = patched
    again = tmp_path / "b" / "x.qnet.yaml"
    assert apply(path, patch, again) == 0
    assert again.read_bytes() == out.read_bytes()
    assert [file.read_bytes() for file in sorted(again.parent.iterdir())] == [
        file.read_bytes() for file in sorted(out.parent.iterdir())
    ]
    same(path, again)


def test_it_follows_its_schema_and_names_layers(patched: tuple[Path, Path, Path]) -> None:
    document = json.loads(patched[1].read_text())
    with open(DESCRIBED_SCHEMA_FILE, encoding="utf-8") as file:
        Draft202012Validator(json.load(file)).validate(document)
    layers = {change["layer"]: change for change in document["changes"] if change["op"] == "replace-layer"}
    assert layers["drop"]["entries"] == []
    assert layers["drop"]["expect"] == {"name": "drop", "type": "dropoutLayer"}
    arrays = {change["name"]: change for change in document["changes"] if change["op"] == "set-array"}
    assert arrays["norm/Scale"]["tensor"] is None
    assert arrays["conv/Weights"]["expect"].startswith("sha256:")


def test_other_values_are_stale(patched: tuple[Path, Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    path, patch, _ = patched
    arrays = dict(np.load(path.with_name("net.npz")))
    arrays["norm/Scale"] = arrays["norm/Scale"] + np.float32(1)
    np.savez(path.with_name("net.npz"), **arrays)
    assert apply(path, patch, path.with_name("new.qnet.yaml")) == 2
    assert "'norm/Scale' is not what the patch expects" in capsys.readouterr().err
    assert not path.with_name("new.qnet.yaml").exists()


def test_another_text_is_stale(patched: tuple[Path, Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    path, patch, _ = patched
    path.write_text(path.read_text().replace("NumFilters: 4", "NumFilters: 4 "))
    assert apply(path, patch, path.with_name("new.qnet.yaml")) == 2
    assert "made for another description" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("op", "key", "value", "words"),
    [
        ("replace-layer", "expect", {"name": "norm", "type": "reluLayer"}, "is not what the patch expects"),
        ("replace-layer", "layer", "nowhere", "is not what the patch expects"),
        ("replace-layer", "entries", [{"name": 3, "type": "reluLayer"}], "is not a patch"),
        ("replace-layer", "entries", [{"name": "a", "type": "reluLayer", "ignore": 3}], "layers that are none"),
        ("set-class", "expect", "LayerGraph", "class is not what the patch expects"),
    ],
)
def test_a_patch_that_was_edited(
    op: str,
    key: str,
    value: Any,
    words: str,
    patched: tuple[Path, Path, Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    path, patch, _ = patched
    document = json.loads(patch.read_text())
    next(change for change in document["changes"] if change["op"] == op)[key] = value
    patch.write_text(json.dumps(document))
    assert apply(path, patch, path.with_name("new.qnet.yaml")) == 2
    error = capsys.readouterr().err
    assert words in error and "\n" not in error.strip()


def test_patches_of_models_and_descriptions_are_not_mixed_up(
    patched: tuple[Path, Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, patch, _ = patched
    model, other = tmp_path / "m.onnx", tmp_path / "m.json"
    assert main(["convert", str(path), str(model)]) == 0
    assert main(["fix", str(model), "-q", "--patch", str(other)]) == 0
    assert apply(model, patch, tmp_path / "n.onnx") == 2
    assert "made for a network description" in capsys.readouterr().err
    assert apply(path, other, tmp_path / "n.qnet.yaml") == 2
    assert "made for an ONNX model" in capsys.readouterr().err


def test_connections_are_patched(tmp_path: Path) -> None:
    text = """\
        weights: net.npz
        layers:
          - {name: in, type: imageInputLayer, InputSize: [6, 5, 2], Normalization: none}
          - {name: conv, type: convolution2dLayer, FilterSize: 1, NumFilters: 2}
          - {name: norm, type: batchNormalizationLayer}
          - {name: add, type: additionLayer, NumInputs: 2}
        connections: [[in, conv], [conv, norm], [norm, add/in1], [in, add/in2]]
        """
    path = written(tmp_path, text, {"conv/Weights": (1, 1, 2, 2), "conv/Bias": (1, 1, 2), **norm("norm", 2)})
    out, patch = tmp_path / "a.qnet.yaml", tmp_path / "p.json"
    assert main(["fix", str(path), "-q", "-o", str(out), "--patch", str(patch)]) == 0
    assert apply(path, patch, tmp_path / "b.qnet.yaml") == 0
    assert out.read_text().replace("a.", "b.") == (tmp_path / "b.qnet.yaml").read_text().replace("a.", "b.")
    same(path, out)
