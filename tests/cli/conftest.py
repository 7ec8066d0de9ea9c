"""The `qlint` fixture."""

from __future__ import annotations

import pytest

from tests.cli.running import Result, Run, call


@pytest.fixture
def qlint(capsys: pytest.CaptureFixture[str]) -> Run:
    """`qlint("check", "model.onnx")`."""

    def run(*arguments: str) -> Result:
        return call(capsys, *arguments)

    return run
