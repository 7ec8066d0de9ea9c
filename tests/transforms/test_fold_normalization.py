"""Normalization of inputs that subtracts nothing goes, or into the first layer."""

from __future__ import annotations

import pytest

from qlint.transforms.fold_normalization import TRANSFORM
from tests.transforms.rewriting import Rewritten, rewrite

CONV = "float[2,3,1,1] w = {1, 2, 3, 4, 5, 6}"


def normalized(nodes: str, constants: str, data: str = "float[N,3,4,4] x", **options: int) -> Rewritten:
    return rewrite(f"g ({data}) => (y) <{CONV}, {constants}> {{ {nodes} }}", TRANSFORM, **options)


@pytest.mark.parametrize("node", ["Sub(x, m)", "Add(x, m)", "Add(m, x)"])
@pytest.mark.parametrize("mean", ["float m = {0}", "float[3,1,1] m = {0, 0, 0}"])
def test_a_mean_of_zero_goes(node: str, mean: str) -> None:
    found = normalized(f"a = {node} y = Conv(a, w)", mean)
    assert found.operators == ["Conv"]
    (patch,) = found.applied
    assert (patch.id, patch.type, patch.klass) == ("graph/a", "imageInputLayer", "exact")
    found.compare()


def test_a_mean_that_is_not_zero_needs_no_preparation() -> None:
    found = normalized("a = Sub(x, m) y = Conv(a, w)", "float[3,1,1] m = {0, 1, 0}")
    assert found.unchanged()
    assert found.declined == []


@pytest.mark.parametrize("scale", ["Div(a, s)", "Mul(a, s)", "Mul(s, a)"])
@pytest.mark.parametrize("padding", ["", "<pads = [1, 1, 1, 1]>"])
def test_a_standard_deviation_goes_into_a_convolution(scale: str, padding: str) -> None:
    found = normalized(
        f"a = Sub(x, m) b = {scale} y = Conv {padding} (b, w)", "float m = {0}, float[3,1,1] s = {2, 0.5, 4}"
    )
    assert found.operators == ["Conv"]
    (patch,) = found.applied
    assert (patch.id, patch.type, patch.klass) == ("graph/b", "imageInputLayer", "equivalent")
    found.compare(1e-5)


def test_a_standard_deviation_goes_into_a_gemm() -> None:
    found = normalized(
        "a = Sub(x, m) b = Div(a, s) y = Gemm <transB = 1> (b, v)",
        "float m = {0}, float[3] s = {2, 0.5, 4}, float[2,3] v = {1, 2, 3, 4, 5, 6}",
        "float[N,3] x",
    )
    assert found.operators == ["Gemm"]
    found.compare(1e-5)


def test_two_layers_after_it_are_declined() -> None:
    found = normalized(
        "a = Sub(x, m) b = Div(a, s) c = Conv(b, w) d = Conv(b, w) y = Add(c, d)", "float m = {0}, float s = {2}"
    )
    assert found.unchanged()
    assert "'b' between them feeds 2 inputs" in found.reason


def test_another_layer_after_it_is_declined() -> None:
    found = normalized("a = Sub(x, m) b = Div(a, s) y = Exp(b)", "float m = {0}, float s = {2}")
    assert found.unchanged()
    assert "it feeds Exp" in found.reason


def test_a_division_by_zero_is_declined() -> None:
    found = normalized("a = Sub(x, m) b = Div(a, s) y = Conv(b, w)", "float m = {0}, float s = {0}")
    assert found.unchanged()


def test_rescaling_needs_no_preparation() -> None:
    found = normalized("b = Div(x, s) y = Conv(b, w)", "float s = {255}")
    assert found.unchanged()
    assert found.declined == []


def test_statistics_a_caller_may_override_are_declined() -> None:
    found = normalized("a = Sub(x, m) y = Conv(a, w)", "float m = {0}", "float[N,3,4,4] x, float m")
    assert found.unchanged()
    assert "override" in found.reason


def test_a_mean_that_enlarges_the_data_is_declined() -> None:
    found = normalized("a = Sub(x, m) y = Conv(a, w)", "float[3,1,1] m = {0, 0, 0}", "float[N,1,4,4] x")
    assert found.unchanged()


def test_a_normalization_that_is_an_output_is_declined() -> None:
    found = rewrite("g (float[N,3] x) => (float[N,3] y) <float m = {0}> { y = Sub(x, m) }", TRANSFORM)
    assert found.unchanged()
    assert "names both have to stay" in found.reason


def test_arithmetic_inside_the_network_is_no_normalization() -> None:
    found = normalized("r = Relu(x) a = Sub(r, m) y = Conv(a, w)", "float m = {0}")
    assert found.unchanged()
    assert not found.declined
