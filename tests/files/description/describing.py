"""Descriptions from text, and what is wrong with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from qlint.errors import ModelError
from qlint.files.description.read import read_description
from qlint.files.description.records import Description

HEAD = "schema: qlint.network/v1\n"


def described(text: str, path: Path | str = "net.qnet.yaml") -> Description:
    return read_description(Path(path), text.encode())


def refused(text: str, place: tuple[int, int] | None, words: str, path: Path | str = "net.qnet.yaml") -> str:
    """The line a user sees; it must begin with the place and hold the words."""
    with pytest.raises(ModelError) as caught:
        described(text, path)
    return judged(caught.value, place, words)


def judged(error: ModelError, place: tuple[int, int] | None, words: str) -> str:
    line = str(error)
    assert words in line, line
    assert error.remedy, line
    if place is not None:
        assert (getattr(error, "line", None), getattr(error, "column", None)) == place, line
        assert f":{place[0]}:{place[1]}: " in line
    assert "\n" not in line
    return line
