"""`qlint convert`: exit statuses, reports, refusals."""

from __future__ import annotations

import errno
import json
import tempfile
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from qlint.cli.main import main
from tests.described.making import norm, same, written
from tests.report.building import validator

TEXT = """\
    network: {class: DAGNetwork, release: R2024b}
    weights: net.npz
    layers:
      - {name: in, type: imageInputLayer, InputSize: [6, 5, 2], Normalization: zscore, Mean: 1, StandardDeviation: 2}
      - {name: conv, type: convolution2dLayer, FilterSize: [3, 2], NumFilters: 4}   # a comment
      - {name: norm, type: batchNormalizationLayer}
      - {name: fc, type: fullyConnectedLayer, OutputSize: 3}
    """
SHAPES = {
    "conv/Weights": (3, 2, 2, 4),
    "conv/Bias": (1, 1, 4),
    **norm("norm", 4),
    "fc/Weights": (3, 64),
    "fc/Bias": (3, 1),
}


@pytest.fixture
def description(tmp_path: Path) -> Path:
    return written(tmp_path, TEXT, SHAPES)


@pytest.fixture
def partial(tmp_path: Path) -> Path:
    graph = helper.make_graph(
        [
            helper.make_node("Relu", ["x"], ["a"], name="first"),
            helper.make_node("Erf", ["a"], ["b"], name="strange"),
            helper.make_node("Add", ["b", "c"], ["y"], name="last"),
        ],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 3])],
        [numpy_helper.from_array(np.ones(3, np.float32), "c")],
    )
    path = tmp_path / "partial.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def test_to_onnx_and_back(description: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model, back = tmp_path / "net.onnx", tmp_path / "back.qnet.json"
    assert main(["convert", str(description), str(model)]) == 0
    assert 'output "fc": equal' in capsys.readouterr().out
    proto = onnx.load(model)
    onnx.checker.check_model(proto, full_check=True)
    assert (proto.ir_version, proto.opset_import[0].version) == (10, 21)
    assert [given.name for given in proto.graph.input] == ["in"]
    assert [given.name for given in proto.graph.output] == ["fc"]
    assert main(["convert", str(model), str(back), "--output-format", "json"]) == 0
    data = json.loads(capsys.readouterr().out)
    validator("qlint.convert.v1").validate(data)
    assert data["schema"] == "qlint.convert/v1"
    assert (data["partial"], data["not_expressed"], data["reason"]) == (False, [], None)
    assert [output["verdict"] for output in data["outputs"]] == ["equal"]
    names = [layer["name"] for layer in json.loads(back.read_text())["layers"]]
    assert names == ["in", "conv", "norm", "fc"]
    same(description, back)


def test_between_the_notations(description: Path, tmp_path: Path) -> None:
    one, two = tmp_path / "net.qnet.json", tmp_path / "again.qnet.yml"
    assert main(["convert", str(description), str(one)]) == 0
    assert main(["convert", str(one), str(two)]) == 0
    data = json.loads(one.read_text())
    assert data["network"] == {"class": "DAGNetwork", "release": "R2024b"}
    assert data["layers"][1] == {
        "name": "conv",
        "type": "convolution2dLayer",
        "FilterSize": [3, 2],
        "NumFilters": 4,
    }
    same(description, two)


def test_what_is_not_kept_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = """\
        network: {class: SeriesNetwork, release: R2024b}
        layers:
          - {name: in, type: featureInputLayer, InputSize: 3, ignore: {MAT101: known}}
          - {name: a, type: reluLayer}
          - {name: m, type: multiplicationLayer, NumInputs: 3}
          - {name: out, type: regressionLayer}
        connections: [[in, a], [in, m/in1], [a, m/in2], [a, m/in3], [m, out]]
        """
    path = written(tmp_path, text, {})
    assert main(["convert", str(path), str(tmp_path / "net.onnx"), "--output-format", "json"]) == 0
    lost = json.loads(capsys.readouterr().out)["lost"]
    assert [next(word for word in words if word in entry) for entry, words in zip(lost, [
        ["SeriesNetwork"], ["R2024b"], ["'m' is one layer"], ["regressionLayer 'out'"], ["of 1 layer"],
    ], strict=True)]  # fmt: skip


def test_the_same_bytes_twice(description: Path, tmp_path: Path) -> None:
    for name in ("one.onnx", "two.onnx"):
        assert main(["convert", str(description), str(tmp_path / name)]) == 0
    assert (tmp_path / "one.onnx").read_bytes() == (tmp_path / "two.onnx").read_bytes()
    assert sorted(file.suffix for file in tmp_path.iterdir()) == [".npz", ".onnx", ".onnx", ".yaml"]


def test_what_cannot_be_said_is_listed(partial: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "partial.qnet.yaml"
    assert main(["convert", str(partial), str(out)]) == 1
    shown = capsys.readouterr().out
    assert 'Erf "strange"\n    MATLAB has no layer for Erf' in shown
    assert "The two were not compared" in shown
    assert '{name: strange, type: "onnx:Erf", custom: true}' in out.read_text()
    assert main(["check", str(out), "--output-format", "concise"]) == 1
    assert "MAT101" in capsys.readouterr().out


def test_a_layer_that_onnx_cannot_say(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = """\
        layers:
          - {name: in, type: featureInputLayer, InputSize: 3}
          - {name: own, type: my.own.Layer}
          - {name: relu, type: reluLayer}
        """
    path = written(tmp_path, text, {})
    assert main(["convert", str(path), str(tmp_path / "net.onnx"), "--output-format", "json"]) == 1
    data = json.loads(capsys.readouterr().out)
    validator("qlint.convert.v1").validate(data)
    assert [(entry["layer"], entry["operator"]) for entry in data["not_expressed"]] == [
        ("own", "my.own.Layer"),
        ("relu", "reluLayer"),
    ]
    assert "not in the description" in data["not_expressed"][0]["reason"]


@pytest.mark.parametrize(
    ("source", "out", "words"),
    [
        ("partial.onnx", "other.onnx", "both are ONNX models"),
        ("partial.onnx", "other.txt", "name it as one of .onnx, .qnet.yaml"),
        ("net.qnet.yaml", "net.qnet.yaml", "OUT is the network itself"),
        ("net.qnet.yaml", "nowhere/net.onnx", "there is no such folder"),
        ("lacking.onnx", "net.qnet.yaml", "lacking.onnx"),
    ],
)
def test_refusals(
    source: str,
    out: str,
    words: str,
    description: Path,
    partial: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = {file: file.read_bytes() for file in tmp_path.iterdir()}
    assert main(["convert", str(tmp_path / source), str(tmp_path / out)]) == 2
    error = capsys.readouterr().err
    assert words in error and error.count("\n") == 1
    assert {file: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_without_learnables_there_is_no_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path, TEXT.replace("    weights: net.npz\n", ""), {})
    assert main(["convert", str(path), str(tmp_path / "net.onnx")]) == 2
    error = capsys.readouterr().err
    assert "'conv/Weights' has no values" in error and "give it in the description" in error
    assert [file.name for file in tmp_path.iterdir()] == ["net.qnet.yaml"]
    assert main(["convert", str(path), str(tmp_path / "net.qnet.json")]) == 0


def test_sizes_that_are_bound(partial: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["convert", str(partial), str(tmp_path / "p.qnet.yaml"), "--bind", "M=3"]) == 2
    assert "M" in capsys.readouterr().err


def test_where_nothing_can_be_written_the_error_says_what_to_do(
    description: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tempfile, "mkdtemp", full)
    out = tmp_path / "o.onnx"
    assert main(["convert", str(description), str(out)]) == 2
    assert capsys.readouterr().err == (
        f"qlint: error: {out}: it cannot be written: No space left on device (QL006); "
        "check the folder, its permissions and the space that is left\n"
    )


def test_a_name_that_a_description_cannot_hold(
    description: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(tmp_path.iterdir())
    for command, path in (("convert", tmp_path / "net.onnx"), ("fix", description)):
        if command == "convert":
            assert main(["convert", str(description), str(path)]) == 0
            before = sorted(tmp_path.iterdir())
            arguments = ["convert", str(path), str(tmp_path / "o\udcff.qnet.yaml")]
        else:
            arguments = ["fix", str(path), "-o", str(tmp_path / "o\udcff.qnet.yaml")]
        assert main(arguments) == 2
        error = capsys.readouterr().err
        assert f"qlint: error: {tmp_path}/o\\udcff.qnet.yaml: the description could not tell the name" in error
        assert error.count("\n") == 1
    assert sorted(tmp_path.iterdir()) == before
