"""One fuzz target in one process: `python -m fuzz.target NAME CORPUS [libFuzzer options]`.

A target fails on any exception that is not a `QlintError`, on a crash of native code, and on running too long or too
large.
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["qlint", "yaml"]):
    from qlint.errors import QlintError
    from qlint.files import wire
    from qlint.files.onnx_file import read_model
    from qlint.network.lift import lift
    from qlint.rules import engine, library, loader

FOLDER = Path(tempfile.mkdtemp(prefix="qlint-fuzz-"))


def model(data: bytes) -> None:
    """Read, lift and check a model, and read every property."""
    network = lift(read_model(FOLDER / "model.onnx", data=data))
    environment = library.load("matlab", None)
    for _ in engine.check(network, environment, environment.rules, fingerprint_path="model.onnx"):
        pass
    for layer in network:
        _ = layer.properties, layer.learnables


def walk(data: bytes) -> None:
    """Only the walk over the wire format, which needs no native code and is fast."""
    wire.strip(data)


def rules(data: bytes) -> None:
    """Load a rule file with every check."""
    path = FOLDER / "rules.yaml"
    path.write_bytes(data)
    loader.validate(path)


TARGETS: dict[str, Callable[[bytes], None]] = {"model": model, "wire": walk, "rules": rules}


def main() -> None:
    """Hand the named target to libFuzzer."""
    target = TARGETS[sys.argv.pop(1)]

    def once(data: bytes) -> None:
        with contextlib.suppress(QlintError):
            target(data)

    atheris.Setup(sys.argv, once)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
