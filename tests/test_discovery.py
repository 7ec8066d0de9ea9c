"""Which files a call means, and what fingerprints know them by."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from qlint.discovery import discover, repository_path


def touch(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


def test_folders_are_walked_in_order(tmp_path: Path) -> None:
    for name in (
        "b.onnx",
        "a/z.ONNX",
        "a/readme.md",
        ".git/x.onnx",
        "node_modules/y.onnx",
        "venv/pyvenv.cfg",
        "venv/q.onnx",
    ):
        touch(tmp_path / name)
    found = discover([str(tmp_path)])
    assert found.models == (f"{tmp_path}/a/z.ONNX", f"{tmp_path}/b.onnx")
    assert found.errors == ()


def test_the_current_folder_is_left_out_of_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path / "sub" / "m.onnx")
    monkeypatch.chdir(tmp_path)
    assert discover(["."]).models == ("sub/m.onnx",)
    assert discover(["sub", "sub/m.onnx"]).models == ("sub/m.onnx",)


def test_named_files_are_taken_whatever_their_name(tmp_path: Path) -> None:
    touch(tmp_path / "model.bin")
    assert discover([str(tmp_path / "model.bin")]).models == (f"{tmp_path}/model.bin",)


def test_what_is_not_there_and_folders_named_like_models(tmp_path: Path) -> None:
    (tmp_path / "folder.onnx").mkdir()
    found = discover([str(tmp_path / "folder.onnx"), str(tmp_path / "nothing.onnx")])
    assert found.models == ()
    assert ["folder" in error.problem for error in found.errors] == [True, True]
    touch(tmp_path / "folder.onnx" / "model.onnx")
    assert discover([str(tmp_path / "folder.onnx")]).models == (f"{tmp_path}/folder.onnx/model.onnx",)


def test_links_to_folders_are_not_followed(tmp_path: Path) -> None:
    touch(tmp_path / "a" / "m.onnx")
    (tmp_path / "a" / "loop").symlink_to(tmp_path / "a")
    assert len(discover([str(tmp_path)]).models) == 1


def test_fingerprints_know_a_model_by_its_path_in_the_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch(tmp_path / "repo" / ".git")
    touch(tmp_path / "repo" / "nets" / "m.onnx")
    monkeypatch.chdir(tmp_path / "repo" / "nets")
    assert repository_path("m.onnx") == "nets/m.onnx"
    monkeypatch.chdir(tmp_path)
    assert repository_path("repo/nets/m.onnx") == "nets/m.onnx"
    touch(tmp_path / "elsewhere" / "m.onnx")
    monkeypatch.chdir(tmp_path / "repo")
    assert repository_path(str(tmp_path / "elsewhere" / "m.onnx")) == "m.onnx"


def test_folders_that_cannot_be_read_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path / "a" / "m.onnx")
    touch(tmp_path / "closed" / "n.onnx")
    scandir, closed = os.scandir, str(tmp_path / "closed")

    def guarded(path: str) -> object:
        if path == closed:
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", guarded)
    found = discover([str(tmp_path)])
    assert found.models == (f"{tmp_path}/a/m.onnx",)
    (error,) = found.errors
    assert error.path == closed and error.problem == "this folder cannot be read: Permission denied"


def test_what_the_system_does_not_tell_of_is_not_said_to_be_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def closed(path: str) -> object:
        raise PermissionError(errno.EACCES, "Permission denied", path)

    monkeypatch.setattr(os, "lstat", closed)
    assert discover([f"{tmp_path}/closed/m.onnx"]).models == (f"{tmp_path}/closed/m.onnx",)
