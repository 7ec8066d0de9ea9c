"""Networks run by onnxruntime: the same tensors as the kernel gives, of files and of edited copies."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import onnx
import pytest

from qlint.errors import ExecutionError, UsageError
from qlint.files.onnx_file import read_model
from qlint.numeric.executor import Executor
from qlint.transforms.registry import load
from qlint.transforms.run import prepare
from tests.files.reading import parsed

TEXT = """g (float[N, 3, 5, 5] x) => (float[N, 2, 5, 5] y) {
    c = Conv<pads = [1, 1, 1, 1]>(x, w)
    d = Dropout(c)
    y = Relu(d)
}"""
X = np.random.default_rng(0).standard_normal((2, 3, 5, 5)).astype(np.float32)


@pytest.fixture(params=[False, True], ids=["inline", "external"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    model = parsed(TEXT)
    weights = np.random.default_rng(1).standard_normal((2, 3, 3, 3)).astype(np.float32)
    model.graph.initializer.append(onnx.numpy_helper.from_array(weights, "w"))
    path = tmp_path / "m.onnx"
    onnx.save(model, path, save_as_external_data=request.param, location="m.data", size_threshold=0)
    return path


@pytest.mark.parametrize("edited", [False, True])
@pytest.mark.parametrize("wanted", [None, ["y", "c"], ["c"], ["x", "c"]])
def test_any_tensor_as_the_kernel_gives_it(path: Path, edited: bool, wanted: list[str] | None) -> None:
    model = read_model(path)
    if edited:
        model = prepare(model, [load("remove-dropout")]).model
        assert [node.op_type for node in model.graph.nodes] == ["Conv", "Relu"]
    found = Executor(model, backend="ort").run({"x": X}, outputs=wanted)
    expected = Executor(model).run({"x": X}, outputs=wanted)
    assert list(found) == list(expected)
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-5, atol=1e-5)


def test_it_is_onnxruntime_that_runs(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    executor = Executor(read_model(path), backend="ort")
    monkeypatch.setattr(Executor, "_compute", lambda *_: pytest.fail("the kernel ran"))
    executor.run({"x": X})


def test_where_it_is_not_installed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(UsageError, match="not installed") as caught:
        Executor(read_model(path), backend="ort")
    assert caught.value.remedy == "pip install 'onnx-qlint[ort]'"


def test_what_it_cannot_do_is_an_error(path: Path, tmp_path: Path) -> None:
    model = onnx.load(path)
    model.graph.node[2].op_type, model.graph.node[2].domain = "Unheard", "of"
    model.opset_import.add(domain="of", version=1)
    onnx.save(model, tmp_path / "n.onnx")
    with pytest.raises(ExecutionError, match="cannot load"):
        Executor(read_model(tmp_path / "n.onnx"), backend="ort")
    onnx.save(parsed("g (float[N] x) => (float[3] y) <int64[1] s = {3}> { y = Reshape(x, s) }"), tmp_path / "r.onnx")
    with pytest.raises(ExecutionError, match="cannot run"):
        Executor(read_model(tmp_path / "r.onnx"), backend="ort").run({"x": X.reshape(-1)})
