"""Models that contradict themselves are refused in one line; facts that are merely missing are not."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable

import onnx
import pytest
from onnx import TensorProto, helper

from qlint.errors import ModelError
from tests.files.reading import FLOAT, integers, made, node, operators, parsed, read, shape, text, value


def zeros(name: str, *dims: int) -> TensorProto:
    count = 1
    for size in dims:
        count *= size
    return TensorProto(name=name, data_type=FLOAT, dims=dims, raw_data=bytes(4 * count))


def refusal(model: onnx.ModelProto | bytes) -> str:
    with pytest.raises(ModelError) as caught:
        read(model)
    message = str(caught.value)
    assert message.isprintable()
    assert caught.value.remedy
    assert len(message) < 500
    return message


GRAPHS = {
    "cycle": ([node("Add", ["x", "b"], ["a"]), node("Relu", ["a"], ["b"]), node("Neg", ["b"], ["y"])], "a cycle through"),
    "self-loop": ([node("Add", ["x", "y"], ["y"])], "a cycle through Add node 'y'"),
    "made twice": ([node("Relu", ["x"], ["y"]), node("Tanh", ["x"], ["y"])], "'y' is made twice"),
    "made twice by one node": ([node("Split", ["x"], ["y", "y"])], "'y' is made twice"),
    "input made again": ([node("Relu", ["x"], ["x"]), node("Relu", ["x"], ["y"])], "'x' is made twice"),
    "dangling": ([node("Relu", ["nowhere"], ["y"])], "Relu node 'y' reads 'nowhere', which nothing makes"),
    "no output": ([node("Relu", ["x"], ["other"])], "nothing makes the graph output 'y'"),
    "no operator": ([node("", ["x"], ["y"])], "/graph/node/0: a node without an operator type"),
    "no such operator": ([node("Rellu", ["x"], ["y"])], "Rellu does not exist in opset 17"),
    "too new": ([node("Gelu", ["x"], ["y"])], "Gelu does not exist in opset 17"),
    "deprecated": ([node("Upsample", ["x", "x"], ["y"])], "Upsample does not exist in opset 17"),
    "missing inputs": ([node("Conv", ["x"], ["y"])], "has 1 inputs; Conv needs 2"),
    "omitted input": ([node("Conv", ["x", ""], ["y"])], "lacks its input 1"),
    "too many inputs": ([node("Relu", ["x", "x"], ["y"])], "has 2 inputs; Relu takes 1"),
    "no outputs": ([node("Relu", ["x"], []), node("Relu", ["x"], ["y"])], "has 0 outputs; Relu makes 1"),
    "output without a name": ([node("Relu", ["x"], [""]), node("Relu", ["x"], ["y"])], "has 0 outputs; Relu makes 1"),
    "outputs shifted": ([node("Relu", ["x"], ["", "y"])], "has 0 outputs; Relu makes 1"),
    "missing attribute": ([node("DepthToSpace", ["x"], ["y"])], "has no attribute blocksize"),
    "pads": ([node("MaxPool", ["x"], ["y"], kernel_shape=[2, 2], pads=[1, 1, 1])], "pads has 3 numbers for 2 spatial axes"),
    "strides": ([node("AveragePool", ["x"], ["y"], kernel_shape=[2, 2], strides=[0, 1])], "its strides holds 0"),
    "no branches": ([node("If", ["x"], ["y"])], "has no attribute then_branch|has no attribute else_branch"),
    "wrong attribute": ([node("LeakyRelu", ["x"], ["y"], alpha="much")], "its attribute alpha has a wrong type"),
    "wrong list": ([node("MaxPool", ["x"], ["y"], kernel_shape=["a"])], "its attribute kernel_shape has a wrong type"),
    "wrong number of parts": ([node("Split", ["x"], ["y", "z"], num_outputs=10**12)], "num_outputs is not the number"),
}  # fmt: skip


@pytest.mark.parametrize(("nodes", "message"), GRAPHS.values(), ids=GRAPHS)
def test_broken_graphs(nodes: list[onnx.NodeProto], message: str) -> None:
    opset = 18 if nodes[0].op_type == "Split" and nodes[0].attribute else 17
    assert any(part in refusal(made(nodes, opset=opset)) for part in message.split("|"))


@pytest.mark.parametrize(
    "change",
    [
        lambda g: g.input.append(g.input[0]),
        lambda g: g.initializer.extend([zeros("w", 1), zeros("w", 1)]),
        lambda g: g.initializer.append(zeros("y", 1)),
    ],
)
def test_names_that_come_twice(change: object) -> None:
    proto = made([node("Relu", ["x"], ["y"])])
    change(proto.graph)  # type: ignore[operator]
    assert any(part in refusal(proto) for part in ("there are two inputs", "there are two initializers", "made twice"))


def test_broken_subgraphs() -> None:
    body = """g (bool c, float[1] x) => (float[1] y) {{
        y = If (c) < then_branch = t () => (float[1] b) {{ {inner} }}, else_branch = e () => (float[1] d) {{ d = Relu(x) }} > }}"""
    assert "reads 'lost'" in refusal(parsed(body.format(inner="b = Relu(lost)")))
    assert "a cycle" in refusal(parsed(body.format(inner="a = Add(x, b) b = Relu(a)")))
    assert "a cycle" in refusal(parsed(body.format(inner="b = Relu(y)")))
    assert "of graph/y.then_branch" in refusal(parsed(body.format(inner="a = Relu(x)")))
    assert "Rellu does not exist" in refusal(parsed(body.format(inner="b = Rellu(x)")))


def test_a_name_inside_a_subgraph_may_hide_an_outer_one() -> None:
    body = """g (bool c, float[1] x) => (float[1] y) { h = Relu(x)
        z = If (c) < then_branch = t () => (float[1] h) { h = Tanh(x) }, else_branch = e () => (float[1] d) { d = Relu(h) } >
        y = Neg(z) }"""
    assert operators(text(body)) == ["Relu", "If", "Neg"]


@pytest.mark.parametrize(
    ("dims", "message"),
    [([-2, 3], "declared with a size of -2"), ([1 << 40, 1 << 40], "overflow"), ([1 << 62, 2], "overflow")],
)
def test_impossible_sizes(dims: list[int], message: str) -> None:
    good = [node("Relu", ["x"], ["h"]), node("Relu", ["h"], ["y"])]
    assert message in refusal(made(good, inputs=[value("x", FLOAT, dims)]))
    inner = made(good)
    inner.graph.value_info.append(value("h", FLOAT, dims))
    assert message in refusal(inner)


def test_opsets_that_are_missing_or_cannot_be() -> None:
    proto = made([node("Relu", ["x"], ["y"])])
    del proto.opset_import[:]
    assert "imports no opset" in refusal(proto)
    proto.opset_import.append(helper.make_opsetid("com.example", 1))
    assert "no opset of the default domain" in refusal(proto)
    proto.opset_import.append(helper.make_opsetid("", 0))
    assert "imports opset 0" in refusal(proto)


IMAGE = [value("x", FLOAT, [1, 4, 8, 8])]
ROWS = [value("x", FLOAT, [2, 6])]
WEIGHTS = {
    "Conv": (IMAGE, node("Conv", ["x", "w"], ["y"]), [zeros("w", 8, 3, 1, 1)], "for 3 input channels, but its input has 4"),
    "grouped Conv": (IMAGE, node("Conv", ["x", "w"], ["y"], group=2), [zeros("w", 8, 4, 1, 1)], "for 8 input channels"),
    "indivisible": (IMAGE, node("Conv", ["x", "w"], ["y"], group=4), [zeros("w", 6, 1, 1, 1)], "cannot be divided into 4"),
    "no group": (IMAGE, node("Conv", ["x", "w"], ["y"], group=0), [zeros("w", 6, 4, 1, 1)], "its group is 0"),
    "rank": (IMAGE, node("Conv", ["x", "w"], ["y"]), [zeros("w", 6, 4, 1)], "has 4 axes and its weights 3"),
    "kernel": (IMAGE, node("Conv", ["x", "w"], ["y"], kernel_shape=[3, 3]), [zeros("w", 6, 4, 1, 1)], "is not that of its weights"),
    "dilations": (IMAGE, node("Conv", ["x", "w"], ["y"], dilations=[1]), [zeros("w", 6, 4, 1, 1)], "1 numbers for 2 spatial axes"),
    "bias": (IMAGE, node("Conv", ["x", "w", "b"], ["y"]), [zeros("w", 6, 4, 1, 1), zeros("b", 5)], "bias has 5 elements for 6"),
    "transposed": (IMAGE, node("ConvTranspose", ["x", "w"], ["y"]), [zeros("w", 5, 2, 1, 1)], "for 5 input channels"),
    "Gemm": (ROWS, node("Gemm", ["x", "w"], ["y"], transB=1), [zeros("w", 3, 5)], "rows of 6 elements by columns of 5"),
    "MatMul": (ROWS, node("MatMul", ["x", "w"], ["y"]), [zeros("w", 5, 6)], "rows of 6 elements by columns of 5"),
    "norm": (IMAGE, node("BatchNormalization", ["x", "s", "s", "s", "s"], ["y"]), [zeros("s", 3)], "for 3 channels, but its input has 4"),
    "norm lengths": (
        IMAGE, node("BatchNormalization", ["x", "s", "s", "s", "v"], ["y"]), [zeros("s", 4), zeros("v", 5)], "lengths: 4, 5",
    ),
    "norm rank": (IMAGE, node("BatchNormalization", ["x", "s", "s", "s", "s"], ["y"]), [zeros("s", 4, 1)], "no vectors"),
    "norm scalars": (IMAGE, node("BatchNormalization", ["x", "s", "s", "s", "s"], ["y"]), [zeros("s")], "no vectors"),
    "group norm": (IMAGE, node("GroupNormalization", ["x", "s", "s"], ["y"], num_groups=2), [zeros("s", 3)], "for 3 channels"),
    "Gemm bias": (ROWS, node("Gemm", ["x", "w", "b"], ["y"]), [zeros("w", 6, 5), zeros("b", 4)], "bias has 4 elements for 5 outputs"),
    "layer norm": (IMAGE, node("LayerNormalization", ["x", "s"], ["y"], axis=-1), [zeros("s", 3)], "have 8 and 3 elements"),
    "PRelu": (IMAGE, node("PRelu", ["x", "s"], ["y"]), [zeros("s", 3, 1, 1)], "have 4 and 3 elements on one axis"),
    "Add": (IMAGE, node("Add", ["s", "x"], ["y"]), [zeros("s", 3, 1, 1)], "have 3 and 4 elements on one axis"),
    "LSTM": (
        [value("x", FLOAT, [3, 1, 7])], node("LSTM", ["x", "w", "r"], ["y"], hidden_size=5),
        [zeros("w", 1, 20, 6), zeros("r", 1, 20, 5)], "for 6 inputs, but its input has 7",
    ),
    "GRU": (
        [value("x", FLOAT, [3, 1, 7])], node("GRU", ["x", "w", "r"], ["y"], hidden_size=5),
        [zeros("w", 1, 15, 7), zeros("r", 1, 12, 4)], "do not belong together",
    ),
    "instance norm": (IMAGE, node("InstanceNormalization", ["x", "s", "s"], ["y"]), [zeros("s", 3)], "for 3 channels"),
}  # fmt: skip


@pytest.mark.parametrize(("inputs", "layer", "weights", "message"), WEIGHTS.values(), ids=WEIGHTS)
def test_weights_that_contradict_their_input(
    inputs: list[onnx.ValueInfoProto], layer: onnx.NodeProto, weights: Iterable[TensorProto], message: str
) -> None:
    opset = 21 if layer.op_type == "GroupNormalization" else 17
    assert message in refusal(made([layer], inputs=inputs, initializers=weights, opset=opset))


def test_weights_in_constant_nodes_and_around_subgraphs_count_too() -> None:
    constant = node("Constant", [], ["w"], value=zeros("", 8, 3, 1, 1))
    assert "3 input channels" in refusal(made([constant, node("Conv", ["x", "w"], ["y"])], inputs=IMAGE))


FINE = {
    "unknown rank": ([value("x", FLOAT, None)], node("Conv", ["x", "w"], ["y"])),
    "unknown channels": ([value("x", FLOAT, [1, "C", 8, 8])], node("Conv", ["x", "w"], ["y"])),
    "computed weights": ([*IMAGE, value("w2", FLOAT, [8, 3, 1, 1])], node("Conv", ["x", "w2"], ["y"])),
    "a slope for each channel": (IMAGE, node("PRelu", ["x", "s"], ["y"])),
    "operands that broadcast": (IMAGE, node("Add", ["x", "c"], ["y"])),
    "trailing omitted input": (IMAGE, node("Relu", ["x", ""], ["y"])),
}


@pytest.mark.parametrize(("inputs", "layer"), FINE.values(), ids=FINE)
def test_what_is_merely_unknown_or_sloppy_passes(inputs: list[onnx.ValueInfoProto], layer: onnx.NodeProto) -> None:
    weights = [zeros("w", 8, 4, 1, 1), zeros("s", 4), zeros("c", 4, 1, 1)]
    assert operators(read(made([layer], inputs=inputs, initializers=weights))) == [layer.op_type]


def test_parameters_for_each_element_before_opset_9() -> None:
    layer = node("BatchNormalization", ["x", "s", "s", "s", "s"], ["y"], spatial=0)
    read(made([layer], inputs=IMAGE, initializers=[zeros("s", 4 * 8 * 8)], opset=7))


def test_operators_that_onnx_had_on_trial_pass_in_old_opsets() -> None:
    old = made([node("ImageScaler", ["x"], ["y"])], opset=8)
    assert operators(read(old)) == ["ImageScaler"]
    old.opset_import[0].version = 11
    assert "ImageScaler does not exist in opset 11" in refusal(old)


def test_operators_exist_until_they_are_deprecated() -> None:
    nodes = [node("Upsample", ["x", "scales"], ["y"])]
    scales = helper.make_tensor("scales", FLOAT, [2], [1.0, 2.0])
    assert shape(read(made(nodes, initializers=[scales], opset=9)), "y") == (1, 8)


def test_an_operator_that_was_never_anything_but_deprecated_is_read() -> None:
    normalization = node("GroupNormalization", ["x", "s", "s"], ["y"], num_groups=1)
    scales = helper.make_tensor("s", FLOAT, [1], [1.0])
    assert operators(read(made([normalization], initializers=[scales], opset=18))) == ["GroupNormalization"]


def test_nodes_of_newer_opsets_must_still_hold_together() -> None:
    assert "has 0 inputs" in refusal(made([node("Sigmoid", [], ["y"])], opset=999))
    pool = node("MaxPool", ["x"], ["y"], kernel_shape=["a"], strides=["b"])
    assert "has a wrong type" in refusal(made([pool], opset=999))
    assert operators(read(made([node("Relu", ["x", "x"], ["y"], novel=1)], opset=999))) == ["Relu"]


@pytest.mark.parametrize("data", [b"hello", b"", b"\x08\x08", b"\x08\x08\x3a\xff\xff\xff\xff\x0f", b"\xff" * 100])
def test_what_is_no_model(data: bytes) -> None:
    refusal(data)


def test_truncated_models() -> None:
    data = made([node("Relu", ["x"], ["y"])], initializers=[integers("s", 1, 2, 3)]).SerializeToString()
    for length in range(len(data)):
        with contextlib.suppress(ModelError):  # any other exception fails the test
            assert operators(read(data[:length])) == ["Relu"]


def test_names_in_messages_are_escaped_and_short() -> None:
    for name in ("a\nb", "\x1b[31mred", "\u202egnp", "n" * 100_000, "../../etc"):
        assert len(refusal(made([node("Relu", [name], ["y"])]))) < 500
        refusal(made([node(name, ["x"], ["y"])]))
        refusal(made([node("Relu", ["x"], [name]), node("Relu", ["x"], [name])]))


def test_a_long_cycle_and_a_long_reversed_chain() -> None:
    names = [f"a{i}" for i in range(5_000)]
    ring = [node("Relu", [a], [b]) for a, b in zip(names, [*names[1:], names[0]], strict=True)]
    assert "a cycle" in refusal(made(ring, outputs=["a0"]))
    backwards = [node("Relu", [a], [b]) for a, b in zip(["x", *names], names, strict=False)][::-1]
    model = read(made(backwards, outputs=["a4999"]))
    assert [n.index for n in model.graph.nodes] == list(range(4_999, -1, -1))
    assert shape(model, "a4999") == (1, 4)
