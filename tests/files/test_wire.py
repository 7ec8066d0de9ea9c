"""The walk over the wire format: what it keeps, what it leaves out, what it refuses."""

from __future__ import annotations

import mmap
import os
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from qlint.errors import ModelError
from qlint.files import wire
from qlint.files.wire import SMALL, Payload, payload_of, strip
from tests.files.handmade import field, model_of, nested, protos, raw_model, read

ROOT = Path(__file__).parents[2]
MODELS = sorted((ROOT / "fixtures").glob("*.onnx"))
if os.environ.get("QLINT_MODELS"):
    MODELS += sorted(Path(os.environ["QLINT_MODELS"]).rglob("*.onnx"))

LARGE = numpy_helper.from_array(np.arange(1000, dtype=np.float32), "w")
PACKED_HEAD = 3
"""Bytes of the tag and the length of a packed field of a kilobyte or more."""

DATA_FIELDS = ("raw_data", "float_data", "int32_data", "int64_data", "double_data", "uint64_data", "string_data")


def without_large(message: onnx.ModelProto) -> tuple[onnx.ModelProto, int]:
    """The model with every large tensor's data cleared, and how many there were."""
    cleared = 0
    for tensor in protos(message):
        for name in DATA_FIELDS:
            if name == "raw_data":
                size = len(tensor.raw_data)
            else:
                alone = TensorProto()
                getattr(alone, name).extend(getattr(tensor, name))
                size = alone.ByteSize() - (0 if name == "string_data" else PACKED_HEAD)
            if size > SMALL:
                tensor.ClearField(name)
                cleared += 1
    return message, cleared


def unmarked(message: onnx.ModelProto, mark: str) -> onnx.ModelProto:
    """The model without qlint's marks."""
    for tensor in protos(message):
        if any(entry.key == mark for entry in tensor.external_data):
            tensor.ClearField("external_data")
            tensor.ClearField("data_location")
    return message


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.name)
def test_content_is_the_model_without_large_tensors(path: Path) -> None:
    data = path.read_bytes()
    stripped = strip(data)
    expected, cleared = without_large(onnx.ModelProto.FromString(data))
    assert unmarked(onnx.ModelProto.FromString(stripped.content), stripped.mark) == expected
    assert len(stripped.payloads) == cleared


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.name)
def test_node_spans_are_the_main_graph_s_nodes(path: Path) -> None:
    data = path.read_bytes()
    nodes = onnx.ModelProto.FromString(data).graph.node
    spans = strip(data).node_spans
    assert [onnx.NodeProto.FromString(data[begin:end]) for begin, end in spans] == list(nodes)


def attribute_model(value: object, name: str = "value") -> onnx.ModelProto:
    model = model_of()
    model.graph.node.append(helper.make_node("Constant", [], ["c"], **{name: value}))
    return model


def sparse() -> onnx.SparseTensorProto:
    indices = numpy_helper.from_array(np.arange(1000, dtype=np.int64), "i")
    return helper.make_sparse_tensor(LARGE, indices, [2000])


def branch() -> onnx.GraphProto:
    return helper.make_graph([helper.make_node("Constant", [], ["c"], value=LARGE)], "b", [], [])


def places() -> dict[str, tuple[onnx.ModelProto, int]]:
    """A large tensor everywhere that one may stand, and how many there are."""
    sparse_initializer = model_of()
    sparse_initializer.graph.sparse_initializer.append(sparse())
    function = model_of(
        functions=[
            helper.make_function(
                "d",
                "F",
                [],
                ["c"],
                [helper.make_node("Constant", [], ["c"], value=LARGE)],
                [helper.make_opsetid("", 17)],
            )
        ]
    )
    default = model_of(
        functions=[
            helper.make_function(
                "d",
                "F",
                [],
                [],
                [],
                [helper.make_opsetid("", 17)],
                attribute_protos=[helper.make_attribute("a", LARGE)],
            )
        ]
    )
    training = model_of()
    training.training_info.add().algorithm.initializer.append(LARGE)
    return {
        "initializer": (model_of(LARGE, LARGE), 2),
        "attribute": (attribute_model(LARGE), 1),
        "attribute with tensors": (attribute_model([LARGE, LARGE, LARGE]), 3),
        "graph attribute": (attribute_model(branch()), 1),
        "attribute with graphs": (attribute_model([branch(), branch()]), 2),
        "sparse attribute": (attribute_model(sparse(), "sparse_value"), 2),
        "sparse attributes": (attribute_model([sparse(), sparse()]), 4),
        "sparse initializer": (sparse_initializer, 2),
        "function": (function, 1),
        "function's default": (default, 1),
        "training": (training, 1),
    }


@pytest.mark.parametrize("place", places())
def test_large_tensors_are_found_wherever_they_stand(place: str) -> None:
    model, count = places()[place]
    data = model.SerializeToString()
    stripped = strip(data)
    assert len(stripped.payloads) == count
    assert unmarked(onnx.ModelProto.FromString(stripped.content), stripped.mark) == without_large(model)[0]
    for tensor in protos(onnx.ModelProto.FromString(stripped.content)):
        payload = payload_of(tensor, stripped)
        assert payload is not None
        ((offset, length),) = payload.chunks
        assert data[offset : offset + length] in (LARGE.raw_data, np.arange(1000, dtype=np.int64).tobytes())


def test_a_small_tensor_stays() -> None:
    data = model_of(numpy_helper.from_array(np.zeros(SMALL, np.uint8), "w")).SerializeToString()
    assert strip(data).content == data
    data = model_of(numpy_helper.from_array(np.zeros(SMALL + 1, np.uint8), "w")).SerializeToString()
    assert len(strip(data).payloads) == 1


def test_a_mark_is_new_in_each_walk_and_the_digest_is_not() -> None:
    data = model_of(LARGE).SerializeToString()
    one, two = strip(data), strip(data)
    assert one.mark != two.mark
    assert one.digest == two.digest
    assert one.digest.startswith("sha256:")


def test_digest_sees_names_dims_and_lengths_but_not_weights() -> None:
    def digest(array: np.ndarray, name: str = "w") -> str:
        return strip(model_of(numpy_helper.from_array(array, name)).SerializeToString()).digest

    same = digest(np.zeros((20, 50), np.float32))
    assert same == digest(np.ones((20, 50), np.float32))
    others = [
        digest(np.zeros((20, 50), np.float32), "v"),
        digest(np.zeros((50, 20), np.float32)),
        digest(np.zeros((20, 50), np.int32)),
        digest(np.zeros((20, 51), np.float32)),
    ]
    assert len({same, *others}) == 5


def test_a_model_cannot_forge_a_mark() -> None:
    stripped = strip(model_of(LARGE).SerializeToString())
    forged = onnx.ModelProto.FromString(stripped.content)
    again = strip(forged.SerializeToString())
    (tensor,) = protos(onnx.ModelProto.FromString(again.content))
    assert payload_of(tensor, again) is None


def test_shape_inference_leaves_what_was_left_out_alone() -> None:
    target = numpy_helper.from_array(np.full(1000, 1, np.int64), "s")
    model = model_of(target)
    model.graph.input.append(helper.make_tensor_value_info("x", TensorProto.FLOAT, [1]))
    model.graph.node.append(helper.make_node("Reshape", ["x", "s"], ["r"]))
    model.graph.node.append(helper.make_node("Relu", ["x"], ["z"]))
    inferred = onnx.shape_inference.infer_shapes(strip(model.SerializeToString()).content)
    inferred = onnx.ModelProto.FromString(inferred) if isinstance(inferred, bytes) else inferred
    assert "z" in {info.name for info in inferred.graph.value_info}


def test_data_in_several_pieces_stays_in_order() -> None:
    parts = [np.arange(300, dtype="<f4"), np.arange(300, 302, dtype="<f4"), np.arange(302, 700, dtype="<f4")]
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[700]).SerializeToString()
    tensor += b"".join(field(4, part.tobytes()) for part in parts)
    _, stripped, (read_tensor,) = read(raw_model(tensor))
    assert [length for _, length in stripped.payloads[0].chunks] == [1200, 8, 1592]
    assert np.array_equal(read_tensor.values(), np.arange(700, dtype=np.float32))


def test_the_last_of_two_raw_data_counts() -> None:
    tensor = TensorProto(name="w", data_type=TensorProto.UINT8, dims=[2000]).SerializeToString()
    _, _, (found,) = read(raw_model(tensor + field(9, bytes(3000)) + field(9, b"\x07" * 2000)))
    assert np.array_equal(found.values(), np.full(2000, 7, np.uint8))


@pytest.mark.parametrize("depth", [1, 10, 31])
def test_deep_nesting(depth: int) -> None:
    data = nested(depth, LARGE)
    stripped = strip(data)
    assert len(stripped.payloads) == 1
    assert (
        unmarked(onnx.ModelProto.FromString(stripped.content), stripped.mark)
        == without_large(onnx.ModelProto.FromString(data))[0]
    )


@pytest.mark.parametrize("depth", [40, 90, 3000])
def test_nesting_beyond_protobuf_s_limit(depth: int) -> None:
    with pytest.raises(ModelError, match="nested more than 100 deep"):
        strip(nested(depth, LARGE))


MODEL = model_of(LARGE).SerializeToString()


def test_unknown_fields_pass() -> None:
    data = MODEL + b"\xa0\x3f\x01" + b"\xa5\x3f\0\0\0\0" + b"\xa1\x3f" + bytes(8) + field(2000, b"later")
    assert strip(data).content.endswith(field(2000, b"later"))


def test_two_tensors_where_one_may_stand() -> None:
    attribute = field(1, b"value") + field(5, LARGE.SerializeToString()) * 2
    node = field(4, b"Constant") + field(5, attribute)
    with pytest.raises(ModelError, match="two tensors"):
        read(b"\x08\x08" + field(7, field(1, node)))


def test_any_buffer_will_do(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(MODEL)
    digest = strip(MODEL).digest
    assert strip(bytearray(MODEL)).digest == digest
    assert strip(memoryview(MODEL)).digest == digest
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        assert strip(mapped).digest == digest


def test_mapped_pages_are_given_back_and_come_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "WINDOW", mmap.PAGESIZE)
    tensors = [numpy_helper.from_array(np.full(9000 + i, i, np.uint16), f"w{i}") for i in range(20)]
    data = model_of(*tensors).SerializeToString()
    path = tmp_path / "m.onnx"
    path.write_bytes(data)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        found = strip(mapped)
        assert mapped[:] == data
    expected = strip(data)
    assert found.content.replace(found.mark.encode(), expected.mark.encode()) == expected.content
    assert found.payloads == expected.payloads


def test_payload_length() -> None:
    assert Payload("float_data", ((0, 4), (10, 8))).length == 12
