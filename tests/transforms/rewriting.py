"""Networks in ONNX's textual syntax, rewritten by one transform, written, and compared in onnxruntime."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.parser
import onnx.shape_inference
import onnxruntime

from qlint.files.onnx_file import read_model
from qlint.files.write import write_model
from qlint.transforms.base import Transform
from qlint.transforms.patch import Declined, Patch
from qlint.transforms.run import prepare

Array = np.ndarray[Any, Any]

_TYPES = {"tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(float16)": np.float16}


@dataclass
class Rewritten:
    """A network before and after."""

    original: onnx.ModelProto
    result: onnx.ModelProto
    applied: list[Patch]
    declined: list[Declined]

    @property
    def operators(self) -> list[str]:
        """Operators of the main graph, in order, without constants."""
        return [node.op_type for node in self.result.graph.node if node.op_type != "Constant"]

    @property
    def reason(self) -> str:
        """Why the one layer that was declined was."""
        (declined,) = self.declined
        return declined.reason

    def compare(self, tolerance: float = 0.0, **given: Array) -> None:
        """Outputs on random inputs are the same, under the same names, but for a share of the largest one."""
        one, other = (_run(model, given) for model in (self.original, self.result))
        assert one.keys() == other.keys()
        for name, value in one.items():
            assert value.dtype == other[name].dtype
            largest = float(np.abs(value).max(initial=0.0)) if tolerance else 0.0
            np.testing.assert_allclose(other[name], value, rtol=0.0, atol=tolerance * largest)

    def unchanged(self) -> bool:
        """Whether nothing was done at all."""
        return not self.applied and self.result == self.original


def parsed(body: str, *, opset: int = 17, ir: int = 8) -> onnx.ModelProto:
    """`body` is a graph; `<>` stands for no attributes."""
    return onnx.parser.parse_model(f'<ir_version: {ir}, opset_import: ["" : {opset}]>\n{body.replace("<>", "")}')


def rewrite(body: str | onnx.ModelProto, transform: Transform, *, opset: int = 17, ir: int = 8) -> Rewritten:
    """Rewrite a network, check that a second time finds nothing, and read the result back."""
    original = parsed(body, opset=opset, ir=ir) if isinstance(body, str) else body
    # Outputs written without a type get theirs.
    original = onnx.shape_inference.infer_shapes(original)
    with tempfile.TemporaryDirectory() as folder:
        before, after = Path(folder, "before.onnx"), Path(folder, "after.onnx")
        onnx.save(original, before)
        prepared = prepare(read_model(before), [transform])
        write_model(before, prepared.model, after)
        again = prepare(read_model(after), [transform])
        assert not again.applied, [applied.patch.title for applied in again.applied]
        result = onnx.load(after)
    if _passes(original):
        onnx.checker.check_model(result, full_check=True)
    return Rewritten(original, result, [applied.patch for applied in prepared.applied], list(prepared.declined))


def _passes(model: onnx.ModelProto) -> bool:
    try:
        onnx.checker.check_model(model, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError):
        return False
    return True


def _run(model: onnx.ModelProto, given: dict[str, Array]) -> dict[str, Array]:
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    random = np.random.default_rng(3)
    inputs = dict(given)
    for wanted in session.get_inputs():
        if wanted.name not in inputs:
            shape = [size if isinstance(size, int) else 3 for size in wanted.shape]
            inputs[wanted.name] = random.standard_normal(shape).astype(_TYPES[wanted.type])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, inputs), strict=True))
