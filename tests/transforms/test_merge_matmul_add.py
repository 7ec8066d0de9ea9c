"""MatMul and Add become one Gemm where that is certain to compute the same."""

from __future__ import annotations

import pytest

from qlint.transforms.merge_matmul_add import TRANSFORM
from tests.transforms.rewriting import Rewritten, rewrite

WEIGHTS = "float[2,3] w = {1, -2, 3, 4, 5, -6}"


def merged(
    data: str = "float[N,2] x",
    bias: str = "float[3] b = {1, 2, 3}",
    add: str = "m, b",
    outputs: str = "y",
    **options: int,
) -> Rewritten:
    outputs = ", ".join(outputs.split())
    body = f"g ({data}) => ({outputs}) <{WEIGHTS}, {bias}> {{ m = MatMul(x, w) y = Add({add}) }}"
    return rewrite(body, TRANSFORM, **options)


@pytest.mark.parametrize("add", ["m, b", "b, m"])
@pytest.mark.parametrize("opset", [7, 9, 13, 17])
def test_merged(add: str, opset: int) -> None:
    found = merged(add=add, opset=opset)
    assert found.operators == ["Gemm"]
    assert list(found.result.graph.node[0].input) == ["x", "w", "b"]
    (patch,) = found.applied
    assert (patch.id, patch.type, patch.klass) == ("graph/y", "fullyConnectedLayer", "equivalent")
    found.compare(1e-6)


@pytest.mark.parametrize(
    "bias", ["float b = {2}", "float[1] b = {2}", "float[1,3] b = {1, 2, 3}", "float[1,1] b = {2}"]
)
def test_biases_that_gemm_broadcasts(bias: str) -> None:
    found = merged(bias=bias)
    assert found.operators == ["Gemm"]
    found.compare(1e-6)


def test_a_bias_for_each_row() -> None:
    found = merged("float[2,2] x", "float[2,3] b = {1, 2, 3, 4, 5, 6}")
    assert found.operators == ["Gemm"]
    found.compare(1e-6)


def test_a_bias_that_enlarges_the_result_is_declined() -> None:
    found = merged("float[1,2] x", "float[2,3] b = {1, 2, 3, 4, 5, 6}")
    assert found.unchanged()
    assert found.reason == "the bias, 2x3, is not certain to fit a result of 1 x 3"


def test_a_bias_for_a_batch_that_is_not_known_is_declined() -> None:
    found = merged(bias="float[2,3] b = {1, 2, 3, 4, 5, 6}")
    assert found.unchanged()
    assert "not certain to fit a result of N x 3" in found.reason


def test_a_bias_of_higher_rank_is_declined() -> None:
    found = merged(bias="float[1,1,3] b = {1, 2, 3}")
    assert found.unchanged()
    assert "1x1x3" in found.reason


def test_data_of_higher_rank_is_declined() -> None:
    found = merged("float[N,5,2] x")
    assert found.unchanged()
    assert found.reason == "the input 'x' has rank 3, and Gemm computes with rank 2 only"


def test_data_of_unknown_rank_is_declined() -> None:
    body = f"g (float[N,2] z, int64[K] s) => (y) <{WEIGHTS}, float[3] b = {{1, 2, 3}}> {{ x = Reshape(z, s) m = MatMul(x, w) y = Add(m, b) }}"
    found = rewrite(body, TRANSFORM)
    assert found.unchanged()
    assert found.reason.startswith("the rank of 'x' is not known")


def test_a_product_that_is_an_output_is_declined() -> None:
    found = merged(outputs="y m")
    assert found.unchanged()
    assert found.reason == "the product 'm' is used without the bias as well"


def test_integers_are_declined() -> None:
    body = "g (int32[N,2] x) => (int32[N,2] y) <int32[2,2] w = {1, 2, 3, 4}, int32[2] b = {1, 2}> { m = MatMul(x, w) y = Add(m, b) }"
    found = rewrite(body, TRANSFORM)
    assert found.unchanged()
    assert found.reason == "it computes in int32, and Gemm needs a floating-point type"


def test_old_broadcasting_is_declined() -> None:
    body = f"g (float[N,2] x) => (float[N,3] y) <{WEIGHTS}, float[3] b = {{1, 2, 3}}> {{ m = MatMul(x, w) y = Add <broadcast = 1> (m, b) }}"
    found = rewrite(body, TRANSFORM, opset=6)
    assert found.unchanged()
    assert "opset 6" in found.reason


def test_a_sum_with_a_computed_tensor_is_no_bias() -> None:
    body = f"g (float[N,2] x, float[N,3] r) => (float[N,3] y) <{WEIGHTS}> {{ m = MatMul(x, w) y = Add(m, r) }}"
    found = rewrite(body, TRANSFORM)
    assert found.unchanged()
    assert not found.declined


def test_weights_shared_by_two_layers() -> None:
    body = """g (float[N,3] x) => (float[N,3] y) <float[3,3] w = {1, 2, 3, 4, 5, 6, 7, 8, 9}, float[3] b = {1, 2, 3}>
        { m = MatMul(x, w) a = Add(m, b) n = MatMul(a, w) y = Add(n, b) }"""
    found = rewrite(body, TRANSFORM)
    assert found.operators == ["Gemm", "Gemm"]
    found.compare(1e-5)
