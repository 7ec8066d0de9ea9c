"""Models built in memory, written with weights in their file or beside it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from qlint.errors import OutputError
from qlint.files.export import write_export
from qlint.files.tensors import Tensor
from qlint.tristate import Unknown


def model() -> onnx.ModelProto:
    graph = helper.make_graph(
        [helper.make_node("Gemm", ["x", "w", "b"], ["y"])],
        "g",
        [
            helper.make_tensor_value_info(n, TensorProto.FLOAT, s)
            for n, s in (("x", ["N", 3]), ("w", [3, 4]), ("b", [4]))
        ],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 4])],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)


WEIGHTS = {"w": np.arange(12, dtype=np.float32).reshape(3, 4), "b": np.arange(4, dtype=np.float32)}


@pytest.mark.parametrize("largest", [1 << 20, 0])
def test_weights_are_where_they_belong(largest: int, tmp_path: Path) -> None:
    proto, out = model(), tmp_path / "net.onnx"
    before = proto.SerializeToString()
    write_export(proto, {name: Tensor.from_array(name, array) for name, array in WEIGHTS.items()}, out, largest=largest)
    assert proto.SerializeToString() == before
    data = [file for file in tmp_path.iterdir() if file.suffix == ".data"]
    assert len(data) == (largest == 0)
    onnx.checker.check_model(str(out), full_check=True)
    x = np.ones((2, 3), np.float32)
    (found,) = onnxruntime.InferenceSession(out, providers=["CPUExecutionProvider"]).run(None, {"x": x})
    np.testing.assert_allclose(found, x @ WEIGHTS["w"] + WEIGHTS["b"])


def test_the_data_file_is_named_by_its_content(tmp_path: Path) -> None:
    for factor in (1, 1, 2):
        tensors = {name: Tensor.from_array(name, array * np.float32(factor)) for name, array in WEIGHTS.items()}
        write_export(model(), tensors, tmp_path / "net.onnx", largest=0)
    assert len([file for file in tmp_path.iterdir() if file.suffix == ".data"]) == 2


def test_values_that_are_not_known(tmp_path: Path) -> None:
    tensors = {name: Tensor.from_array(name, array) for name, array in WEIGHTS.items()}
    tensors["b"] = Tensor.lazy("b", "float", (4,), lambda: Unknown("b", "give it"))
    with pytest.raises(OutputError, match="'b' has no values"):
        write_export(model(), tensors, tmp_path / "net.onnx")
    assert not list(tmp_path.iterdir())
