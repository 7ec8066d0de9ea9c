"""Shared by the tests of this folder: `qlint` in this process, with its streams captured."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qlint.cli.main import main

FIXTURES = Path(__file__).resolve().parent.parent.parent / "fixtures"
DIGITS = str(FIXTURES / "digits.onnx")


@dataclass(frozen=True)
class Result:
    """How a call ended."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output as one JSON document."""
        return json.loads(self.out)


Run = Callable[..., Result]


class BytesInput:
    """Standard input that holds bytes."""

    def __init__(self, data: bytes) -> None:
        self.buffer = io.BytesIO(data)


def call(capsys: Any, *arguments: str) -> Result:
    """Run the command line."""
    status = main(list(arguments))
    captured = capsys.readouterr()
    return Result(status, captured.out, captured.err)
