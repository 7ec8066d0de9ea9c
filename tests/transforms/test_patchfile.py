"""Patches saved, read back, applied, and refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.helper as oh
import pytest

from qlint.errors import QlintError, StalePatchError
from qlint.files.onnx_file import read_model
from qlint.files.write import write_model
from qlint.transforms.apply import apply, editable
from qlint.transforms.patch import AddNode, AddTensor, NodeSpec, Patch, RemoveNode, ReplaceNode, SetInputs, SetOutputs
from qlint.transforms.patchfile import apply_file, load, save
from qlint.transforms.run import prepare
from tests.transforms.trivial import DoubleWeights, LeakyRelu, conv_network, network


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """model.onnx, and p.json with p.json.npz made for it."""
    onnx.save(conv_network(9), tmp_path / "model.onnx")
    model = read_model(tmp_path / "model.onnx")
    save(tmp_path / "p.json", model, prepare(model, [DoubleWeights(), LeakyRelu()]).applied, {"scope": "network"})
    return tmp_path


def test_a_saved_patch_does_the_same(folder: Path) -> None:
    path = folder / "model.onnx"
    model = read_model(path)
    direct = prepare(model, [DoubleWeights(), LeakyRelu()])
    again = apply_file(folder / "p.json", model)
    for name, prepared in (("one", direct), ("two", again)):
        write_model(path, prepared.model, folder / name)
    assert (folder / "one").read_bytes() == (folder / "two").read_bytes()
    document, patches = load(folder / "p.json")
    assert document["verification"] == {"scope": "network"}
    assert [patch.title for patch in patches] == [entry.patch.title for entry in direct.applied]
    # And the same bytes each time.
    before = (folder / "p.json").read_bytes(), (folder / "p.json.npz").read_bytes()
    save(folder / "p.json", model, again.applied, {"scope": "network"})
    assert ((folder / "p.json").read_bytes(), (folder / "p.json.npz").read_bytes()) == before


def test_small_patches_need_no_second_file(tmp_path: Path) -> None:
    onnx.save(conv_network(), tmp_path / "m.onnx")
    model = read_model(tmp_path / "m.onnx")
    save(tmp_path / "p.json", model, prepare(model, [LeakyRelu()]).applied)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["m.onnx", "p.json"]
    assert len(apply_file(tmp_path / "p.json", model).applied) == 1


def test_every_operation_and_attribute_survives(tmp_path: Path) -> None:
    values = {
        "i": -3, "f": 0.1, "s": "é", "ints": [1, 2], "floats": [0.5, float("inf"), 2.0], "strings": ["a", "b"],
        "nan": float("nan"), "t": np.asarray([1.5, 2.5], np.float16), "whole": 2.0,
    }  # fmt: skip
    spec = NodeSpec("Op", ("x", "", "c"), ("n", ""), values, "dom", "name")
    weights = np.arange(300, dtype=np.float64).reshape(3, 100)
    operations = (
        AddTensor("graph", "c", np.asarray(7, np.int64)),
        AddTensor("graph", "large", weights),
        AddNode("graph", spec),
        SetInputs("graph/b", ("n", "large")),
        ReplaceNode("graph/b", NodeSpec("Neg", ("n", "large"), ("b",), {})),
        RemoveNode("graph/y"),
        SetOutputs("graph/b", ("y",)),
    )
    patch = Patch("t", "equivalent", "graph/b", "Relu", "all", operations, ("x",), ("y",), "graph")
    model = read_model(Path("m.onnx"), data=conv_network().SerializeToString())
    save(tmp_path / "p.json", model, [apply(editable(model), patch)])
    (read,) = load(tmp_path / "p.json")[1]
    assert read.operations[3:] == operations[3:]
    node = read.operations[2]
    assert isinstance(node, AddNode) and repr(node.node) == repr(spec)  # NaN is not equal to itself
    for got, wanted in zip(read.operations[:2], operations[:2], strict=True):
        assert isinstance(got, AddTensor) and isinstance(wanted, AddTensor)
        assert got.values.dtype == wanted.values.dtype and got.values.shape == wanted.values.shape
        np.testing.assert_array_equal(got.values, wanted.values)


def test_a_changed_model_is_refused(folder: Path) -> None:
    proto = onnx.load(folder / "model.onnx")
    proto.graph.node[0].attribute[0].ints[0] = 3
    other = read_model(Path("other.onnx"), data=proto.SerializeToString())
    with pytest.raises(StalePatchError, match="another model") as error:
        apply_file(folder / "p.json", other)
    assert error.value.code == "QL005"


def test_other_weights_are_refused(folder: Path) -> None:
    proto = onnx.load(folder / "model.onnx")
    weights = onnx.numpy_helper.to_array(proto.graph.initializer[0]).copy()
    weights[3, 3, 8, 8] += 1
    proto.graph.initializer[0].CopyFrom(onnx.numpy_helper.from_array(weights, "w"))
    other = read_model(Path("other.onnx"), data=proto.SerializeToString())
    # The model's digest does not cover large weights.
    assert other.digest == read_model(folder / "model.onnx").digest
    with pytest.raises(StalePatchError, match="constant 'w'"):
        apply_file(folder / "p.json", other)


@pytest.mark.parametrize(
    ("edit", "problem"),
    [
        (lambda operation: operation["expect"]["attributes"].update(pads=[1, 1, 1, 1]), "attribute 'pads'"),
        (lambda operation: operation["expect"].update(inputs=["x", "v"]), "inputs"),
        (lambda operation: operation["expect"].update(op_type="ConvTranspose"), "operator"),
        (lambda operation: operation["expect"].update(outputs=["b"]), "outputs"),
        (lambda operation: operation.update(id="graph/other"), "no node 'graph/other'"),
    ],
)
def test_what_is_not_as_expected_is_refused(folder: Path, edit: Callable[[Any], None], problem: str) -> None:
    document = json.loads((folder / "p.json").read_text())
    edit(document["patches"][0]["operations"][2])
    (folder / "p.json").write_text(json.dumps(document))
    with pytest.raises(StalePatchError, match=problem):
        apply_file(folder / "p.json", read_model(folder / "model.onnx"))


def test_constants_that_a_replaced_node_leaves_behind_are_checked(tmp_path: Path) -> None:
    def model(scale: float) -> onnx.ModelProto:
        weights = np.full((4, 6, 6, 1, 2), scale, np.float32)
        return network(
            oh.make_node("Identity", ["w"], ["v"]),
            oh.make_node("Shape", ["v"], ["s"]),
            oh.make_node("Neg", ["x"], ["y"]),
            oh.make_node("Expand", ["x", "s"], ["e"]),
            oh.make_node("Abs", ["e"], ["unread"]),
            weights={"w": weights},
        )

    one, other = (read_model(Path("m.onnx"), data=model(scale).SerializeToString()) for scale in (1.0, 2.0))
    assert one.digest == other.digest
    operations = (RemoveNode("graph/unread"), RemoveNode("graph/e"))
    patch = Patch("t", "exact", "graph/e", "Expand", "dead", operations, ("x",), (), "graph")
    applied = apply(editable(one), patch)
    assert [tensor.name for _, tensor in applied.dropped_tensors] == ["w"]
    save(tmp_path / "p.json", one, [applied])
    assert len(apply_file(tmp_path / "p.json", one).applied) == 1
    with pytest.raises(StalePatchError, match="constants"):
        apply_file(tmp_path / "p.json", other)


def test_tensors_of_another_patch_are_refused(folder: Path) -> None:
    with np.load(folder / "p.json.npz") as archive:
        tensors = {name: archive[name].copy() for name in archive.files}
    next(iter(tensors.values()))[0] ^= 1
    np.savez(folder / "p.json.npz", **tensors)
    with pytest.raises(QlintError, match="not the one that belongs to it"):
        load(folder / "p.json")


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{", b"[]", b"{}", b"\xff\xfe", b"[" * 100_000, b'{"schema": "qlint.patch/v1"}',
        b'{"schema":"qlint.patch/v1","model":{"digest":"sha256:0"},"tensors":"../x.npz","patches":[],"verification":null}',
    ],
)  # fmt: skip
def test_what_is_no_patch_is_an_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "p.json").write_bytes(content)
    with pytest.raises(QlintError) as error:
        load(tmp_path / "p.json")
    assert error.value.path == (tmp_path / "p.json").as_posix() and error.value.remedy


def test_what_stands_in_the_place_of_a_patch_is_told(tmp_path: Path) -> None:
    pointer = tmp_path / "pointer.json"
    pointer.write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")
    places = {pointer: "Git-LFS pointer", tmp_path: "not a file", tmp_path / "none.json": "no such patch file"}
    for path, words in places.items():
        with pytest.raises(QlintError, match=words) as error:
            load(path)
        assert error.value.path == path.as_posix() and error.value.remedy


def test_missing_and_damaged_stores(folder: Path) -> None:
    whole = (folder / "p.json.npz").read_bytes()
    for content in (
        b"",
        whole[: len(whole) // 2],
        whole.replace(b"|u1", b"|O "),
        whole.replace(b"tensor_0", b"tensor_9"),
    ):
        (folder / "p.json.npz").write_bytes(content)
        with pytest.raises(QlintError):
            load(folder / "p.json")
    (folder / "p.json.npz").unlink()
    with pytest.raises(QlintError, match="missing"):
        load(folder / "p.json")
    with pytest.raises(QlintError, match="no such patch"):
        load(folder / "none.json")


def test_a_store_that_unpacks_to_more_than_it_should_is_refused(folder: Path) -> None:
    np.savez_compressed(folder / "p.json.npz", tensor_0=np.zeros(100_000_000, np.uint8), tensor_1=np.zeros(1, np.uint8))
    with pytest.raises(QlintError, match="larger than"):
        load(folder / "p.json")
