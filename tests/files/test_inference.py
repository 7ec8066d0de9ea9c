"""Shapes, `--bind`, and what inference must not cost."""

from __future__ import annotations

import sys
from itertools import pairwise
from typing import Any

import onnx
import pytest
from onnx import TensorProto, helper

from qlint.errors import UsageError
from qlint.files.bounds import Bounds
from qlint.files.model import ValueType
from tests.files.reading import FLOAT, INT64, integers, made, node, read, shape, text, value

SYMBOLIC = (
    "g (float[N,3,H,W] x) => (float[a,b,c,d] y) { h = MaxPool<kernel_shape=[2,2], strides=[2,2]>(x) y = Relu(h) }"
)


def test_shapes_and_types_of_everything() -> None:
    model = text("g (float[2,3] x) => (y) { s = Shape(x) c = Cast<to=10>(x) y = Transpose(c) }")
    assert model.graph.types == {
        "x": ValueType("float", (2, 3)),
        "s": ValueType("int64", (2,)),
        "c": ValueType("float16", (2, 3)),
        "y": ValueType("float16", (3, 2)),
    }


def test_shape_arithmetic_is_followed() -> None:
    model = text(
        """g (float[2,3,4] x) => (y) <int64[1] zero = {0}, int64[1] rest = {-1}> {
            s = Shape(x) n = Gather(s, zero) t = Concat<axis=0>(n, rest) y = Reshape(x, t) }"""
    )
    assert shape(model, "y") == (2, 12)


@pytest.mark.parametrize(
    "held", ["<int64[2] t = {-1, 3}> { r = Identity(t)", "{ t = Constant<value_ints = [-1, 3]>() r = Identity(t)"]
)
def test_a_constant_behind_an_identity_is_followed(held: str) -> None:
    model = text(f"g (float[2,3,4] x) => (y) {held} q = Identity(r) y = Reshape(x, q) }}")
    assert shape(model, "y") == (8, 3)
    assert [node.inputs for node in model.graph.nodes if node.op_type == "Reshape"] == [("x", "q")]


def test_symbols_of_the_file_stay_and_made_up_ones_are_unknown() -> None:
    model = text("g (float[N,4] x) => (y) { h = Relu(x) z = NonZero(h) y = Transpose(z) }")
    assert shape(model, "h") == ("N", 4)
    assert shape(model, "y") == (None, 2)


def test_subgraph_tensors_and_inputs() -> None:
    model = text(
        """g (int64 m, bool c, float[1,2] x) => (y) { y = Loop (m, c, x) <
            body = t (int64 i, bool go, float[1,2] v) => (bool go2, float[1,2] w) { go2 = Identity(go) u = Relu(v) w = Tanh(u) }
        > }"""
    )
    (body,) = model.graph.subgraphs()
    assert list(body.inputs) == ["i", "go", "v"]
    assert body.types["u"] == body.inputs["v"] == ValueType("float", (1, 2))


def test_types_that_are_no_tensors_are_unknown() -> None:
    model = read(made([node("SequenceConstruct", ["x"], ["s"]), node("SequenceLength", ["s"], ["y"])]))
    assert model.graph.types["s"] == ValueType(None, None)


def test_operators_nobody_knows_have_unknown_shapes() -> None:
    model = read(made([node("Mish", ["x"], ["h"], domain="com.example"), node("Relu", ["h"], ["y"])]))
    assert shape(model, "y") is None


def test_a_failing_inference_is_no_error() -> None:
    # The equation contradicts the input's rank; onnx gives up.
    model = read(made([node("Relu", ["x"], ["h"]), node("Einsum", ["h"], ["y"], equation="abc->a")]))
    assert shape(model, "y") is None


@pytest.mark.parametrize("size", [0, -1])
def test_sizes_that_exporters_write_for_any_size_are_unknown(size: int) -> None:
    model = read(made([node("Relu", ["x"], ["y"])], inputs=[value("x", FLOAT, [size, 3])]))
    assert model.graph.inputs["x"].shape == (None, 3)
    assert shape(model, "y") == (None, 3)


@pytest.mark.parametrize(
    ("bind", "expected", "bound"),
    [
        ({}, ("N", 3, None, None), set()),
        ({"N": 1}, (1, 3, None, None), {"N"}),
        ({"H": 8, "W": 6, "Z": 3}, ("N", 3, 4, 3), {"H", "W"}),
        ({"x": [2, 3, 8, 6]}, (2, 3, 4, 3), {"x"}),
        ({"x": ["N", 3, 8, 6]}, ("N", 3, 4, 3), {"x"}),
        ({"x": [2, 3, 8, 6], "N": 2}, (2, 3, 4, 3), {"x", "N"}),
        ({"other": [1, 2]}, ("N", 3, None, None), set()),
    ],
)
def test_bind(bind: dict[str, Any], expected: tuple[int | str | None, ...], bound: set[str]) -> None:
    model = text(SYMBOLIC, bind=bind)
    assert shape(model, "h") == expected
    assert bind.keys() & set(model.bindable) == bound
    assert {"N", "H", "W", "x"}.issubset(model.bindable) if bind else model.bindable == ()


def test_bind_reaches_every_place_of_a_symbol() -> None:
    body = """g (float[N,4] x, float[N] z, bool c) => (float[N,4] y) {
        y = If (c) < then_branch = t () => (float[N,4] b) { b = my.F(x) }, else_branch = e () => (float[N,4] d) { d = Relu(x) } > }"""
    model = text(body, bind={"x": [5, 4]})
    assert model.graph.inputs["z"].shape == (5,)
    assert shape(model, "y") == (5, 4)
    assert next(model.graph.subgraphs()).types["b"].shape == (5, 4)


def test_bind_gives_an_input_without_a_shape_one() -> None:
    proto = made([node("Relu", ["x"], ["y"])], inputs=[value("x", FLOAT, None)])
    assert shape(read(proto, bind={"x": [1, 7]}), "y") == (1, 7)
    assert shape(read(proto, bind={"x": 7}), "y") == (7,)


@pytest.mark.parametrize(
    ("bind", "message"),
    [
        ({"x": [1, 3]}, "gives 2 sizes, but input 'x' has 4 axes"),
        ({"x": [1, 4, 8, 8]}, "axis 1 of input 'x' is 3 in the model"),
        ({"N": 2, "x": [1, 3, 8, 8]}, "gives 'N' the sizes 2 and 1"),
        ({"N": [1, 2]}, "'N' is one size"),
        ({"N": -1}, "no axis has this size"),
        ({"N": 1 << 63}, "no axis has this size"),
    ],
)
def test_bindings_that_contradict_the_model(bind: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        text(SYMBOLIC, bind=bind)


def test_bind_of_what_is_no_tensor() -> None:
    kind = helper.make_sequence_type_proto(helper.make_tensor_type_proto(FLOAT, [1]))
    proto = made([node("SequenceLength", ["q"], ["y"])], inputs=[helper.make_value_info("q", kind)])
    with pytest.raises(UsageError, match="not a tensor"):
        read(proto, bind={"q": [1]})


def chain(op: str, count: int, *more: str, **attributes: Any) -> list[onnx.NodeProto]:
    names = ["x", *(f"a{i}" for i in range(count))]
    return [node(op, [a, *more], [b], **attributes) for a, b in pairwise(names)]


BOMBS = {
    "a chain of Unsqueeze": made(chain("Unsqueeze", 20_000, "axis"), outputs=["a19999"], initializers=[integers("axis", 0)]),
    "Unsqueeze by a hundred axes": made(
        chain("Unsqueeze", 2_000, "axes"), outputs=["a1999"], initializers=[integers("axes", *range(100))]
    ),
    "axes behind an Identity": made(
        [node("Identity", ["axes"], ["i"]), *chain("Unsqueeze", 2_000, "i")],
        outputs=["a1999"],
        initializers=[integers("axes", *range(100))],
    ),
    "a rank of a hundred thousand": made(chain("Relu", 2_000), inputs=[value("x", FLOAT, [1] * 100_000)], outputs=["a1999"]),
    "a chain of Gather": made(
        chain("Gather", 5_000, "i"),
        outputs=["a4999"],
        initializers=[helper.make_tensor("i", INT64, [1] * 9, [0])],
    ),
}  # fmt: skip


@pytest.mark.parametrize("proto", BOMBS.values(), ids=BOMBS)
def test_what_would_take_all_memory_is_not_inferred(proto: onnx.ModelProto) -> None:
    model = read(proto)
    assert not Bounds(model.graph).inferable
    assert shape(model, model.graph.outputs[0]) is None


def test_shape_arithmetic_that_doubles_is_not_followed() -> None:
    nodes = [node("Shape", ["x"], ["a0"])]
    nodes += [node("Concat", [f"a{i}", f"a{i}"], [f"a{i + 1}"], axis=0) for i in range(62)]
    model = read(made([*nodes, node("Reshape", ["x", "a62"], ["y"]), node("Relu", ["x"], ["z"])]))
    assert not Bounds(model.graph).followable
    assert shape(model, "y") is None
    assert shape(model, "z") == (1, 4)


def test_ordinary_graphs_are_inferred_whatever_their_length() -> None:
    model = read(made(chain("Relu", 5_000), outputs=["a4999"]))
    bounds = Bounds(model.graph)
    assert bounds.inferable
    assert bounds.followable
    assert shape(model, "a4999") == (1, 4)


def test_claims_of_huge_tensors_cost_nothing() -> None:
    big = 10**6
    nodes = [
        node("ConstantOfShape", ["shape"], ["c"]),
        node("Expand", ["x", "huge"], ["e"]),
        node("Tile", ["e", "huge"], ["t"]),
        node("Range", ["zero", "end", "one"], ["r"]),
    ]
    scalars = [helper.make_tensor(n, INT64, [], [v]) for n, v in (("zero", 0), ("end", 10**9), ("one", 1))]
    tensors = [integers("shape", big, big), integers("huge", 10**18, 4), *scalars]
    model = read(made(nodes, outputs=["c", "t"], initializers=tensors))
    assert shape(model, "c") == (big, big)
    assert shape(model, "r") == (10**9,)


NEGATIVE = {
    "a window larger than its input": node("MaxPool", ["i"], ["q"], kernel_shape=[9, 9]),
    "a Pad that crops too much": node("Pad", ["x", "crop"], ["q"]),
    "a Split that takes too much": node("Split", ["x", "parts"], ["q", "rest"]),
}


@pytest.mark.parametrize("before", NEGATIVE.values(), ids=NEGATIVE)
def test_sizes_that_make_onnx_abort(before: onnx.NodeProto, capfd: pytest.CaptureFixture[str]) -> None:
    """Linux builds of onnx end the process at a Slice of something of a negative size."""
    nodes = [before, node("Slice", ["q", "start", "end", "axis"], ["y"]), node("Relu", ["x"], ["z"])]
    inputs = [value("x", FLOAT, [1, 4]), value("i", FLOAT, [1, 1, 2, 2])]
    tensors = [integers("crop", -5, -5, -5, -5), integers("parts", -5, 6)]
    tensors += [integers(name, number) for name, number in (("start", 0), ("end", 1), ("axis", -1))]
    model = read(made(nodes, inputs=inputs, outputs=["y", "z"], initializers=tensors))
    assert shape(model, "z") == (1, 4)
    assert all(
        not isinstance(size, int) or size >= 0 for found in model.graph.types.values() for size in found.shape or ()
    )
    assert capfd.readouterr().err == ""


def test_slices_are_inferred() -> None:
    tensors = [integers(name, number) for name, number in (("start", 0), ("end", 3), ("axis", 1))]
    model = read(made([node("Slice", ["x", "start", "end", "axis"], ["y"])], initializers=tensors))
    assert shape(model, "y") == (1, 3)


def test_vectors_that_claim_to_be_long_shapes() -> None:
    inputs = [value("x", FLOAT, [1, 4]), value("s", INT64, [10**9])]
    assert shape(read(made([node("Reshape", ["x", "s"], ["y"])], inputs=inputs)), "y") is None


def test_element_types() -> None:
    names = {
        "BFLOAT16": "bfloat16",
        "FLOAT8E4M3FN": "float8e4m3fn",
        "INT4": "int4",
        "DOUBLE": "double",
        "STRING": "string",
    }
    inputs = [value(name, TensorProto.DataType.Value(name), [1]) for name in names]
    model = read(
        made([node("Identity", [name], [f"o{name}"]) for name in names], inputs=inputs, outputs=["oINT4"], opset=21)
    )
    assert {name: found.type for name, found in model.graph.inputs.items()} == names


def test_adding_to_a_vector_of_a_million_million_elements_takes_little_memory() -> None:
    """onnx's following of shape arithmetic makes a record for each element; it would take all memory there is."""
    resource = pytest.importorskip("resource")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    limits = resource.getrlimit(resource.RLIMIT_AS)
    for bomb in ("r = Range(zero, end, one)", "r = Expand(one, ends)"):
        body = "<int64 zero = {0}, int64 one = {1}, int64 end = {1000000000000}, int64[1] ends = {1000000000000}>"
        model = text(f"g (int64[1] x) => (y) {body} {{ {bomb} y = Add(x, r) }}")
        assert shape(model, "y") == (10**12,)
    assert resource.getrlimit(resource.RLIMIT_AS) == limits
    if sys.platform == "linux":
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 600 << 10
