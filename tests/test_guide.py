"""docs/adding-an-environment.md: its files are written, its commands run, and what they print is what it shows."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from qlint.cli.main import main

ROOT = Path(__file__).resolve().parent.parent
GUIDE = ROOT / "docs" / "adding-an-environment.md"
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def commands(block: str) -> Iterator[tuple[list[str], str]]:
    """The command lines of a console block, each with the output it shows."""
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        line, _, output = part.partition("\n")
        yield shlex.split(line), output


def patched(text: str, block: str) -> str:
    """A text with the lines of a diff block replaced."""
    lines = block.splitlines(keepends=True)[1:]
    old = "".join(line[1:] for line in lines if line.startswith("-"))
    new = "".join(line[1:] for line in lines if line.startswith("+"))
    assert text.count(old) == 1, old
    return text.replace(old, new)


def test_the_guide_does_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    (tmp_path / "fixtures").symlink_to(ROOT / "fixtures")
    file = tmp_path / "ifa.yaml"
    file.touch()
    ran = 0
    for kind, block in _BLOCK.findall(GUIDE.read_text(encoding="utf-8")):
        if kind == "yaml":
            title, _, body = block.partition("\n")
            file.write_text((file.read_text() if title.endswith("at its end") else "") + body)
        elif kind == "diff":
            file.write_text(patched(file.read_text(), block))
        else:
            for command, shown in commands(block):
                assert command[0] == "qlint"
                main(command[1:])
                printed = capsys.readouterr()
                assert printed.out + printed.err == shown, " ".join(command)
                ran += 1
    assert ran > 10
    shipped = (ROOT / "rules" / "intel-fpga-ai-suite.yaml").read_text(encoding="utf-8")
    assert set(re.findall(r"code: (\w+)\n    name: (\S+)", file.read_text())) <= set(
        re.findall(r"code: (\w+)\n    name: (\S+)", shipped)
    )
