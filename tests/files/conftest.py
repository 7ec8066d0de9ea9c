"""Folders that hold everything a model must not read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture
def no_opening(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails the test if anything is opened."""

    def refuse(*arguments: object, **more: object) -> int:
        raise AssertionError(f"opened {arguments}")

    monkeypatch.setattr(os, "open", refuse)
    monkeypatch.setattr("builtins.open", refuse)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model's folder with everything in it that must not be read, and a secret beside it."""
    inside = tmp_path / "models"
    inside.mkdir()
    (tmp_path / "secret").write_bytes(bytes(5000))
    (tmp_path / "models-too").mkdir()
    (tmp_path / "models-too" / "secret").write_bytes(bytes(5000))
    (inside / "w.data").write_bytes(bytes(2000))
    (inside / "folder").mkdir()
    os.mkfifo(inside / "pipe")
    (inside / "link").symlink_to("../secret")
    (inside / "links").symlink_to("..")
    (inside / "device").symlink_to("/dev/zero")
    (inside / "proc").symlink_to("/proc/self/environ")
    (inside / "dangling").symlink_to("nowhere")
    (inside / "loop").symlink_to("loop")
    (inside / "to pipe").symlink_to("pipe")
    return inside
