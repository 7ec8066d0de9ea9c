"""Arrays in MAT-files."""

from __future__ import annotations

import builtins
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qlint.errors import DescriptionError
from qlint.files.description.read import read_description
from tests.files.description.describing import HEAD, judged

TEXT = HEAD + "weights: net.mat\nlayers: [{name: fc, type: fullyConnectedLayer}]\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "net.qnet.yaml").write_text(TEXT)
    return tmp_path


def save(path: Path, variables: dict[str, Any]) -> None:
    from scipy.io import savemat

    savemat(path, variables, do_compression=True)


def table(**arrays: Any) -> dict[str, Any]:
    """What `arrays(k).name = ...; arrays(k).value = ...;` makes in MATLAB."""
    records = np.zeros((1, len(arrays)), [("name", object), ("value", object)])
    for at, (name, value) in enumerate(arrays.items()):
        records[0, at] = (name.replace("__", "/"), value)
    return {"arrays": records}


def refused(folder: Path, words: str) -> None:
    with pytest.raises(DescriptionError) as caught:
        read_description(folder / "net.qnet.yaml")
    judged(caught.value, (2, 10), words)


def test_a_structure_array_of_names_and_values(folder: Path) -> None:
    weights = np.arange(6.0).reshape(2, 3)
    save(folder / "net.mat", table(fc__Weights=weights, fc__Bias=np.float32([[1], [2]])))
    arrays = read_description(folder / "net.qnet.yaml").arrays
    found, bias = arrays.find("fc", "Weights"), arrays.find("fc", "Bias")
    assert found is not None and bias is not None
    assert found.type == "float"
    assert np.array_equal(found.values(), weights)
    assert bias.values().tolist() == [[1], [2]]


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"other": np.zeros(3)}, "has no structure array arrays"),
        ({"arrays": np.zeros(3)}, "has no structure array arrays"),
        (table(fc__Weights=np.zeros(3) * 1j), "no array of real numbers"),
        (table(fc__Weights="text"), "no array of real numbers"),
        (table(fcc__Weights=np.zeros(3)), "did you mean 'fc'"),
    ],
)
def test_a_file_of_something_else(folder: Path, variables: dict[str, Any], words: str) -> None:
    save(folder / "net.mat", variables)
    refused(folder, words)


def test_a_file_that_is_damaged_or_too_new(folder: Path) -> None:
    (folder / "net.mat").write_bytes(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(1000))
    refused(folder, "-v7")
    (folder / "net.mat").write_bytes(b"MATLAB 5.0 MAT-file".ljust(1000, b"\xff"))
    refused(folder, "is no MAT-file")
    save(folder / "net.mat", table(fc__Weights=np.zeros((50, 50))))
    (folder / "net.mat").write_bytes((folder / "net.mat").read_bytes()[:150])
    refused(folder, "the array file 'net.mat'")


def test_without_scipy(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(folder / "net.mat", table(fc__Weights=np.zeros((2, 2))))
    real = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name.startswith("scipy"):
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    refused(folder, "install onnx-qlint[matlab]")
