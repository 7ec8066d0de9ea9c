"""Rewrites on their own regions: right ones are proven, wrong ones are not."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest

from qlint.errors import QlintError
from qlint.files.model import Graph, Model, ValueType
from qlint.transforms.patch import AddTensor, Class, Patch
from qlint.verify.borders import borders
from qlint.verify.cut import cut
from qlint.verify.inputs import MOST_ELEMENTS, attempts
from qlint.verify.recorder import Recorder
from qlint.verify.regions import RegionProof, graphs, prove
from tests.files.reading import parsed, read

Array = np.ndarray[Any, Any]

ONES = np.ones((5, 4), np.float32)


def with_weights(text: str, weights: dict[str, Array], *, ranks: bool = True) -> Model:
    model = parsed(text)
    if not ranks:
        for value in (*model.graph.input, *model.graph.output):
            value.type.tensor_type.ClearField("shape")
    model.graph.initializer.extend(onnx.numpy_helper.from_array(array, name) for name, array in weights.items())
    return read(model)


def proof(
    before: Model,
    after: Model,
    *,
    added: dict[str, Array] | None = None,
    inputs: tuple[str, ...] = ("x",),
    outputs: tuple[str, ...] = ("y",),
    path: str = "graph",
    klass: Class = "equivalent",
    seen: dict[str, Array] | None = None,
) -> RegionProof:
    operations = tuple(AddTensor(path, name, values) for name, values in (added or {}).items())
    patch = Patch("made-up", klass, f"{path}/y", "Conv", "made up", operations, inputs, outputs, path)
    first, second = graphs(before)[path], graphs(after)[path]
    recorder = Recorder(before, inputs)
    if seen is not None:
        recorder.run(seen)
        recorder.note_inputs(seen)
    return prove(before, first, patch, cut(first, inputs, outputs), cut(second, inputs, outputs), recorder)


CONV_BN = "g (float[1, 3, 6, 6] x) => (float[1, 4, 6, 6] y) {{ c = Conv<pads = [1, 1, 1, 1]>(x, w) y = BatchNormalization<epsilon = {epsilon}>(c, s, b, m, v) }}"
CONV = "g (float[1, 3, 6, 6] x) => (float[1, 4, 6, 6] y) { y = Conv<pads = [1, 1, 1, 1]>(x, w2, b2) }"


def statistics(dtype: Any = np.float32, scale: float = 1.0) -> dict[str, Array]:
    random = np.random.default_rng(0)
    weights = {
        "w": random.standard_normal((4, 3, 3, 3)) * scale,
        "s": random.uniform(0.5, 2, 4),
        "b": random.standard_normal(4),
        "m": random.standard_normal(4),
        "v": random.uniform(1e-4, 2, 4),
    }
    return {name: array.astype(dtype) for name, array in weights.items()}


def fused(given: dict[str, Array], epsilon: float) -> dict[str, Array]:
    wide = {name: array.astype(np.float64) for name, array in given.items()}
    factor = wide["s"] / np.sqrt(wide["v"] + epsilon)
    dtype = given["w"].dtype
    weights = (wide["w"] * factor[:, None, None, None]).astype(dtype)
    return {"w2": weights, "b2": (wide["b"] - wide["m"] * factor).astype(dtype)}


@pytest.mark.parametrize("epsilon", [1e-5, 1e-3])
def test_a_fused_normalization_is_proven_and_one_with_another_epsilon_is_not(epsilon: float) -> None:
    given = statistics()
    before = with_weights(CONV_BN.format(epsilon=epsilon), given)
    right, wrong = fused(given, epsilon), fused(given, 1e-10)
    assert proof(before, with_weights(CONV, right), added=right).reason == ""
    assert "more than rounding" in proof(before, with_weights(CONV, wrong), added=wrong).reason


@pytest.mark.parametrize("scale", [1.0, 1e-3, 1e-6])
def test_half_precision_is_rounded_once_also_where_weights_are_subnormal(scale: float) -> None:
    given = statistics(np.float16, scale)
    text, plain = (body.replace("float[", "float16[") for body in (CONV_BN.format(epsilon=1e-3), CONV))
    before = with_weights(text, given)
    right = fused(given, 1e-3)
    found = proof(before, with_weights(plain, right), added=right)
    assert found.reason == "" and 0 < found.error <= 1
    twice = {name: (array * np.float16(1.01)).astype(np.float16) for name, array in right.items()}
    assert proof(before, with_weights(plain, twice), added=twice).reason


def test_one_wrong_channel_is_found_even_if_the_network_only_ever_feeds_it_zeros() -> None:
    text = "g (float[1, 3, 6, 6] r) => (float[1, 4, 6, 6] y) { x = Relu(r) c = Conv<pads = [1, 1, 1, 1]>(x, w) y = BatchNormalization(c, s, b, m, v) }"
    plain = "g (float[1, 3, 6, 6] r) => (float[1, 4, 6, 6] y) { x = Relu(r) y = Conv<pads = [1, 1, 1, 1]>(x, w2, b2) }"
    given = statistics()
    right = fused(given, 1e-5)
    wrong = {**right, "w2": right["w2"].copy()}
    wrong["w2"][2, 1] *= 1.5
    dead = {"r": -np.ones((1, 3, 6, 6), np.float32)}
    before = with_weights(text, given)
    assert proof(before, with_weights(plain, right), added=right, seen=dead).reason == ""
    assert proof(before, with_weights(plain, wrong), added=wrong, seen=dead).reason


def test_a_negative_variance_is_no_number_and_must_stay_so() -> None:
    given = statistics() | {"v": np.array([1, 1, -1, 1], np.float32)}
    folded = fused(given | {"v": np.ones(4, np.float32)}, 1e-5)
    found = proof(with_weights(CONV_BN.format(epsilon=1e-5), given), with_weights(CONV, folded), added=folded)
    assert "places of NaN" in found.reason


def test_exact_rewrites_must_give_the_same_bits() -> None:
    before = read(parsed("g (float[2, 8] x) => (float[2, 8] y) { a = Mul(x, x) b = Mul(a, x) y = Identity(b) }"))
    same = read(parsed("g (float[2, 8] x) => (float[2, 8] y) { a = Mul(x, x) y = Mul(a, x) }"))
    other = read(
        parsed("g (float[2, 8] x) => (float[2, 8] y) { a = Mul(x, x) b = Mul(a, x) c = Add(b, x) y = Sub(c, x) }")
    )
    assert proof(before, same, klass="exact").reason == ""
    assert "last bit" in proof(before, other, klass="exact").reason


def test_a_detour_by_half_precision_is_not_exact() -> None:
    before = read(
        parsed("g (float[2, 8] x) => (float[2, 8] y) { h = Cast<to = 10>(x) f = Cast<to = 1>(h) y = Relu(f) }")
    )
    after = read(parsed("g (float[2, 8] x) => (float[2, 8] y) { y = Relu(x) }"))
    assert "last bit" in proof(before, after, klass="exact").reason


IF = """g (bool p, float[1, 3, 6, 6] x) => (float[1, 4, 6, 6] z) {{
  z = If(p) <then_branch = t () => (float[1, 4, 6, 6] a) {{ a = Conv<pads = [1, 1, 1, 1]>(x, u) }},
             else_branch = e () => (float[1, 4, 6, 6] y) {{ {body} }}>
}}"""


def test_a_branch_that_is_never_taken_is_proven_too() -> None:
    given = statistics()
    right = fused(given, 1e-5)
    wrong = {**right, "b2": right["b2"] + np.float32(1e-3)}
    bodies = (
        "c = Conv<pads = [1, 1, 1, 1]>(x, w) y = BatchNormalization(c, s, b, m, v)",
        "y = Conv<pads = [1, 1, 1, 1]>(x, w2, b2)",
    )
    before, after = (IF.format(body=body) for body in bodies)
    first = with_weights(before, given | {"u": given["w"]})
    at = {"path": "graph/z.else_branch"}
    for values, proven in ((right, True), (wrong, False)):
        second = with_weights(after, values | {"u": given["w"]})
        assert (proof(first, second, added=values, **at).reason == "") is proven  # type: ignore[arg-type]


def test_shapes_that_nothing_tells_are_guessed_from_the_weights() -> None:
    given = statistics()
    right = fused(given, 1e-5)
    before = with_weights(CONV_BN.format(epsilon=1e-5), given, ranks=False)
    assert before.graph.inputs["x"].shape is None
    assert proof(before, with_weights(CONV, right, ranks=False), added=right).reason == ""
    wrong = {**right, "b2": -right["b2"]}
    assert "more than rounding" in proof(before, with_weights(CONV, wrong, ranks=False), added=wrong).reason


def test_shapes_that_are_guessed_do_not_fill_the_memory() -> None:
    model = with_weights("g (float[1, 5] x) => (float[1, 5] y) { y = Exp(x) }", {}, ranks=False)
    region = cut(model.graph, ("x",), ("y",))
    tried = [border["x"] for border in borders(model.graph, region, region, Recorder(model, ()))]
    assert {values.ndim for values in tried} == {2, 3, 4, 5}
    assert max(values.size for values in tried) <= MOST_ELEMENTS


def test_a_matrix_tells_the_last_axis_of_what_it_multiplies() -> None:
    before = with_weights("g (float[1, 5] x) => (float[1, 4] y) { y = MatMul(x, w) }", {"w": ONES}, ranks=False)
    after = with_weights("g (float[1, 5] x) => (float[1, 4] y) { y = MatMul(x, u) }", {"u": ONES}, ranks=False)
    assert proof(before, after, added={"u": ONES}).reason == ""
    before.graph.inputs["x"] = ValueType("float", ("N", "S", None))
    assert next(attempts(before.graph)).values["x"].shape == (1, 32, 5)


def test_the_shape_of_a_far_tensor_does_not_bring_the_network_before_it() -> None:
    text = (
        "g (float[2, 3] r) => (float[2, 3] y) { a = Exp(r) x = Relu(a) s = Shape(a) e = Expand(one, s) y = Mul(x, e) }"
    )
    model = with_weights(text, {"one": np.ones((), np.float32)})
    found = cut(model.graph, ("x",), ("y",))
    assert [node.op_type for node in found.nodes] == ["Shape", "Expand", "Mul"]
    assert set(found.border) == {"x", "a"}


def test_the_shape_of_a_constant_does_not_make_it_a_border() -> None:
    """It would be given other values there than it has: the convolution reads it as well."""
    text = "g (float[1, 3, 6, 6] x) => (float[1, 4, 4, 4] y) { s = Shape<start = 0, end = 1>(w) e = Expand(one, s) y = Conv(x, w, e) }"
    model = with_weights(text, {"w": statistics()["w"], "one": np.ones((), np.float32)})
    found = cut(model.graph, ("x",), ("y",))
    assert set(found.border) == {"x"}
    assert set(found.constants) == {"w", "one"}


@pytest.mark.parametrize("size", [8, 16, 32])
def test_a_corner_does_not_show_whether_a_window_reaches_the_end(size: int) -> None:
    text = "g (float[1, 3, {n}, {n}] x) => (y) {{ y = AveragePool<kernel_shape = [2, 2], strides = [2, 2]{pads}>(x) }}"
    padded, plain = (read(parsed(text.format(n=size, pads=pads))) for pads in (", pads = [0, 0, 1, 1]", ""))
    assert proof(padded, plain, klass="exact").reason == ""
    odd, cut_off = (read(parsed(text.format(n=size + 1, pads=pads))) for pads in (", pads = [0, 0, 1, 1]", ""))
    assert proof(odd, cut_off, klass="exact").reason


def test_values_seen_on_the_way_to_an_error_are_forgotten() -> None:
    """Of the second node's input nothing was known, and what did not fit it is no value to prove anything on."""
    text = "g (float[N, C] x) => (float[N, 3] y) { a = Relu(x) y = MatMul(a, w) }"
    model = with_weights(text, {"w": np.ones((4, 3), np.float32)})
    recorder = Recorder(model, ("a",))
    with pytest.raises(QlintError):
        recorder.run({"x": np.ones((2, 7), np.float32)})
    assert recorder.find(model.graph, "a") == (None, None)
    recorder.run({"x": np.ones((2, 4), np.float32)})
    assert recorder.find(model.graph, "a")[1] == (2, 4)


def test_a_region_stays_as_it_was_when_the_network_is_rewritten() -> None:
    model = read(parsed("g (float[2, 3] x) => (float[2, 3] y) { y = LeakyRelu<alpha = 0.5>(x) }"))
    region = cut(model.graph, ("x",), ("y",))
    node = model.graph.nodes[0]
    node.op_type, node.attributes["alpha"] = "Elu", 1.0
    assert region.nodes[0].op_type == "LeakyRelu" and region.nodes[0].attributes == {"alpha": 0.5}


def test_paths_name_every_graph() -> None:
    model = with_weights(IF.format(body="y = Conv<pads = [1, 1, 1, 1]>(x, u)"), {"u": statistics()["w"]})
    found: dict[str, Graph] = graphs(model)
    assert set(found) == {"graph", "graph/z.then_branch", "graph/z.else_branch"}
