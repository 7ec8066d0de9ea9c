"""Inputs from files that users give: nothing in them is trusted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from qlint.errors import QlintError
from qlint.files.model import Graph
from qlint.verify import data
from tests.files.reading import parsed, read


@pytest.fixture
def graph() -> Graph:
    return read(parsed("g (float[N, 2] x, int64[N] n) => (float[N, 2] y) { y = Identity(x) }")).graph


def test_arrays_come_by_name_and_in_the_types_of_the_inputs(tmp_path: Path, graph: Graph) -> None:
    np.savez(tmp_path / "d.npz", x=np.arange(6.0).reshape(3, 2), n=np.arange(3, dtype=np.int32), labels=np.zeros(9))
    found = data.load(str(tmp_path / "d.npz"), graph)
    assert set(found) == {"x", "n"}
    assert found["x"].dtype == np.float32 and found["n"].dtype == np.int64


def test_the_only_array_is_the_only_input(tmp_path: Path) -> None:
    graph = read(parsed("g (float[N, 2] x) => (float[N, 2] y) { y = Identity(x) }")).graph
    np.save(tmp_path / "d.npy", np.ones((3, 2), np.float32))
    assert data.load(str(tmp_path / "d.npy"), graph)["x"].shape == (3, 2)


def test_a_missing_input_is_named(tmp_path: Path, graph: Graph) -> None:
    np.savez(tmp_path / "d.npz", x=np.ones((3, 2)))
    with pytest.raises(QlintError, match=r"no array for input 'n' among x"):
        data.load(str(tmp_path / "d.npz"), graph)


@pytest.mark.parametrize(
    ("arrays", "problem"),
    [
        ({"x": np.ones((3, 5)), "n": np.ones(3)}, "'x' has shape"),
        ({"x": np.ones((3, 2)), "n": np.ones(4, np.int64)}, "'N'"),
        ({"x": np.ones((3, 2)), "n": np.full(3, 0.5)}, "'n' is of type double"),
    ],
)
def test_what_does_not_fit_an_input_is_refused(
    tmp_path: Path, graph: Graph, arrays: dict[str, np.ndarray], problem: str
) -> None:
    np.savez(tmp_path / "d.npz", **arrays)
    with pytest.raises(QlintError, match=problem) as error:
        data.load(str(tmp_path / "d.npz"), graph)
    assert error.value.path == str(tmp_path / "d.npz")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 not really", b"\x93NUMPY\x01\x00", b"text"])
def test_files_that_are_no_arrays_are_said_to_be(tmp_path: Path, graph: Graph, content: bytes) -> None:
    path = tmp_path / "d.npz"
    path.write_bytes(content)
    with pytest.raises(QlintError, match=r"numpy\.savez") as caught:
        data.load(str(path), graph)
    assert caught.value.path == str(path)


def test_nothing_is_unpickled(tmp_path: Path, graph: Graph) -> None:
    np.savez(tmp_path / "d.npz", x=np.array([{"a": 1}], object), n=np.zeros(1))
    with pytest.raises(QlintError, match="no plain numpy arrays"):
        data.load(str(tmp_path / "d.npz"), graph)


def test_what_unpacks_to_too_much_is_not_unpacked(
    tmp_path: Path, graph: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.savez_compressed(tmp_path / "d.npz", x=np.zeros((100_000, 2)), n=np.zeros(100_000))
    monkeypatch.setattr(data, "LARGEST", 1 << 20)
    with pytest.raises(QlintError, match="more than the 1048576"):
        data.load(str(tmp_path / "d.npz"), graph)


def test_a_file_that_is_not_there(graph: Graph) -> None:
    with pytest.raises(QlintError, match="cannot be read"):
        data.load("no/such/file.npz", graph)
