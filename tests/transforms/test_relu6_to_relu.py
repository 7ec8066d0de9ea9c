"""A clipped relu becomes a relu: only where that is what it is, and the report does not call it the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from qlint.preparing import Fixed, fix
from qlint.rules import library
from qlint.transforms.relu6_to_relu import TRANSFORM
from tests.transforms.equalizing import image
from tests.transforms.rewriting import rewrite

GRAPH = "g (float[2, 4] x) => (float[2, 4] y) <float zero = {{0}}, float six = {{6}}, float one = {{1}}> {{ {} }}"

FORMS = {
    "clip": "y = Clip(x, zero, six)",
    "min": "r = Relu(x) y = Min(r, six)",
    "min, the other way round": "r = Relu(x) y = Min(six, r)",
}


@pytest.mark.parametrize("form", FORMS)
def test_its_forms(form: str) -> None:
    found = rewrite(GRAPH.format(FORMS[form]), TRANSFORM)
    (patch,) = found.applied
    assert (patch.klass, patch.type, patch.id) == ("lossy", "clippedReluLayer", "graph/y")
    assert found.operators == ["Relu"] and not found.declined
    found.compare(x=np.linspace(-6, 6, 8, dtype=np.float32).reshape(2, 4))


def test_bounds_in_attributes() -> None:
    text = "g (float[2, 4] x) => (float[2, 4] y) { y = Clip<min = 0.0, max = 6.0>(x) }"
    assert rewrite(text, TRANSFORM, opset=6).operators == ["Relu"]


OTHERS = {
    "no ceiling": "y = Clip(x, zero)",
    "another floor": "y = Clip(x, one, six)",
    "no floor": 'y = Clip(x, "", six)',
    "a minimum of two tensors": "r = Relu(x) y = Min(r, x)",
    "a relu that is read elsewhere": "r = Relu(x) m = Min(r, six) y = Add(m, r)",
    "a minimum of no relu": "y = Min(x, six)",
}


@pytest.mark.parametrize("other", OTHERS)
def test_what_is_none(other: str) -> None:
    assert rewrite(GRAPH.format(OTHERS[other]), TRANSFORM).unchanged()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("g (float[2, 4] x, float c) => (float[2, 4] y) <float z = {0}> { y = Clip(x, z, c) }", "not constant"),
        ("g (int32[2, 4] x) => (int32[2, 4] y) <int32 z = {0}, int32 c = {6}> { y = Clip(x, z, c) }", "floating-point"),
        ("g (float[2, 4] x) => (float[2, 4] y) <float z = {0}, float c = {-1}> { y = Clip(x, z, c) }", "same number"),
    ],
)
def test_what_is_declined(text: str, reason: str) -> None:
    found = rewrite(text, TRANSFORM)
    assert not found.applied and reason in found.reason


def fixed(folder: Path, *, unsafe: bool, ceiling: float = 6.0) -> Fixed:
    net, x = image()
    x = net.node("Clip", x, np.array(0, np.float32), np.array(ceiling, np.float32))
    net.node("Conv", x, net.values(2, 4, 1, 1), to="y")
    onnx.save(net.proto("y"), folder / "m.onnx")
    chosen = library.load("matlab", None)
    return fix(str(folder / "m.onnx"), chosen, out=str(folder / "o.onnx"), unsafe=unsafe)


def test_equalization_crosses_it_afterwards_and_all_else_is_proven(tmp_path: Path) -> None:
    assert not fixed(tmp_path, unsafe=False).applied
    found = fixed(tmp_path, unsafe=True, ceiling=0.5)
    assert [(patch.transform, patch.klass) for patch in found.applied] == [
        ("relu6-to-relu", "lossy"),
        ("equalize-layers", "equivalent"),
    ]
    proven = found.verification
    assert proven is not None and found.status == "written" and proven.refusal == ""
    clipped, equalized = (rewrite.proof for rewrite in proven.rewrites)
    assert clipped.absolute > 0.5 and equalized.absolute < 1e-5 and equalized.reason == ""
    assert proven.bound is None and proven.error is not None and proven.error > 0.1


def test_what_is_wrong_besides_is_refused_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from qlint.transforms import equalization

    factors = equalization.Layer.scaled
    monkeypatch.setattr(equalization.Layer, "scaled", lambda self, values: factors(self, values) * 1.001)
    found = fixed(tmp_path, unsafe=True)
    assert found.status == "refused" and "equalize-layers at 'graph/t0' is not proven" in found.refusal
