"""Edits in model-local functions: the calls they are in are written out, all else stays as it is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnx.helper as oh
import pytest
from onnx.reference import ReferenceEvaluator

from qlint.files.onnx_file import read_model
from qlint.files.write import write_model
from qlint.preparing import apply_patch, fix
from qlint.rules import library
from qlint.transforms.apply import apply, editable
from qlint.transforms.base import Transform
from qlint.transforms.patch import NodeSpec, Patch, ReplaceNode
from qlint.transforms.run import prepare
from tests.transforms.trivial import DoubleWeights, DropIdentity, LeakyRelu, network, run

OPSET = [oh.make_opsetid("", 17)]
WEIGHTS = np.random.default_rng(0).normal(size=(4, 4, 9, 9)).astype(np.float32)


def function(
    name: str, *nodes: onnx.NodeProto, outputs: tuple[str, ...] = ("b",), **more: object
) -> onnx.FunctionProto:
    imports = [*OPSET, oh.make_opsetid("f", 1)]
    return oh.make_function("f", name, ["a"], list(outputs), list(nodes), imports, **more)  # type: ignore[arg-type]


def call(name: str, source: str, *outputs: str, **attributes: object) -> onnx.NodeProto:
    return oh.make_node(name, [source], list(outputs), domain="f", doc_string=f"call of {name}", **attributes)  # type: ignore[arg-type]


def relu(source: str, output: str) -> onnx.NodeProto:
    return oh.make_node("Relu", [source], [output], name=f"{output}_name", doc_string="documented")


def saved(folder: Path, *nodes: onnx.NodeProto, functions: list[onnx.FunctionProto]) -> Path:
    proto = network(*nodes, functions=functions)
    proto.opset_import.add(domain="f", version=1)
    onnx.save(proto, folder / "in.onnx")
    onnx.checker.check_model(str(folder / "in.onnx"), full_check=True)
    return folder / "in.onnx"


def by_runtime(path: Path) -> np.ndarray:
    return np.asarray(run(path)[0])


def by_reference(path: Path) -> np.ndarray:
    x = np.random.default_rng(1).normal(size=(1, 4, 6, 6)).astype(np.float32)
    return np.asarray(ReferenceEvaluator(onnx.load(path)).run(None, {"x": x})[0])


def rewritten(
    path: Path, *transforms: Transform, computed: Callable[[Path], np.ndarray] = by_runtime
) -> onnx.ModelProto:
    """The result, which is sound and computes what the original does; a second time nothing is found in it."""
    out = path.with_name("out.onnx")
    prepared = prepare(read_model(path), transforms)
    assert prepared.applied and not prepared.declined
    write_model(path, prepared.model, out)
    onnx.checker.check_model(str(out), full_check=True)
    np.testing.assert_allclose(computed(out), computed(path), rtol=1e-5, atol=1e-5)
    assert not prepare(read_model(out), transforms).applied
    result = onnx.load(out)
    assert list(result.functions) == list(onnx.load(path).functions)
    return result


def operators(model: onnx.ModelProto) -> list[str]:
    return [node.op_type for node in model.graph.node]


def test_only_the_call_that_is_changed_is_written_out(tmp_path: Path) -> None:
    functions = [function("F", relu("a", "t"), oh.make_node("Neg", ["t"], ["b"]))]
    path = saved(tmp_path, call("F", "x", "p"), call("F", "p", "q"), call("F", "q", "y"), functions=functions)
    model = editable(read_model(path))
    spec = NodeSpec("LeakyRelu", ("p",), ("q/t",), {"alpha": 0.0})
    apply(model, Patch("t", "exact", "graph/q/t", "Relu", "", (ReplaceNode("graph/q/t", spec),), ("p",), (), "graph"))
    write_model(path, model, tmp_path / "out.onnx")
    result = onnx.load(tmp_path / "out.onnx")
    assert operators(result) == ["F", "LeakyRelu", "Neg", "F"] and list(result.functions) == functions
    original = onnx.load(path).graph.node
    assert [result.graph.node[0], result.graph.node[3]] == [original[0], original[2]]
    assert [node.doc_string for node in result.graph.node[1:3]] == ["documented", ""]
    assert result.graph.node[1].name == "q/t_name"
    np.testing.assert_array_equal(run(tmp_path / "out.onnx")[0], run(path)[0])


def test_a_change_outside_leaves_all_calls(tmp_path: Path) -> None:
    functions = [function("F", oh.make_node("Neg", ["a"], ["b"]))]
    path = saved(tmp_path, call("F", "x", "p"), relu("p", "q"), call("F", "q", "y"), functions=functions)
    assert operators(rewritten(path, LeakyRelu())) == ["F", "LeakyRelu", "F"]


def test_a_call_that_reads_another_tensor_is_written_out(tmp_path: Path) -> None:
    functions = [function("F", oh.make_node("Neg", ["a"], ["b"]))]
    same = oh.make_node("Identity", ["p"], ["q"])
    path = saved(tmp_path, call("F", "x", "p"), same, call("F", "q", "y"), functions=functions)
    assert operators(rewritten(path, DropIdentity())) == ["F", "Neg"]


def test_weights_in_functions_and_functions_in_functions(tmp_path: Path) -> None:
    held = oh.make_node("Constant", [], ["w"], value=onnx.numpy_helper.from_array(WEIGHTS))
    conv = oh.make_node("Conv", ["a", "w"], ["b"], pads=[4] * 4)
    functions = [
        function("Inner", held, conv),
        function("Outer", relu("a", "t"), call("Inner", "t", "u"), relu("u", "b")),
    ]
    path = saved(tmp_path, call("Outer", "x", "p"), call("Inner", "p", "y"), functions=functions)
    result = rewritten(path, DoubleWeights(), LeakyRelu())
    assert operators(result) == ["LeakyRelu", "Conv", "Mul", "LeakyRelu", "Conv", "Mul"]
    kept = rewritten(path, LeakyRelu())
    assert operators(kept) == ["LeakyRelu", "Constant", "Conv", "LeakyRelu", "Inner"]
    (value,) = (node.attribute[0].t for node in kept.graph.node if node.op_type == "Constant")
    np.testing.assert_array_equal(onnx.numpy_helper.to_array(value), WEIGHTS)


def branch(name: str, *nodes: onnx.NodeProto) -> onnx.GraphProto:
    made = oh.make_tensor_value_info(nodes[-1].output[0], onnx.TensorProto.FLOAT, [1, 4, 6, 6])
    return oh.make_graph(list(nodes), name, [], [made])


@pytest.mark.parametrize("inside", [False, True])
def test_subgraphs(tmp_path: Path, inside: bool) -> None:
    """Graphs within a function, and calls within a graph."""
    yes = oh.make_node("Constant", [], ["c"], value=onnx.numpy_helper.from_array(np.asarray(True)))
    source = "a" if inside else "x"
    then = branch("then", call("G", source, "m"), relu("m", "n"))
    other = branch("other", call("H", source, "o"))
    choice = oh.make_node("If", ["c"], ["b" if inside else "y"], then_branch=then, else_branch=other)
    functions = [function("G", relu("a", "t"), relu("t", "b")), function("H", oh.make_node("Neg", ["a"], ["b"]))]
    functions += [function("F", yes, choice)] if inside else []
    path = saved(tmp_path, *([call("F", "x", "y")] if inside else [yes, choice]), functions=functions)
    result = rewritten(path, LeakyRelu())
    assert operators(result) == ["Constant", "If"]
    bodies = {a.name: [node.op_type for node in a.g.node] for a in result.graph.node[1].attribute}
    assert bodies == {"then_branch": ["LeakyRelu"] * 3, "else_branch": ["Neg"] if inside else ["H"]}


def test_attributes_that_a_call_gives(tmp_path: Path) -> None:
    scaled = oh.make_node("Elu", ["a"], ["t"])
    scaled.attribute.add(name="alpha", type=onnx.AttributeProto.FLOAT, ref_attr_name="slope")
    functions = [function("F", scaled, relu("t", "b"), attributes=["slope"])]
    path = saved(tmp_path, call("F", "x", "y", slope=0.5), functions=functions)
    result = rewritten(path, LeakyRelu())
    assert operators(result) == ["Elu", "LeakyRelu"]
    assert [a.f for a in result.graph.node[0].attribute] == [0.5]


def test_inputs_that_a_function_gives_back(tmp_path: Path) -> None:
    functions = [function("F", relu("a", "b"), outputs=("b", "a"))]
    path = saved(tmp_path, call("F", "x", "p", "q"), oh.make_node("Add", ["p", "q"], ["y"]), functions=functions)
    result = rewritten(path, LeakyRelu(), computed=by_reference)  # onnxruntime does not load such functions
    assert sorted(operators(result)) == ["Add", "Identity", "LeakyRelu"]


def test_the_whole_way(tmp_path: Path) -> None:
    """Normalizations in a function that is called twice are fused, proven, and saved as a patch."""
    ones = [
        oh.make_node("Constant", [], [name], value_floats=[value] * 4)
        for name, value in zip("sgmv", (2.0, 1.0, 3.0, 4.0), strict=True)
    ]
    held = oh.make_node("Constant", [], ["w"], value=onnx.numpy_helper.from_array(WEIGHTS))
    conv = oh.make_node("Conv", ["a", "w"], ["t"], pads=[4] * 4)
    normal = oh.make_node("BatchNormalization", ["t", "s", "g", "m", "v"], ["b"])
    functions = [function("F", held, *ones, conv, normal)]
    path = saved(tmp_path, call("F", "x", "p"), call("F", "p", "y"), functions=functions)
    out, patch, again = (str(tmp_path / name) for name in ("out.onnx", "p.json", "again.onnx"))
    fixed = fix(str(path), library.load("matlab", None), out=out, patch=patch, select=["fuse-batch-normalization"])
    assert fixed.status == "written" and len(fixed.applied) == 2
    result = onnx.load(out)
    assert operators(result) == ["Conv", "Conv"] and list(result.functions) == functions
    onnx.checker.check_model(out, full_check=True)
    np.testing.assert_allclose(run(Path(out))[0], run(path)[0], rtol=1e-4, atol=1e-4)
    apply_patch(str(path), patch, again)
    assert Path(again).read_bytes() == Path(out).read_bytes()


def test_a_graph_that_is_handed_to_a_function_is_left(tmp_path: Path) -> None:
    choice = oh.make_node("If", ["c"], ["b"], else_branch=branch("other", oh.make_node("Neg", ["a"], ["o"])))
    choice.attribute.add(name="then_branch", type=onnx.AttributeProto.GRAPH, ref_attr_name="body")
    yes = oh.make_node("Constant", [], ["c"], value=onnx.numpy_helper.from_array(np.asarray(True)))
    proto = network(
        call("F", "x", "y", body=branch("given", relu("x", "r"))),
        functions=[function("F", yes, choice, attributes=["body"])],
    )
    proto.opset_import.add(domain="f", version=1)
    onnx.save(proto, tmp_path / "in.onnx")
    prepared = prepare(read_model(tmp_path / "in.onnx"), [LeakyRelu()])
    assert not prepared.applied
    (declined,) = prepared.declined
    assert declined.type == "Relu" and "handed to a model-local function" in declined.reason
