"""Learnables that nodes compute from constants become constants."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from qlint.transforms.fold_constants import TRANSFORM
from tests.transforms.rewriting import parsed, rewrite

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


@pytest.mark.parametrize(
    "nodes",
    [
        "v = Mul (scale, d)",
        "v = Concat <axis = 0> (half, e)",
        "m = Add (d, scale) v = Neg (m)",
    ],
)
def test_what_is_partly_quantized_stays_so(nodes: str) -> None:
    found = rewrite(
        f"""g (float[N,4] x) => (y) <int8[2,4] q = {{1,2,3,4,5,6,7,8}}, int8[1,4] r = {{1,2,3,4}}, float s = {{0.5}},
        float scale = {{3}}, float[1,4] half = {{1,2,3,4}}>
        {{ d = DequantizeLinear (q, s) e = DequantizeLinear (r, s) {nodes} {GEMM} }}""",
        TRANSFORM,
    )
    assert "DequantizeLinear" in found.operators and not found.applied


BRANCHES = """y = If (c) <then_branch = one () => (float[2,2] a) { NODES a = Gemm <transB = 1> (x, v) },
                          else_branch = two () => (float[2,2] b) { b = Gemm <transB = 1> (x, z) }>"""


@pytest.mark.parametrize(
    ("outside", "inside", "klass"),
    [
        ("v = Mul (t, t)", "", "equivalent"),
        ("m = Mul (t, t)", "v = Identity (m)", "equivalent"),
        ("m = Reshape (t, shape)", "v = Identity (m)", "exact"),
    ],
)
def test_what_is_computed_outside_of_a_branch_counts_for_the_class(outside: str, inside: str, klass: str) -> None:
    found = rewrite(
        f"""g (float[2,4] x, bool c) => (y) <float[2,4] t = {NUMBERS}, float[2,4] z = {NUMBERS}, int64[2] shape = {{2, 4}}>
        {{ {outside} {BRANCHES.replace("NODES", inside)} }}""",
        TRANSFORM,
    )
    assert [patch.klass for patch in found.applied] == [klass]


def test_quantized_outside_of_a_branch_is_left() -> None:
    found = rewrite(
        f"""g (float[2,4] x, bool c) => (y) <int8[2,4] q = {{1,2,3,4,5,6,7,8}}, float s = {{0.5}},
        float[2,4] z = {NUMBERS}> {{ d = DequantizeLinear (q, s) {BRANCHES.replace("NODES", "v = Neg (d)")} }}""",
        TRANSFORM,
    )
    assert not found.applied and not found.declined


def test_what_identities_in_a_branch_hand_on_is_not_copied() -> None:
    found = rewrite(
        f"""g (float[2,4] x, bool c) => (y) <float[2,4] t = {NUMBERS}, float[2,4] z = {NUMBERS}>
        {{ {BRANCHES.replace("NODES", "v = Identity (t)")} }}""",
        TRANSFORM,
    )
    branch = found.result.graph.node[0].attribute[0].g
    assert [list(node.input) for node in branch.node] == [["x", "t"]]
    assert not branch.initializer


def test_a_name_that_is_hidden_in_the_branch_is_not_read() -> None:
    found = rewrite(
        f"""g (float[2,4] x, bool c) => (y) <float[2,4] t = {NUMBERS}, float[2,4] z = {NUMBERS}>
        {{ i = Identity (t) {BRANCHES.replace("NODES", "t = Relu (x) v = Identity (i)")} }}""",
        TRANSFORM,
    )
    branch = found.result.graph.node[-1].attribute[0].g
    assert branch.node[-1].input[1] == branch.initializer[0].name != "t"


@pytest.mark.parametrize(
    ("nodes", "folds"),
    [
        ("v = ConstantOfShape <value = float[1] {0.5}> (wide)", False),
        ("o = ConstantOfShape <value = float[1] {0.5}> (wide) v = Mul (o, scale)", False),
        ("v = Expand (row, wide)", False),
        ("v = ConstantOfShape <value = float[1] {0.5}> (narrow)", True),
        ("v = Cast <to = 1> (bytes)", True),
        ("v = Concat <axis = 0> (bytes_32, bytes_32)", True),
    ],
)
def test_what_a_few_numbers_describe_does_not_fill_the_file(nodes: str, folds: bool) -> None:
    model = parsed(
        f"""g (float[1,1024] x) => (y) <int64[2] wide = {{512, 1024}}, int64[2] narrow = {{64, 1024}},
        float scale = {{2}}, float[1,1] row = {{1}}> {{ {nodes} y = Gemm <transB = 1> (x, v) }}"""
    )
    for name, dtype in (("bytes", np.int8), ("bytes_32", np.float32)):
        model.graph.initializer.append(onnx.numpy_helper.from_array(np.ones((512, 1024), dtype), name))
    found = rewrite(model, TRANSFORM)
    assert bool(found.applied) is folds
    if not folds:
        assert "would be 524288 numbers in the file" in found.reason
    found.compare(1e-5)


def test_many_parts_of_one_tensor() -> None:
    parts = [f"v{place}" for place in range(40)]
    layers = " ".join(f"y{place} = MatMul (x, {name})" for place, name in enumerate(parts))
    numbers = ", ".join(str(number) for number in range(40))
    found = rewrite(
        f"""g (float[2,1] x) => ({", ".join(f"y{place}" for place in range(40))}) <float[1,40] t = {{{numbers}}}>
        {{ {", ".join(parts)} = Split <axis = 1> (t) {layers} }}""",
        TRANSFORM,
    )
    assert found.operators == ["MatMul"] * 40
    values = {tensor.name: onnx.numpy_helper.to_array(tensor).item() for tensor in found.result.graph.initializer}
    assert [values[node.input[1]] for node in found.result.graph.node] == list(range(40))
    found.compare()


@pytest.mark.parametrize("nodes", ["v = Mod <fmod = 1> (w, scale)", "v = ReduceProd <noop_with_empty_axes = 1> (w)"])
def test_attributes_of_what_computes_them_are_heeded(nodes: str) -> None:
    model = parsed(
        f"g (float[N,4] x) => (y) <float[2,4] w = {NUMBERS}, float scale = {{0.7}}> {{ {nodes} {GEMM} }}", opset=18
    )
    found = rewrite(model, TRANSFORM)
    assert found.operators == ["Gemm"]
    values = onnx.numpy_helper.to_array(
        next(each for each in found.result.graph.initializer if each.name == found.result.graph.node[0].input[1])
    )
    given = np.array([1, -2, 3, 0.5, -0.25, 6, 7, 8], np.float32).reshape(2, 4)
    expected = np.fmod(given, np.float32(0.7)) if "Mod" in nodes else given
    np.testing.assert_allclose(values, expected, rtol=1e-6)


def test_what_identities_hand_on_of_a_computed_tensor_is_stored_once() -> None:
    found = rewrite(
        f"""g (float[N,4] x) => (y, z) <float[4,2] t = {NUMBERS}>
        {{ v = Transpose (t) {GEMM} i = Identity (v) j = Identity (i) z = Gemm <alpha = 2.0, transB = 1> (x, j) }}""",
        TRANSFORM,
    )
    assert found.operators == ["Gemm", "Gemm"]
    assert len(found.result.graph.initializer) == 1
    found.compare()


def test_arithmetic_that_names_an_axis_is_not_misread() -> None:
    found = rewrite(
        f"""g (float[1,2,3,1] x) => (y) <float[2,2,2,1] w = {NUMBERS}, float[2] k = {{1, 2}}>
        {{ v = Mul <broadcast = 1, axis = 0> (w, k) y = Conv (x, v) }}""",
        TRANSFORM,
        opset=6,
    )
    assert found.unchanged() and "cannot be folded" in found.reason
