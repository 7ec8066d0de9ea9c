"""Whole networks on the same inputs: what is equal, what differs, what cannot be judged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from qlint.numeric.executor import Executor
from qlint.verify import whole
from qlint.verify.compare import Compared, Verdict
from qlint.verify.inputs import Attempt, attempts
from tests.files.reading import parsed, read

Array = np.ndarray[Any, Any]


def judged(one: str, other: str, inputs: dict[str, Array] | None = None, **more: Any) -> list[Compared]:
    first, second = Executor(read(parsed(one))), Executor(read(parsed(other)))
    tries = attempts(first.model.graph) if inputs is None else [Attempt(inputs, "these")]
    attempt, outputs, reason = whole.first_run(first, tries)
    assert attempt is not None, reason
    return whole.judge(first, second, attempt, outputs, **more)


def graph(body: str) -> str:
    return f"g (float[2, 16] x) => (float[2, 16] y) {{ {body} }}"


def test_rounding_in_another_order_is_equal() -> None:
    one = graph("a = Mul(x, x) b = Add(a, x) y = Add(b, x)")
    other = graph("a = Mul(x, x) b = Add(x, x) y = Add(a, b)")
    (found,) = judged(one, other)
    assert found.verdict is Verdict.EQUAL and 0 < found.error <= found.bound


def test_a_small_mistake_differs() -> None:
    one, other = graph("y = Elu<alpha = 1.0>(x)"), graph("y = Elu<alpha = 1.0001>(x)")
    (found,) = judged(one, other)
    assert found.verdict is Verdict.DIFFERS and "off by" in found.reason


def test_outputs_near_zero_are_compared_by_what_cancels() -> None:
    """3 x - (x + x + x) is nothing but rounding: its own size says nothing, what a perturbation changes does."""
    inputs = {"x": np.random.default_rng(0).uniform(1e4, 2e4, (2, 16)).astype(np.float32)}
    three = "three = Constant<value = float {3.3}>() more = Constant<value = float {1.3}>() a = Mul(x, three) b = Mul(x, more) "
    one = graph(three + "c = Add(x, x) d = Add(c, b) y = Sub(a, d)")
    other = graph(three + "c = Sub(a, b) d = Sub(c, x) y = Sub(d, x)")
    (found,) = judged(one, other, inputs)
    assert found.verdict is Verdict.EQUAL and found.error > 0
    (wrong,) = judged(one, graph(three + "c = Sub(a, b) d = Sub(c, x) e = Sub(d, x) y = Add(e, more)"), inputs)
    assert wrong.verdict is Verdict.DIFFERS


def test_outputs_that_are_small_altogether_are_told_apart() -> None:
    tiny = {"x": np.full((2, 16), 1e-6, np.float32)}
    (found,) = judged(graph("y = Identity(x)"), graph("y = Neg(x)"), tiny)
    assert found.verdict is Verdict.DIFFERS


def test_places_of_nan_and_infinity_must_agree() -> None:
    inputs = {"x": np.linspace(-1, 1, 32, dtype=np.float32).reshape(2, 16)}
    (same,) = judged(graph("y = Log(x)"), graph("a = Log(x) y = Identity(a)"), inputs)
    assert same.verdict is Verdict.EQUAL
    (found,) = judged(graph("y = Log(x)"), graph("a = Abs(x) y = Log(a)"), inputs)
    assert found.verdict is Verdict.DIFFERS and "NaN" in found.reason


ARGMAX = "g (float[1, 4] x) => (int64[1] y) {{ s = Mul(x, x) {more} y = ArgMax<axis = 1, keepdims = 0>({of}) }}"


def test_an_index_that_jumps_with_rounding_is_not_judged_and_one_that_does_not_is() -> None:
    one = ARGMAX.format(more="", of="s")
    other = ARGMAX.format(more="n = Neg(s)", of="n")
    tie = {"x": np.array([[1, 1, 1, 1]], np.float32)}
    clear = {"x": np.array([[1, 2, 3, 4]], np.float32)}
    nudged = ARGMAX.format(more="t = Constant<value = float[4] {0, 0.0000001, 0, 0}>() n = Add(s, t)", of="n")
    assert judged(one, nudged, tie)[0].verdict is Verdict.NOT_JUDGED
    assert judged(one, other, clear)[0].verdict is Verdict.DIFFERS
    assert judged(one, nudged, clear)[0].verdict is Verdict.EQUAL


def test_a_tolerance_replaces_the_bound() -> None:
    one, other = graph("y = Elu<alpha = 1.0>(x)"), graph("y = Elu<alpha = 1.0001>(x)")
    assert judged(one, other, tolerance=1e-3)[0].verdict is Verdict.EQUAL
    assert judged(one, other, tolerance=1e-6)[0].verdict is Verdict.DIFFERS


def test_networks_that_draw_numbers_are_known() -> None:
    fixture = Path(__file__).resolve().parent.parent.parent / "fixtures" / "dropout_training.onnx"
    from qlint.files.onnx_file import read_model

    assert whole.random_by_nature(read_model(fixture)) == "Dropout in training mode"
    noisy = "r = RandomNormalLike(x) y = Add(x, r)"
    assert whole.random_by_nature(read(parsed(graph(noisy)))) == "RandomNormalLike"
    off = "f = Constant<value = bool {0}>() y = Dropout(x, , f)"
    assert whole.random_by_nature(read(parsed(graph(off)))) == ""


def test_open_axes_are_tried_in_order() -> None:
    model = read(parsed("g (float[N, C, H, W] x) => (float[N, C, H, W] y) { y = Relu(x) }"))
    assert [attempt.values["x"].shape for attempt in attempts(model.graph)][:2] == [(1, 32, 32, 32), (1, 64, 64, 64)]
    proto = parsed("g (float[N, C, H, W] x) => (float[N, 4, A, B] y) { y = Conv(x, w) }")
    proto.graph.initializer.append(onnx.numpy_helper.from_array(np.zeros((4, 3, 3, 3), np.float32), "w"))
    shapes = [attempt.values["x"].shape for attempt in attempts(read(proto).graph)]
    assert shapes == [(1, 3, 32, 32), (1, 3, 64, 64), (1, 3, 224, 224), (1, 3, 512, 512)]


def test_a_size_that_fits_is_found() -> None:
    body = "g (float[N, T] x) => (float[N, M] y) { s = Constant<value = int64[3] {1, -1, 512}>() y = Reshape(x, s) }"
    executor = Executor(read(parsed(body)))
    attempt, _, _ = whole.first_run(executor, attempts(executor.model.graph))
    assert attempt is not None and attempt.values["x"].shape == (1, 512)


@pytest.mark.parametrize(("type", "allowed"), [("int64", {0, 1, 2, 3}), ("bool", {True}), ("int32", {0, 1, 2, 3})])
def test_integers_are_small_and_masks_are_ones(type: str, allowed: set[int]) -> None:
    model = read(parsed(f"g ({type}[4, 32] x) => ({type}[4, 32] y) {{ y = Identity(x) }}"))
    values = next(attempts(model.graph)).values["x"]
    assert set(np.unique(values).tolist()) <= allowed
    assert np.array_equal(values, next(attempts(model.graph)).values["x"])
