"""Values of every element type, however the file keeps them, and data that contradicts its dims."""

from __future__ import annotations

import os
from pathlib import Path

import ml_dtypes
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from qlint.errors import ModelError
from qlint.files.external import ExternalFiles
from qlint.files.source import Source
from qlint.files.tensors import ELEMENT_LIMIT, Tensor
from qlint.files.wire import SMALL, strip
from qlint.tristate import Unknown
from tests.files.handmade import field, model_of, nested, protos, raw_model, read, varint
from tests.files.test_wire import MODELS

TYPES = [name for name, number in TensorProto.DataType.items() if number]
SIZES = [0, 1, 7, 3001]
"""None, a scalar's worth, one that fills no byte of the packed types, and one that is left out."""


def same(found: object, expected: np.ndarray) -> bool:
    """Equal in type, shape and every bit (not-a-number too)."""
    assert isinstance(found, np.ndarray)
    if expected.dtype == object:
        return found.dtype == object and found.shape == expected.shape and found.tolist() == expected.tolist()
    return found.dtype == expected.dtype and found.shape == expected.shape and found.tobytes() == expected.tobytes()


def array_of(name: str, size: int) -> np.ndarray:
    """Values of an element type that use all its bits."""
    generator = np.random.default_rng(size)
    dtype = helper.tensor_dtype_to_np_dtype(getattr(TensorProto, name))
    if name == "STRING":
        return np.array([f"é{i}" for i in range(size)], object)
    if name == "BOOL":
        return generator.integers(0, 2, size).astype(bool)
    bits = {"4": 4, "2": 2}.get(name.removeprefix("U").removeprefix("INT"), 0)
    if name == "FLOAT4E2M1":
        bits = 4
    if name.startswith("FLOAT6"):
        bits = 6
    if bits:
        codes = generator.integers(0, 1 << bits, size).astype(np.uint8)
        if name.startswith("INT"):  # ml_dtypes keeps signed narrow integers with their sign extended
            return (
                np.where(codes >= 1 << (bits - 1), codes.astype(np.int16) - (1 << bits), codes)
                .astype(np.int8)
                .astype(dtype)
            )
        return codes.view(dtype)
    return np.frombuffer(generator.bytes(size * dtype.itemsize), dtype)


def raw(name: str, size: int) -> TensorProto:
    return numpy_helper.from_array(array_of(name, size), "w")


def typed(name: str, size: int) -> TensorProto:
    """The same values in the typed field."""
    tensor = raw(name, size)
    if name == "STRING":
        return tensor
    data = np.frombuffer(tensor.raw_data, np.uint8)
    if name.startswith("FLOAT6"):
        data = array_of(name, size).view(np.uint8)
    wide = helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize
    if name.startswith("COMPLEX"):
        data = data.view(f"f{wide // 2}")
    elif name in ("FLOAT", "DOUBLE"):
        data = data.view(f"f{wide}")
    else:
        data = data.view(f"{'u' if name.startswith('U') else 'i'}{wide}")
        if name not in ("INT8", "INT16", "INT32", "INT64", "UINT32", "UINT64"):
            data = data.view(f"u{wide}")
    tensor.ClearField("raw_data")
    getattr(tensor, helper.tensor_dtype_to_field(tensor.data_type)).extend(data.tolist())
    return tensor


def unpacked(tensor: TensorProto) -> bytes:
    """The tensor with its numbers one by one, as protobuf allows."""
    rest = TensorProto()
    rest.CopyFrom(tensor)
    out = b""
    for number, name, width in ((4, "float_data", 4), (10, "double_data", 8), (5, "int32_data", 0),
                                (7, "int64_data", 0), (11, "uint64_data", 0)):  # fmt: skip
        values = getattr(tensor, name)
        rest.ClearField(name)
        for value in values:
            if width:
                out += varint(number << 3 | (5 if width == 4 else 1)) + np.array(value, f"<f{width}").tobytes()
            else:
                out += varint(number << 3) + varint(value & (1 << 64) - 1)
    return rest.SerializeToString() + out


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", TYPES)
def test_raw_data(name: str, size: int) -> None:
    tensor = raw(name, size)
    _, stripped, (found,) = read(model_of(tensor).SerializeToString())
    held = len(tensor.raw_data) or sum(len(text) + 2 for text in tensor.string_data)
    assert len(stripped.payloads) == (held > SMALL)
    assert found.name == "w"
    assert found.type == name.lower()
    assert found.shape == (size,)
    assert found.nbytes == len(tensor.raw_data)
    assert same(found.values(), numpy_helper.to_array(tensor))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", TYPES)
def test_typed_fields(name: str, size: int) -> None:
    tensor = typed(name, size)
    _, stripped, (found,) = read(model_of(tensor).SerializeToString())
    assert [payload.field for payload in stripped.payloads] in ([], [helper.tensor_dtype_to_field(tensor.data_type)])
    assert same(found.values(), numpy_helper.to_array(tensor))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", [name for name in TYPES if name != "STRING"])
def test_typed_fields_one_by_one(name: str, size: int) -> None:
    tensor = typed(name, size)
    _, stripped, (found,) = read(raw_model(unpacked(tensor)))
    assert all(payload.records for payload in stripped.payloads)
    assert same(found.values(), numpy_helper.to_array(tensor))


def test_typed_fields_mixed() -> None:
    tensor = typed("INT32", 3001)
    head = TensorProto(name="w", data_type=TensorProto.INT32, dims=[3003]).SerializeToString()
    packed = field(5, b"".join(varint(value & (1 << 64) - 1) for value in tensor.int32_data))
    data = raw_model(head + b"\x28\x05" + packed + b"\x28\x06")
    (found,) = read(data)[2]
    assert found.values().tolist() == [5, *tensor.int32_data, 6]


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.name)
def test_every_tensor_of_real_models(path: Path) -> None:
    with Source.open(path) as source:
        stripped = strip(source.buffer)
    external = ExternalFiles(source)
    expected = list(protos(onnx.load(path, load_external_data=False)))
    found = list(protos(onnx.ModelProto.FromString(stripped.content)))
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        tensor = Tensor.from_proto(one, stripped, source, external)
        assert same(tensor.values(), numpy_helper.to_array(other, str(path.parent)))


def test_scalars_and_ranks() -> None:
    _, _, (found,) = read(model_of(helper.make_tensor("s", TensorProto.FLOAT, [], [2.5])).SerializeToString())
    assert found.shape == ()
    assert found.values() == np.float32(2.5)
    array = np.arange(1200, dtype=np.int64).reshape(2, 3, 4, 50)
    _, _, (found,) = read(model_of(numpy_helper.from_array(array)).SerializeToString())
    assert found.shape == (2, 3, 4, 50)
    assert same(found.values(), array)


def test_zero_elements_need_no_data() -> None:
    for dims in ([0], [3, 0, 5], [1 << 40, 0]):
        (found,) = read(raw_model(TensorProto(name="w", data_type=1, dims=dims).SerializeToString()))[2]
        values = found.values()
        assert values.shape == tuple(dims)
        assert found.nbytes == 0


def test_values_are_read_only_views_and_kept_while_used() -> None:
    (found,) = read(model_of(raw("FLOAT", 3001)).SerializeToString())[2]
    values = found.values()
    assert not values.flags.writeable
    assert not values.flags.owndata
    assert found.values() is values


def test_values_after_the_model_was_closed(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    tensor = raw("FLOAT", 3001)
    path.write_bytes(model_of(tensor).SerializeToString())
    with Source.open(path) as source:
        stripped = strip(source.buffer)
    (proto,) = protos(onnx.ModelProto.FromString(stripped.content))
    found = Tensor.from_proto(proto, stripped, source, ExternalFiles(source))
    assert same(found.values(), numpy_helper.to_array(tensor))
    path.write_bytes(path.read_bytes() + b"\x0a\x00")
    with pytest.raises(ModelError, match="changed"):
        found.values()


def test_no_descriptor_is_kept(tmp_path: Path) -> None:
    if not Path("/proc/self/fd").exists():
        pytest.skip("descriptors cannot be counted here")
    path = tmp_path / "m.onnx"
    path.write_bytes(model_of(raw("FLOAT", 3001)).SerializeToString())
    before = len(os.listdir("/proc/self/fd"))
    kept = []
    for _ in range(50):
        with Source.open(path) as source:
            stripped = strip(source.buffer)
        (proto,) = protos(onnx.ModelProto.FromString(stripped.content))
        kept.append(Tensor.from_proto(proto, stripped, source, ExternalFiles(source)))
        kept[-1].values()
    assert len(os.listdir("/proc/self/fd")) == before


def test_strings_that_are_not_text_are_escaped() -> None:
    tensor = TensorProto(name="w", data_type=TensorProto.STRING, dims=[2], string_data=[b"a\xff", b"b"])
    (found,) = read(model_of(tensor).SerializeToString())[2]
    assert found.values().tolist() == ["a\\xff", "b"]


def test_a_name_that_is_not_text() -> None:
    data = raw_model(TensorProto(data_type=1, dims=[1], raw_data=bytes(4)).SerializeToString() + field(8, b"a\xff\x1b"))
    (found,) = read(data)[2]
    assert found.name == "a\\xff\x1b"
    assert "\x1b" not in repr(found)


def test_too_many_elements_are_unknown(tmp_path: Path) -> None:
    count = ELEMENT_LIMIT + 1
    with (tmp_path / "w").open("wb") as file:
        file.truncate(count)
    tensor = TensorProto(name="w", data_type=TensorProto.INT8, dims=[count], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value="w")
    (found,) = read(model_of(tensor).SerializeToString(), tmp_path / "m.onnx")[2]
    values = found.values()
    assert isinstance(values, Unknown)
    assert "too large to read" in values.missing
    assert found.nbytes == count


def test_a_tensor_in_the_deepest_branch() -> None:
    (found,) = read(nested(25, raw("FLOAT", 3001)))[2]
    assert same(found.values(), array_of("FLOAT", 3001))


def test_ml_dtypes() -> None:
    (found,) = read(model_of(raw("BFLOAT16", 3001)).SerializeToString())[2]
    assert found.values().dtype == ml_dtypes.bfloat16
