"""What a command reads is never written over, and no two results go to one file."""

from __future__ import annotations

import os
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest

from tests.cli.running import DIGITS, Run


@pytest.fixture
def folder(tmp_path: Path, qlint: Run, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model, its patch, data for it, and another name of the model."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(DIGITS, "m.onnx")
    np.savez("data.npz", image=np.ones((1, 1, 8, 8), np.float32))
    os.link("m.onnx", "same.onnx")
    shutil.copy(Path(DIGITS).parent.parent / "rules" / "matlab.yaml", "mine.yaml")
    assert qlint("fix", "m.onnx", "-o", "o.onnx", "--patch", "p.json").status == 0
    return tmp_path


@pytest.mark.parametrize(
    "line",
    [
        "check m.onnx --output-format json:m.onnx",
        "check . --output-format json:m.onnx",
        "check . --output-format full --output-format json:same.onnx",
        "plan m.onnx --output-format json:m.onnx",
        "why m.onnx conv1 --output-format json:m.onnx",
        "verify o.onnx m.onnx --output-format json:m.onnx",
        "verify o.onnx m.onnx --data data.npz --output-format json:data.npz",
        "convert m.onnx d.qnet.yaml --output-format json:m.onnx",
        "fix m.onnx -o x.onnx --output-format json:./m.onnx",
        "fix m.onnx -e mine.yaml -o x.onnx --patch mine.yaml",
        "check m.onnx -e mine.yaml --output-format json:mine.yaml",
        "plan m.onnx -e mine.yaml --output-format json:mine.yaml",
        "fix m.onnx --in-place --output-format json:m.onnx",
        "fix m.onnx --in-place --patch m.onnx",
        "fix m.onnx -o x.onnx --patch same.onnx",
        "fix m.onnx --data data.npz -o data.npz",
        "fix m.onnx --data data.npz --patch data.npz",
        "apply m.onnx p.json -o p.json",
        "apply m.onnx p.json -o same.onnx",
        "apply m.onnx p.json -o x.onnx --output-format json:p.json",
    ],
)
def test_what_is_read_stays(folder: Path, qlint: Run, line: str) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    result = qlint(*line.split())
    assert result.status == 2 and not result.out
    assert "is read, and would be overwritten; name another file" in result.err
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.parametrize(
    "line",
    [
        "fix m.onnx -o x.onnx --patch ./x.onnx",
        "fix m.onnx -o x.onnx --output-format json:x.onnx",
        "fix m.onnx -o x.onnx --patch x.json --output-format json:x.json",
        "convert m.onnx d.qnet.yaml --output-format json:d.qnet.yaml",
        "apply m.onnx p.json -o x.onnx --output-format text:x.onnx",
    ],
)
def test_results_need_files_of_their_own(folder: Path, qlint: Run, line: str) -> None:
    before = sorted(folder.iterdir())
    result = qlint(*line.split())
    assert result.status == 2 and "two results go to" in result.err
    assert sorted(folder.iterdir()) == before


def test_a_model_is_not_named_as_a_description(folder: Path, qlint: Run) -> None:
    for line in ("fix m.onnx -o x.qnet.yaml", "apply m.onnx p.json -o x.qnet.json"):
        result = qlint(*line.split())
        assert result.status == 2 and "use qlint convert" in result.err
    assert not list(folder.glob("x.*"))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")
def test_pipes_are_written_to_and_never_replaced(folder: Path, qlint: Run) -> None:
    os.mkfifo("pipe")
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append(Path("pipe").read_text()))
    reader.start()
    assert qlint("check", "m.onnx", "--output-format", "concise:pipe").status == 1
    reader.join()
    assert read[0].startswith("m.onnx:1:1: error MAT401") and Path("pipe").is_fifo()
    result = qlint("fix", "m.onnx", "-o", "pipe")
    assert result.status == 2 and "pipe: it is a device or a pipe" in result.err and Path("pipe").is_fifo()


def test_a_link_is_written_through(folder: Path, qlint: Run) -> None:
    Path("real.txt").write_text("old")
    Path("link.txt").symlink_to("real.txt")
    assert qlint("check", "m.onnx", "--output-format", "concise:link.txt").status == 1
    assert Path("link.txt").is_symlink() and Path("real.txt").read_text().startswith("m.onnx:1:1: error")


def test_a_patch_of_a_description_leaves_its_weights(qlint: Run, tmp_path: Path) -> None:
    for name in ("digits_series.qnet.yaml", "digits_series.npz"):
        shutil.copy(Path(DIGITS).parent / name, tmp_path)
    weights = (tmp_path / "digits_series.npz").read_bytes()
    out, patch = tmp_path / "out" / "fixed.qnet.yaml", tmp_path / "digits_series.patch"
    out.parent.mkdir()
    result = qlint("fix", str(tmp_path / "digits_series.qnet.yaml"), "-o", str(out), "--patch", str(patch))
    assert result.status == 0, result.err
    assert (tmp_path / "digits_series.npz").read_bytes() == weights
    again = qlint("apply", str(tmp_path / "digits_series.qnet.yaml"), str(patch), "-o", str(tmp_path / "a.qnet.yaml"))
    assert again.status == 0, again.err
