"""Float passes in onnxruntime (extra `ort`), for networks that take long in numpy."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from qlint.errors import ExecutionError, UsageError
from qlint.files.model import Model
from qlint.files.write import write_model
from qlint.numeric.kernel import Array

_REMEDY = "use --backend numpy"


class Session:
    """A model loaded by onnxruntime, as its file has it: nothing is fused, so that what runs is what is proven.

    Args:
        model: as read from a file, or an edited copy of that.

    Raises:
        UsageError: if onnxruntime is not installed.
        ExecutionError: if it cannot load the model.
    """

    def __init__(self, model: Model) -> None:
        try:
            self._runtime: Any = import_module("onnxruntime")
        except ImportError as error:
            raise UsageError("onnxruntime is not installed", "pip install 'onnx-qlint[ort]'") from error
        self._model = model
        self._sessions: dict[tuple[str, ...], Any] = {}
        self._session(())

    def run(self, inputs: Mapping[str, Array], wanted: Sequence[str]) -> dict[str, Any]:
        """Compute tensors of the main graph.

        Args:
            inputs: values by name.
            wanted: names of the tensors.

        Raises:
            ExecutionError: if onnxruntime cannot.
        """
        more = tuple(name for name in wanted if name not in self._model.graph.outputs)
        given = [name for name in more if name in inputs]
        session = self._session(tuple(name for name in more if name not in inputs))
        asked = [name for name in wanted if name not in given]
        try:
            values = session.run(asked, dict(inputs))
        except Exception as error:  # its own exceptions share no other base
            raise self._failed("run", error) from error
        found = dict(zip(asked, values, strict=True))
        return {name: inputs[name] if name in given else found[name] for name in wanted}

    def _session(self, more: tuple[str, ...]) -> Any:
        """A session that also gives some tensors that are no outputs of the network."""
        if more not in self._sessions:
            options = self._runtime.SessionOptions()
            options.log_severity_level = 4
            options.graph_optimization_level = self._runtime.GraphOptimizationLevel.ORT_DISABLE_ALL
            try:
                self._sessions[more] = self._loaded(options, more)
            except OSError as error:
                problem = f"it cannot be written for onnxruntime: {error.strerror}"
                raise ExecutionError(problem, "make room for temporary files", path=self._model.path) from error
        return self._sessions[more]

    def _loaded(self, options: Any, more: tuple[str, ...]) -> Any:
        original = Path(self._model.path)
        if not self._model.graphs and not more:
            return self._opened(original, options)
        # The folder goes when the model is loaded, whose data onnxruntime keeps open or in memory.
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            copy = Path(folder, "model.onnx")
            write_model(original, self._model, copy)
            with copy.open("ab") as file:
                file.write(_outputs(more))
            return self._opened(copy, options)

    def _opened(self, path: Path, options: Any) -> Any:
        try:
            return self._runtime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        except Exception as error:
            raise self._failed("load", error) from error

    def _failed(self, what: str, error: Exception) -> ExecutionError:
        said = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        return ExecutionError(f"onnxruntime cannot {what} it: {said}", _REMEDY, path=self._model.path)


def _outputs(names: Sequence[str]) -> bytes:
    """A model that only has further outputs: joined to another one's bytes, it is read as part of that."""
    from onnx import GraphProto, ModelProto, ValueInfoProto

    if not names:
        return b""
    graph = GraphProto(output=[ValueInfoProto(name=name) for name in names])
    content: bytes = ModelProto(graph=graph).SerializeToString()
    return content
