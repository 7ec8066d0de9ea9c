"""ONNX's own node tests for every operator the kernel claims, run by the executor."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx.backend.test.case.node import collect_testcases

from qlint.files.onnx_file import read_model
from qlint.numeric.executor import Executor
from qlint.numeric.kernel import claimed

# Cases that onnx.reference has to compute: forms that the kernel does not claim, with the reason.
DECLINED = {
    "test_training_dropout": "random",
    "test_training_dropout_default": "random",
    "test_training_dropout_default_mask": "random",
    "test_training_dropout_mask": "random",
}


def operators(graph: onnx.GraphProto) -> set[tuple[str, str]]:
    found = {(node.domain, node.op_type) for node in graph.node}
    for node in graph.node:
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                found |= operators(inner)
    return found


def tensors_only(graph: onnx.GraphProto) -> bool:
    return all(value.type.WhichOneof("value") == "tensor_type" for value in (*graph.input, *graph.output))


def cases() -> list[Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        collected = collect_testcases(None)
    known = {("", name) for name in claimed()}
    return [
        case
        for case in collected
        if case.model is not None and tensors_only(case.model.graph) and operators(case.model.graph) <= known
    ]


CASES = cases()
BFLOAT16 = {onnx.TensorProto.BFLOAT16}  # not claimed by operators that do more than move or compare


def types(graph: onnx.GraphProto) -> list[int]:
    return [value.type.tensor_type.elem_type for value in (*graph.input, *graph.output)]


def test_there_are_many() -> None:
    assert len(CASES) > 500


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Any) -> None:
    executor = Executor(read_model(Path("case.onnx"), data=case.model.SerializeToString()))
    names = [value.name for value in case.model.graph.input]
    for given, expected in case.data_sets:
        found = executor.run(dict(zip(names, map(value_of, given), strict=False)))
        for output, wanted in zip(case.model.graph.output, expected, strict=True):
            compare(found[output.name], value_of(wanted), case.rtol, case.atol)
    if case.name not in DECLINED and not BFLOAT16 & set(types(case.model.graph)):
        assert not executor.fallbacks


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_results_do_not_depend_on_where_elements_lie_in_memory(case: Any) -> None:
    executor = Executor(read_model(Path("case.onnx"), data=case.model.SerializeToString()))
    names = [value.name for value in case.model.graph.input]
    for given, _ in case.data_sets:
        feeds = dict(zip(names, map(value_of, given), strict=False))
        wanted = executor.run(feeds)
        for turned in (reversed_axes, channels_last, every_other):
            found = executor.run({name: turned(value) for name, value in feeds.items()})
            for name, value in wanted.items():
                if case.name not in DECLINED:
                    compare(found[name], value, max(case.rtol, 1e-6), max(case.atol, 1e-6))


def reversed_axes(x: Any) -> Any:
    return x.copy(order="F")


def channels_last(x: Any) -> Any:
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1) if x.ndim > 2 else x


def every_other(x: Any) -> Any:
    """The values, with something else between any two of them."""
    if not x.ndim:
        return x
    apart = np.empty((*x.shape[:-1], x.shape[-1] * 2), x.dtype)
    apart[..., ::2], apart[..., 1::2] = x, x
    return apart[..., ::2]


def value_of(value: Any) -> Any:
    return onnx.numpy_helper.to_array(value) if isinstance(value, onnx.TensorProto) else value


def compare(found: Any, wanted: Any, rtol: float, atol: float) -> None:
    assert found.dtype == wanted.dtype or (found.dtype.kind in "OSU" and wanted.dtype.kind in "OSU")
    assert found.shape == wanted.shape
    if wanted.dtype.kind in "OSU":
        assert found.astype(str).tolist() == wanted.astype(str).tolist()
    elif wanted.dtype.kind in "biu":
        np.testing.assert_array_equal(found, wanted)
    else:
        if wanted.dtype.kind == "V" or wanted.dtype.name not in ("float16", "float32", "float64"):
            found, wanted = found.astype(np.float32), wanted.astype(np.float32)
        np.testing.assert_allclose(found, wanted, rtol=rtol, atol=atol)
