"""`matlab/qnetExport.m`, as far as GNU Octave can run it: on structures that stand in for MATLAB's objects."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from qlint.files.description.read import read_description
from qlint.network.matlab.registry import TYPES
from qlint.network.matlab.typed import typed

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = Path(__file__).with_name("export_stand_ins.m")
OCTAVE = shutil.which("octave-cli") or shutil.which("octave")


def test_the_table_of_the_exporter_is_that_of_the_reader() -> None:
    """Read back with a pattern of its own, so that a mistake of the generator shows."""
    text = (ROOT / "matlab" / "qnetTypes.m").read_text(encoding="utf-8")
    lines = re.findall(r"^    types\.(\w+) = entry\('([^']+)', (.+?), (\{[^{}]*\}|cell\(1, 0\))\);$", text, re.M)
    table = {name: (re.findall(r"'(\w+)'", one), re.findall(r"'(\w+)'", two)) for _, name, one, two in lines}
    assert len({field for field, *_ in lines}) == len(lines) == text.count("    types.")
    assert set(table) == set(TYPES)
    for name, (properties, learnables) in table.items():
        assert set(properties) | set(learnables) == {*TYPES[name].properties, *TYPES[name].learnables}, name
        assert set(properties).isdisjoint(learnables), name
        assert all(TYPES[name].knows(one) for one in properties), name


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if OCTAVE is None:
        pytest.skip("GNU Octave is not installed (Debian: apt-get install octave); matlab/qnetExport.m stays untried")
    folder = tmp_path_factory.mktemp("exported")
    command = [OCTAVE, "--no-gui", "--norc", str(SCRIPT), str(ROOT / "matlab"), str(folder)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    # What Octave says while it exits, as some builds do, is no matter of the script.
    assert ended.stdout.strip().endswith("exported"), ended.stderr
    return folder


def test_a_series_network(exported: Path) -> None:
    found = read_description(exported / "series.qnet.yaml")
    layers = typed(found).layers
    assert (found.network_class, found.body.sequential) == ("SeriesNetwork", True)
    assert [(name, layer.type.name) for name, layer in layers.items()] == [
        ("image", "imageInputLayer"),
        ("conv", "convolution2dLayer"),
        ("norm", "batchNormalizationLayer"),
        ("relu", "reluLayer"),
        ("drop", "dropoutLayer"),
        ("up 1", "transposedConv2dLayer"),
        ("own", "upsampleLayer"),
        ("yes", "classificationLayer"),
    ]
    assert layers["image"].properties["InputSize"] == [9, 8, 3]
    assert layers["image"].properties["SplitComplexInputs"] is False
    assert layers["conv"].properties["PaddingSize"] == [1, 0, 2, 1]
    assert layers["norm"].properties["Epsilon"] == 1e-5
    assert layers["drop"].properties["Probability"] == 0.25
    assert layers["own"].entry.custom and "Factor" not in layers["own"].properties


def test_arrays_keep_matlabs_order(exported: Path) -> None:
    arrays = read_description(exported / "series.qnet.yaml").arrays
    weights = arrays.find("conv", "Weights")
    assert weights is not None
    np.testing.assert_array_equal(weights.values(), np.arange(1, 73).reshape(3, 2, 3, 4, order="F"))
    assert (arrays.find("image", "StandardDeviation"), arrays.find("relu", "Weights")) == (None, None)
    mean = arrays.find("image", "Mean")
    assert mean is not None and mean.shape == (1, 1, 3)
    assert len(arrays.names()) == 2 + 4 + 1 + 2


def test_a_graph_with_a_network_inside(exported: Path) -> None:
    found = read_description(exported / "graph.qnet.yaml")
    layers = typed(found).layers
    assert found.network_class == "dlnetwork"
    assert {port: (end.layer, end.port) for port, end in layers["add"].sources.items()} == {
        "in1": ("lstm", "out"),
        "in2": ("block", "out"),
    }
    nested = layers["block"].nested
    assert nested is not None and list(nested.layers) == ["fc"]
    assert found.arrays.names() == (
        "block/fc/Bias",
        "block/fc/Weights",
        *(f"lstm/{name}" for name in ("Bias", "CellState", "HiddenState", "InputWeights", "RecurrentWeights")),
    )
    state = found.arrays.find("lstm", "HiddenState")
    assert state is not None
    np.testing.assert_array_equal(np.ravel(state.values()), [0.5, 0.25])


def test_what_was_exported_can_be_computed(exported: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from qlint.cli.main import main

    path = str(exported / "graph.qnet.yaml")
    assert main(["verify", path, path]) == 0, capsys.readouterr()
