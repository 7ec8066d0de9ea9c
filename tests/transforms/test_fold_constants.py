"""Learnables that nodes compute from constants become constants."""

from __future__ import annotations

import pytest

from qlint.transforms.fold_constants import TRANSFORM
from tests.transforms.rewriting import rewrite

NUMBERS = "{1, -2, 3, 0.5, -0.25, 6, 7, 8}"
GEMM = "y = Gemm <transB = 1> (x, v)"


@pytest.mark.parametrize(
    ("nodes", "klass"),
    [
        ("v = Transpose <perm = [1, 0]> (t)", "exact"),
        ("v = Reshape (w, shape)", "exact"),
        ("i = Identity (t) v = Transpose (i)", "exact"),
        ("l = Constant <value_ints = [2, 4]> () v = Expand (w, l)", "exact"),
        ("n = ReduceL2 <axes = [1], keepdims = 1> (w) v = Div (w, n)", "equivalent"),
        ("v = Mul (w, scale)", "equivalent"),
        ("h = Cast <to = 10> (w) v = Cast <to = 1> (h)", "equivalent"),
    ],
)
def test_weights_that_are_computed_become_an_initializer(nodes: str, klass: str) -> None:
    found = rewrite(
        f"""g (float[N,4] x) => (y) <float[2,4] w = {NUMBERS}, float[4,2] t = {NUMBERS}, float scale = {{0.1}},
        int64[2] shape = {{2, 4}}> {{ {nodes} {GEMM} }}""",
        TRANSFORM,
    )
    assert found.operators == ["Gemm"]
    read = {name for node in found.original.graph.node for name in node.input}
    left = {initializer.name for initializer in found.result.graph.initializer}
    assert found.result.graph.node[-1].input[1] in left
    assert left.isdisjoint(read)
    (patch,) = found.applied
    assert (patch.klass, patch.type) == (klass, "fullyConnectedLayer")
    found.compare(1e-6 if klass == "equivalent" else 0.0)


def test_what_identities_hand_on_is_read_itself() -> None:
    found = rewrite(
        f"""g (float[N,4] x) => (y) <float[2,4] w = {NUMBERS}> {{ i = Identity (w) v = Identity (i) {GEMM} }}""",
        TRANSFORM,
    )
    assert [node.op_type for node in found.result.graph.node] == ["Gemm"]
    assert found.result.graph.node[0].input[1] == "w"
    assert found.result.graph.initializer == found.original.graph.initializer
    found.compare()


def test_all_readers_share_one_tensor_and_other_readers_keep_theirs() -> None:
    found = rewrite(
        f"""g (float[N,4] x) => (y, z, v) <float[4,2] t = {NUMBERS}>
        {{ v = Transpose (t) {GEMM} z = Gemm <alpha = 2.0, transB = 1> (x, v) }}""",
        TRANSFORM,
    )
    assert found.operators == ["Transpose", "Gemm", "Gemm"]
    one, other = (node.input[1] for node in found.result.graph.node[1:])
    assert one == other != "v"
    found.compare()


def test_weights_and_bias_of_a_convolution() -> None:
    found = rewrite(
        f"""g (float[1,2,4,4] x) => (y) <float[8] w = {NUMBERS}, int64[4] shape = {{2, 2, 2, 1}}, float[2] c = {{1, 2}}>
        {{ v = Reshape (w, shape) b = Add (c, c) y = Conv (x, v, b) }}""",
        TRANSFORM,
    )
    assert found.operators == ["Conv"]
    assert [patch.title for patch in found.applied] == [
        "fold its computed Weights into a constant", "fold its computed Bias into a constant",
    ]  # fmt: skip
    found.compare(1e-6)


def test_a_layer_in_a_branch_reads_what_is_computed_outside() -> None:
    found = rewrite(
        f"""g (float[2,4] x, bool c) => (y) <float[4,2] t = {NUMBERS}> {{ v = Transpose (t)
        y = If (c) <then_branch = one () => (float[2,2] a) {{ a = Gemm <transB = 1> (x, v) }},
                    else_branch = two () => (float[2,2] b) {{ b = Gemm <alpha = 2.0, transB = 1> (x, v) }}> }}""",
        TRANSFORM,
    )
    assert len(found.applied) == 2
    assert found.operators == ["If"]


def test_what_a_caller_may_override_is_declined() -> None:
    found = rewrite(
        f"g (float[N,4] x, float[4,2] t) => (y) <float[4,2] t = {NUMBERS}> {{ v = Transpose (t) {GEMM} }}", TRANSFORM
    )
    assert found.unchanged()
    assert "override" in found.reason


def test_weights_that_are_not_finite_are_declined() -> None:
    found = rewrite(
        f"g (float[N,4] x) => (y) <float[2,4] w = {NUMBERS}, float zero = {{0}}> {{ v = Div (w, zero) {GEMM} }}",
        TRANSFORM,
    )
    assert found.unchanged()
    assert "would not be finite" in found.reason


@pytest.mark.parametrize(
    "body",
    [
        f"g (float[N,4] x) => (y) <float[2,4] v = {NUMBERS}> {{ {GEMM} }}",
        f"g (float[N,4] x) => (y) {{ v = Constant <value = float[2,4] {NUMBERS}> () {GEMM} }}",
        f"""g (float[N,4] x) => (y) <int8[2,4] q = {{1,2,3,4,5,6,7,8}}, float s = {{0.5}}>
        {{ v = DequantizeLinear (q, s) {GEMM} }}""",
        f"g (float[2,4] x) => (y) <float[4,2] t = {NUMBERS}> {{ v = Transpose (t) y = Add (x, v) }}",
    ],
    ids=["initializer", "Constant", "quantized", "no layer"],
)
def test_what_is_no_hidden_learnable_is_left(body: str) -> None:
    found = rewrite(body, TRANSFORM)
    assert found.unchanged() and not found.declined
