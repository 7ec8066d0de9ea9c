"""The public API of a check."""

from __future__ import annotations

import gc
import warnings
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from qlint.rules import library
from qlint.session import check


def normalized(path: Path, variance: np.ndarray) -> str:
    """A batch normalization whose variance is given."""
    ones = numpy_helper.from_array(np.ones(variance.size, np.float32), "one")
    graph = helper.make_graph(
        [helper.make_node("BatchNormalization", ["x", "one", "one", "one", "v"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, variance.size, 4, 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [ones, numpy_helper.from_array(variance, "v")],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7), path)
    return str(path)


def test_weights_that_are_no_numbers_make_findings_and_no_warnings(tmp_path: Path) -> None:
    signalling = np.array([0x7F800001, 0x7FC00000, 0x7F800000], np.uint32).view(np.float32)
    path = normalized(tmp_path / "m.onnx", signalling)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        report = check([path], [library.load("matlab", None)])
    assert [found.code for found in report.diagnostics if found.code.startswith("MAT40")] == ["MAT403"]


def test_the_collector_is_as_it_was(tmp_path: Path) -> None:
    path = normalized(tmp_path / "m.onnx", np.ones(2, np.float32))
    for enabled in (True, False):
        (gc.enable if enabled else gc.disable)()
        try:
            check([path, str(tmp_path / "none.onnx")], [library.load("matlab", None)])
            assert gc.isenabled() is enabled
        finally:
            gc.enable()


def test_models_are_reported_in_order_and_progress_names_each(tmp_path: Path) -> None:
    paths = [normalized(tmp_path / name, np.ones(2, np.float32)) for name in ("b.onnx", "a.onnx")]
    seen: list[tuple[str, int]] = []
    report = check(paths, [library.load("matlab", None)], progress=lambda path, number: seen.append((path, number)))
    assert [model.path for model in report.models] == sorted(paths)
    assert seen == [(path, number) for number, path in enumerate(sorted(paths))]
    assert [found.model for found in report.diagnostics] == sorted(found.model for found in report.diagnostics)
