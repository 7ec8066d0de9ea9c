"""Described networks for onnxruntime, which reads files."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from qlint.errors import QlintError
from qlint.files.export import write_export
from qlint.files.onnx_file import read_model

if TYPE_CHECKING:
    from qlint.files.model import Model
    from qlint.network.lower.assemble import Lowered
    from qlint.network.reading import Bind


@contextmanager
def runnable(lowered: Lowered, backend: str, *, bind: Bind | None = None) -> Iterator[Model]:
    """A described network's nodes as a backend can run them.

    Args:
        lowered: the network.
        backend: "numpy", or "ort", for which they are written to a file that lives as long as the context.
        bind: what the network was lowered with.

    Raises:
        QlintError: its learnables are not known, or the file cannot be written.
    """
    if backend != "ort":
        yield lowered.model
        return
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        path = Path(folder, "model.onnx")
        try:
            write_export(lowered.proto, lowered.learnables, path)
            model = read_model(path, bind=bind)
        except QlintError as error:
            raise QlintError(error.problem, error.remedy, path=lowered.model.path) from error
        yield model
