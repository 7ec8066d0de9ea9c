"""The model file itself: what is read, what is refused and never opened."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from qlint.errors import LfsPointerError, ModelError
from qlint.files.source import Source
from tests.files.test_external import POINTER


@pytest.mark.parametrize(
    "name", ["folder", "pipe", "to pipe", "device", "missing", "dangling", "loop", "w\0", "x" * 5000]
)
@pytest.mark.usefixtures("no_opening")
def test_models_that_are_no_files(folder: Path, name: str) -> None:
    with pytest.raises(ModelError) as caught:
        Source.open(folder / name)
    assert caught.value.code == "QL001"
    assert caught.value.remedy


def test_an_empty_model(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(b"")
    with pytest.raises(ModelError, match="empty"):
        Source.open(tmp_path / "m.onnx")


def test_an_unreadable_model(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(b"\x08\x08")
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("this user may read everything")
    with pytest.raises(ModelError, match="cannot be read"):
        Source.open(path)


def test_a_pointer_as_model(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(POINTER)
    for data in (None, POINTER):
        with pytest.raises(LfsPointerError, match="Git-LFS pointer") as caught:
            Source.open(tmp_path / "m.onnx", data)
        assert caught.value.code == "QL002"
        assert caught.value.remedy == "run git lfs pull"


def test_reading_a_source(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(b"0123456789")
    for source in (Source.open(path), Source.open(path, b"0123456789")):
        with source:
            assert source.size == 10
            assert source.path == path
            assert bytes(source.buffer) == b"0123456789"
        assert source.read(3, 4) == b"3456"
        assert source.read(3, 0) == b""
    with pytest.raises(ModelError, match="ends too early"):
        Source.open(path).read(5, 6)
