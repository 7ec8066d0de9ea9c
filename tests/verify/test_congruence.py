"""Layers that only read another tensor: what they get is compared, and their weights are not read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from qlint.files.model import Model
from qlint.files.tensors import Tensor
from qlint.preparing import fix
from qlint.rules import library
from qlint.verify import proof as proof_module
from qlint.verify.congruence import substitutions
from qlint.verify.cut import cut
from tests.files.reading import parsed
from tests.verify.test_regions import proof, with_weights

WEIGHTS = {"w": np.arange(64, dtype=np.float32).reshape(8, 8), "u": np.full((8, 8), 0.5, np.float32)}


def network(body: str, x: str = "float[2, 8] x", weights: tuple[str, ...] = ("w",)) -> Model:
    return with_weights(f"g ({x}) => (float[2, 8] y) {{ {body} }}", {name: WEIGHTS[name] for name in weights})


@pytest.fixture
def unread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading the weights `w` fails."""
    values = Tensor.values

    def guarded(tensor: Tensor) -> object:
        assert tensor.name != "w", "weights were read"
        return values(tensor)

    monkeypatch.setattr(Tensor, "values", guarded)


def shared(before: Model, after: Model) -> Model:
    """The second network with the first one's tensors, as a rewritten network has them."""
    after.graph.initializers.update(before.graph.initializers)
    return after


BYPASSES = {
    "a bypass": ("d = Dropout(x) y = MatMul(d, w)", "y = MatMul(x, w)"),
    "through a layer that stays": ("d = Dropout(x) r = Relu(d) y = MatMul(r, w)", "r = Relu(x) y = MatMul(r, w)"),
    "the layer before takes the name": ("m = MatMul(x, w) y = Dropout(m)", "y = MatMul(x, w)"),
    "in both operands": ("d = Dropout(x) i = Identity(d) y = Add(d, i)", "y = Add(x, x)"),
}


@pytest.mark.usefixtures("unread")
@pytest.mark.parametrize("name", BYPASSES)
@pytest.mark.parametrize("x", ["float[2, 8] x", "float[N, 8] x"])
def test_weights_of_layers_that_are_rewired_are_not_read(name: str, x: str) -> None:
    before, after = (network(body, x) for body in BYPASSES[name])
    assert proof(before, shared(before, after), klass="exact").reason == ""


WRONG = {
    "another tensor": ("r = Relu(x) d = Dropout(r) y = MatMul(d, w)", "y = MatMul(x, w)"),
    "something that does act": ("d = Relu(x) y = MatMul(d, w)", "y = MatMul(x, w)"),
    "other weights": ("d = Dropout(x) y = MatMul(d, w)", "y = MatMul(x, u)"),
    "operands in another order": ("d = Dropout(x) e = Exp(x) y = Sub(d, e)", "e = Exp(x) y = Sub(e, x)"),
    "the layer before is another": ("m = MatMul(x, w) y = Dropout(m)", "y = MatMul(x, u)"),
    "another attribute": ("d = Dropout(x) y = LeakyRelu<alpha = 0.1>(d)", "y = LeakyRelu<alpha = 0.2>(x)"),
    "one of two operands": ("d = Dropout(x) e = Exp(d) y = Add(d, e)", "e = Exp(x) y = Add(x, x)"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_bypass_to_a_wrong_tensor_is_found(name: str) -> None:
    before, after = (network(body, weights=("w", "u")) for body in WRONG[name])
    assert "last bit" in proof(before, shared(before, after), klass="exact").reason


def test_random_nodes_without_inputs_are_not_taken_for_each_other() -> None:
    text = "a = RandomNormal<shape = [2, 8]>() b = RandomNormal<shape = [2, 8]>() y = Sub(a, {})"
    before, after = (network(text.format(name)) for name in ("b", "a"))
    found = substitutions(cut(before.graph, (), ("y",)), cut(after.graph, (), ("y",)))
    assert found == [("b", "a")]


@pytest.mark.usefixtures("unread")
def test_removing_dropout_from_a_large_network_reads_no_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proof_module, "LARGE", 0)
    layers = " ".join(f"m{i} = MatMul(d{i}, w) d{i + 1} = Dropout(m{i})" for i in range(3))
    model = parsed(f"g (float[N, 8] d0) => (float[N, 8] d3) {{ {layers} }}")
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.ones((8, 64), np.float32)[:, :8], "w"))
    path, out = tmp_path / "m.onnx", tmp_path / "o.onnx"
    onnx.save(model, path, save_as_external_data=True, location="m.data", size_threshold=0)
    fixed = fix(str(path), library.load("matlab", None), out=str(out), select=["remove-dropout"])
    assert fixed.verification is not None and fixed.verification.scope == "regions" and fixed.refusal == ""
    assert [node.op_type for node in onnx.load(out).graph.node] == ["MatMul"] * 3
