"""`qlint fix` on descriptions: the text that stays, the text that comes, and what it computes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from qlint.cli.main import main
from qlint.files.description.read import read_description
from tests.described.making import norm, same, written
from tests.report.building import validator

CHAIN = """\
    # the network of the example
    network: {class: SeriesNetwork, release: R2025b}   # as exported
    weights: net.npz
    layers:
      - {name: in, type: imageInputLayer, InputSize: [6, 5, 2], Normalization: zerocenter, Mean: 0}
      # comes first
      - name: conv   # the first one
        type: convolution2dLayer
        NumFilters: 4
        FilterSize: [3, 2]
      - {name: norm, type: batchNormalizationLayer}
      - {type: reluLayer, name: relu}   # order of keys kept
      - {name: pool, type: averagePooling2dLayer, PoolSize: 2, PaddingValue: mean}
      - {name: norm_2, type: batchNormalizationLayer, ignore: {MAT402: on purpose}}
      - {name: drop, type: dropoutLayer}
      - {name: fc, type: fullyConnectedLayer, OutputSize: 3}
      - {name: out, type: classificationLayer}
    """

FIXED = """\
schema: qlint.network/v1
# the network of the example
network: {class: dlnetwork, release: R2025b}   # as exported
weights: WEIGHTS
layers:
  - {name: in, type: imageInputLayer, InputSize: [6, 5, 2], Normalization: none}
  # comes first
  - name: conv   # the first one
    type: convolution2dLayer
    NumFilters: 4
    FilterSize: [3, 2]
  - {type: reluLayer, name: relu}   # order of keys kept
  - {name: pool, type: averagePooling2dLayer, PoolSize: 2, PaddingValue: mean}
  - {name: fc, type: fullyConnectedLayer, OutputSize: 3}
"""

SHAPES = {
    "conv/Weights": (3, 2, 2, 4),
    "conv/Bias": (1, 1, 4),
    **norm("norm", 4),
    **norm("norm_2", 4),
    "fc/Weights": (3, 36),
    "fc/Bias": (3, 1),
}


def fix(path: Path, *words: str) -> int:
    return main(["fix", str(path), "-e", "matlab", "-q", *words])


def test_what_is_not_touched_keeps_its_text(tmp_path: Path) -> None:
    path = written(tmp_path, CHAIN, SHAPES)
    before = path.read_bytes()
    assert fix(path, "--ignore", "zero-average-padding,clear-padding-value") == 0
    fixed = tmp_path / "net.fixed.qnet.yaml"
    (arrays,) = tmp_path.glob("net.fixed.*.npz")
    assert fixed.read_text().replace(arrays.name, "WEIGHTS") == FIXED
    assert path.read_bytes() == before
    same(path, fixed)
    assert sorted(np.load(arrays)) == ["conv/Bias", "conv/Weights", "fc/Bias", "fc/Weights"]


def test_twice_is_once_and_the_bytes_are_the_same(tmp_path: Path) -> None:
    path = written(tmp_path, CHAIN, SHAPES)
    one, two, again = (tmp_path / folder / "x.qnet.yaml" for folder in ("a", "b", "c"))
    for out in (one, two, again):
        out.parent.mkdir()
    assert fix(path, "-o", str(one)) == fix(path, "-o", str(two)) == 0
    assert [file.read_bytes() for file in sorted(one.parent.iterdir())] == [
        file.read_bytes() for file in sorted(two.parent.iterdir())
    ]
    assert fix(one, "-o", str(again)) == 0
    assert again.read_bytes() == one.read_bytes()
    assert [file.name for file in sorted(again.parent.iterdir())] == [
        file.name for file in sorted(one.parent.iterdir())
    ]
    same(path, again)


def test_in_place(tmp_path: Path) -> None:
    path = written(tmp_path, CHAIN, SHAPES)
    assert fix(path, "--in-place", "--select", "remove-dropout") == 0
    assert "dropoutLayer" not in path.read_text()
    assert "weights: net.npz" in path.read_text()
    stamp = path.stat().st_mtime_ns
    assert fix(path, "--in-place", "--select", "remove-dropout") == 0
    assert path.stat().st_mtime_ns == stamp


def test_diff_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path, CHAIN, SHAPES)
    names = sorted(file.name for file in tmp_path.iterdir())
    assert fix(path, "--diff", "--select", "remove-dropout") == 1
    shown = capsys.readouterr().out
    assert "-  - {name: drop, type: dropoutLayer}\n" in shown
    assert not [line for line in shown.splitlines() if line.startswith("+") and not line.startswith("+++")]
    assert sorted(file.name for file in tmp_path.iterdir()) == names


def test_the_report_names_layers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path, CHAIN, SHAPES)
    assert main(["fix", str(path), "--output-format", "json", "--ignore", "equalize-layers"]) == 0
    data = json.loads(capsys.readouterr().out)
    validator("qlint.fix.v1").validate(data)
    done = {(entry["transform"], entry["id"], entry["type"]) for entry in data["applied"]}
    assert ("convert-to-dlnetwork", "", "SeriesNetwork") in done
    assert ("convert-to-dlnetwork", "out", "classificationLayer") in done
    assert ("fuse-batch-normalization", "norm", "batchNormalizationLayer") in done
    assert ("remove-dropout", "drop", "dropoutLayer") in done
    assert data["verification"]["scope"] == "network"
    assert data["verification"]["error"] <= data["verification"]["bound"]


@pytest.mark.parametrize(
    ("input", "shapes", "type"),
    [
        ("imageInputLayer, InputSize: [6, 5, 4], Normalization: none", norm("norm", 4), "groupedConvolution2dLayer"),
        ("sequenceInputLayer, InputSize: 4", norm("norm", 4), "convolution1dLayer"),
        ("featureInputLayer, InputSize: 4", norm("norm", 4), "fullyConnectedLayer"),
    ],
)
def test_batch_normalization_is_replaced(
    input: str, shapes: dict[str, tuple[int, ...]], type: str, tmp_path: Path
) -> None:
    text = f"""\
        weights: net.npz
        layers:
          - {{name: in, type: {input}}}
          - {{name: relu, type: reluLayer}}
          - {{name: norm, type: batchNormalizationLayer, ignore: {{MAT402: later}}}}
          - {{name: end, type: tanhLayer}}
        """
    path = written(tmp_path, text, shapes)
    assert fix(path) == 0
    fixed = read_description(tmp_path / "net.fixed.qnet.yaml")
    entry = fixed.body.layers["norm"]
    assert (entry.type, entry.ignore) == (type, {})
    same(path, tmp_path / "net.fixed.qnet.yaml")


def test_wires_around_what_goes(tmp_path: Path) -> None:
    text = """\
        weights: net.npz
        layers:
          - {name: in, type: imageInputLayer, InputSize: [6, 5, 2], Normalization: none}
          - {name: conv, type: convolution2dLayer, FilterSize: 1, NumFilters: 2}
          - {name: norm, type: batchNormalizationLayer}
          - {name: drop, type: dropoutLayer}
          - {name: add, type: additionLayer, NumInputs: 3}
        connections:
          - [in, conv]
          - [conv, norm]   # to the statistics
          - [norm, drop]
          - [norm, add/in1]
          - [in, add/in2]   # shortcut
          - [drop, add/in3]
        """
    shapes = {"conv/Weights": (1, 1, 2, 2), "conv/Bias": (1, 1, 2), **norm("norm", 2)}
    path = written(tmp_path, text, shapes)
    assert fix(path) == 0
    fixed = tmp_path / "net.fixed.qnet.yaml"
    body = read_description(fixed).body
    assert list(body.layers) == ["in", "conv", "add"]
    assert {(c.source.layer, c.target.layer, c.target.port) for c in body.connections} == {
        ("in", "conv", ""),
        ("conv", "add", "in1"),
        ("in", "add", "in2"),
        ("conv", "add", "in3"),
    }
    assert "# shortcut" in fixed.read_text()
    same(path, fixed)


def test_layers_of_many_nodes_get_their_learnables_back(tmp_path: Path) -> None:
    """A convolution that pads with copies stands on two nodes; only its learnables change."""
    text = """\
        weights: net.npz
        layers:
          - {name: in, type: imageInputLayer, InputSize: [6, 5, 2], Normalization: none}
          - {name: conv, type: convolution2dLayer, FilterSize: [3, 2], NumFilters: 4, Padding: 1, PaddingValue: replicate}
          - {name: norm, type: batchNormalizationLayer}
        """
    shapes = {"conv/Weights": (3, 2, 2, 4), "conv/Bias": (1, 1, 4), **norm("norm", 4)}
    path = written(tmp_path, text, shapes)
    assert fix(path) == 0
    fixed = read_description(tmp_path / "net.fixed.qnet.yaml")
    assert list(fixed.body.layers) == ["in", "conv"]
    assert "Padding: 1, PaddingValue: replicate" in fixed.document.text
    same(path, tmp_path / "net.fixed.qnet.yaml")


def test_inside_a_network_layer(tmp_path: Path) -> None:
    text = """\
        weights: net.npz
        layers:
          - {name: in, type: imageInputLayer, InputSize: [6, 5, 2], Normalization: none}
          - name: block
            type: networkLayer
            Network:
              layers:
                - {name: conv, type: convolution2dLayer, FilterSize: [3, 2], NumFilters: 4}   # inner
                - {name: norm, type: batchNormalizationLayer}
                - {name: relu, type: reluLayer}
          - {name: drop, type: dropoutLayer}
          - {name: end, type: tanhLayer}
        """
    shapes = {"block/conv/Weights": (3, 2, 2, 4), "block/conv/Bias": (1, 1, 4), **norm("block/norm", 4)}
    path = written(tmp_path, text, shapes)
    assert fix(path) == 0
    fixed = tmp_path / "net.fixed.qnet.yaml"
    body = read_description(fixed).body
    assert list(body.layers) == ["in", "block", "end"]
    nested = body.layers["block"].nested
    assert nested is not None and list(nested.layers) == ["conv", "relu"]
    assert "NumFilters: 4}   # inner" in fixed.read_text()
    same(path, fixed)


@pytest.mark.parametrize("inside", [["dropoutLayer"], ["dropoutLayer", "dropoutLayer"], ["reluLayer", "dropoutLayer"]])
def test_a_network_inside_is_not_emptied(inside: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    layers = ", ".join(f"{{name: l{number}, type: {type}}}" for number, type in enumerate(inside))
    text = f"""\
        layers:
          - {{name: in, type: featureInputLayer, InputSize: 2}}
          - name: block
            type: networkLayer
            Network: {{layers: [{layers}]}}
          - {{name: end, type: tanhLayer}}
        """
    path = written(tmp_path, text, {})
    assert main(["fix", str(path), "--output-format", "json"]) == 0
    declined = json.loads(capsys.readouterr().out)["declined"]
    nested = read_description(tmp_path / "net.fixed.qnet.yaml").body.layers["block"].nested
    assert nested is not None and nested.layers
    reasons = {entry["reason"] for entry in declined if entry["transform"] == "remove-dropout"}
    emptied = "no layer says what would become of it: it is all that networkLayer 'block' holds"
    assert (emptied in reasons) is ("reluLayer" not in inside)
    same(path, tmp_path / "net.fixed.qnet.yaml")


def test_projected_layers_and_products(tmp_path: Path) -> None:
    text = """\
        network: {class: DAGNetwork}
        weights: net.npz
        layers:
          - {name: in, type: sequenceInputLayer, InputSize: 3}
          - {name: lstm, type: lstmProjectedLayer, NumHiddenUnits: 4, OutputProjectorSize: 2, InputProjectorSize: 2}
          - {name: gate, type: sigmoidLayer}
          - {name: mul, type: multiplicationLayer, NumInputs: 3}
          - {name: out, type: regressionLayer}
        connections:
          - [in, lstm]
          - [lstm, gate]
          - [lstm, mul/in1]
          - [gate, mul/in2]
          - [lstm, mul/in3]
          - [mul, out]
        """
    shapes: dict[str, tuple[int, ...]] = {
        "lstm/InputWeights": (16, 2),
        "lstm/RecurrentWeights": (16, 2),
        "lstm/Bias": (16, 1),
        "lstm/InputProjector": (3, 2),
        "lstm/OutputProjector": (4, 2),
    }
    path = written(tmp_path, text, shapes)
    assert fix(path) == 0
    fixed = read_description(tmp_path / "net.fixed.qnet.yaml")
    assert [entry.type for entry in fixed.body.layers.values()] == [
        "sequenceInputLayer",
        "lstmLayer",
        "sigmoidLayer",
        "multiplicationLayer",
        "multiplicationLayer",
    ]
    assert fixed.network_class == "dlnetwork"
    same(path, tmp_path / "net.fixed.qnet.yaml")


INLINE = """\
schema: qlint.network/v1
layers:
  - {name: in, type: featureInputLayer, InputSize: 2}
  - name: proj
    type: projectedLayer
    Network:
      layers:
        - {name: a, type: fullyConnectedLayer, OutputSize: 1, learnables: {Weights: [[1, 2]], Bias: [0]}}
        - {name: b, type: fullyConnectedLayer, OutputSize: 2, learnables: {Weights: [[1], [2]], Bias: [0, 1]}}
  - {name: bn, type: batchNormalizationLayer, learnables: {Offset: [1, 1], Scale: [2, 2], TrainedMean: [0, 1],
     TrainedVariance: [1, 4]}}
  - {name: fc, type: fullyConnectedLayer, OutputSize: 1, learnables: {Weights: [[1, 2]], Bias: [3]}}   # stays
"""


@pytest.mark.parametrize("ignored", ["unpack-projected-layers", "zero-average-padding"])
def test_learnables_in_the_text(ignored: str, tmp_path: Path) -> None:
    path, fixed = tmp_path / "net.qnet.yaml", tmp_path / "net.fixed.qnet.yaml"
    path.write_text(INLINE)
    assert fix(path, "--ignore", ignored, "--ignore", "equalize-layers", "--ignore", "fuse-batch-normalization") == 0
    text = fixed.read_text()
    assert "learnables: {Weights: [[1, 2]], Bias: [3]}}   # stays" in text
    names = list(read_description(fixed).body.layers)
    assert names == ["in", *(["proj"] if ignored[0] == "u" else ["proj_proj_in", "proj_proj_out"]), "bn", "fc"]
    same(path, fixed)


def test_what_a_projected_layer_cannot_say_is_declined(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "net.qnet.yaml"
    path.write_text(INLINE)
    assert main(["fix", str(path), "--ignore", "unpack-projected-layers", "--output-format", "json"]) == 0
    declined = json.loads(capsys.readouterr().out)["declined"]
    assert any("its learnables are those of layers within it" in entry["reason"] for entry in declined)
    same(path, tmp_path / "net.fixed.qnet.yaml")


def test_without_learnables_what_needs_none_still_happens(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path, CHAIN.replace("    weights: net.npz\n", ""), {})
    assert main(["fix", str(path), "--output-format", "json"]) == 0
    data = json.loads(capsys.readouterr().out)
    validator("qlint.fix.v1").validate(data)
    fixed = read_description(tmp_path / "net.fixed.qnet.yaml")
    assert list(fixed.body.layers) == ["in", "conv", "norm", "relu", "pool", "norm_2", "fc"]
    assert data["verification"]["scope"] == "regions"
    assert "without learnables (conv/Weights" in data["verification"]["reason"]
    declined = {(entry["transform"], entry["id"]): entry["reason"] for entry in data["declined"]}
    assert "which the description does not give" in declined["fuse-batch-normalization", "norm"]


def test_an_edit_that_only_nodes_could_say_is_not_made(tmp_path: Path) -> None:
    """Two layers of sequences: the Transpose between them is no layer, and stays."""
    text = """\
        weights: net.npz
        layers:
          - {name: in, type: sequenceInputLayer, InputSize: 3}
          - {name: one, type: fullyConnectedLayer, OutputSize: 4}
          - {name: two, type: fullyConnectedLayer, OutputSize: 2}
        """
    shapes: dict[str, tuple[int, ...]] = {"one/Weights": (4, 3), "one/Bias": (4, 1), "two/Weights": (2, 4)}
    path = written(tmp_path, text, {**shapes, "two/Bias": (2, 1)})
    assert fix(path, "--ignore", "equalize-layers") == 0
    assert (tmp_path / "net.fixed.qnet.yaml").read_bytes() == path.read_bytes()


def test_zscore_with_zero_mean_goes_into_the_next_layer(tmp_path: Path) -> None:
    text = """\
        weights: net.npz
        layers:
          - {name: in, type: featureInputLayer, InputSize: 3, Normalization: zscore, Mean: 0, StandardDeviation: [2, 3, 4]}
          - {name: fc, type: fullyConnectedLayer, OutputSize: 4}
        """
    path = written(tmp_path, text, {"fc/Weights": (4, 3), "fc/Bias": (4, 1)})
    assert fix(path) == 0
    fixed = read_description(tmp_path / "net.fixed.qnet.yaml")
    assert fixed.body.layers["in"].properties == {"InputSize": 3, "Normalization": "none"}
    same(path, tmp_path / "net.fixed.qnet.yaml")


def test_out_keeps_the_ending(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path, CHAIN, SHAPES)
    assert fix(path, "-o", str(tmp_path / "net.onnx")) == 2
    assert "use qlint convert" in capsys.readouterr().err


def test_verify_takes_descriptions_and_models(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path, CHAIN, SHAPES)
    assert main(["convert", str(path), str(tmp_path / "net.onnx")]) == 0
    assert fix(path) == 0
    fixed = tmp_path / "net.fixed.qnet.yaml"
    for pair in ((path, fixed), (tmp_path / "net.onnx", fixed), (fixed, tmp_path / "net.onnx")):
        assert main(["verify", *map(str, pair)]) == 0
    arrays = dict(np.load(tmp_path / "net.npz"))
    arrays["fc/Weights"] = arrays["fc/Weights"] * np.float32(1.01)
    np.savez(tmp_path / "net.npz", **arrays)
    capsys.readouterr()
    assert main(["verify", str(path), str(fixed)]) == 1
    assert "They differ" in capsys.readouterr().out
