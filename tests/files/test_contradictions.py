"""Tensors whose data contradicts their type and dims."""

from __future__ import annotations

import pytest
from onnx import TensorProto

from qlint.errors import ModelError
from tests.files.handmade import field, model_of, raw_model, read


def proto(data_type: int = 1, dims: tuple[int, ...] = (2, 2), **more: object) -> bytes:
    return TensorProto(name="w", data_type=data_type, dims=dims, **more).SerializeToString()


FLOAT16, INT4, INT32, INT64, STRING = 10, 22, 6, 7, 8

CONTRADICTIONS = {
    "too little raw data": (
        proto(raw_data=bytes(12)),
        r"tensor 'w' has 12 bytes of raw_data but its dims \[2,2\] need 16",
    ),
    "too much raw data": (proto(raw_data=bytes(20)), "20 bytes"),
    "odd int4": (proto(INT4, (3,), raw_data=bytes(1)), "need 2 bytes of int4"),
    "large raw data": (proto(dims=(1000,), raw_data=bytes(4004)), "4004 bytes"),
    "no data": (proto(), "no data"),
    "no strings": (proto(STRING), "no data"),
    "a kilobyte of 10^18 elements": (proto(dims=(10**9, 10**9), raw_data=bytes(1000)), "1000 bytes"),
    "overflow": (proto(dims=(1 << 40, 1 << 40), raw_data=bytes(16)), "overflows"),
    "negative size": (proto(dims=(-1, 4), raw_data=bytes(16)), "negative"),
    "too few values": (proto(float_data=[1.0, 2.0, 3.0]), "3 values in float_data"),
    "too many values": (proto(float_data=[1.0] * 5), "5 values"),
    "too many left out": (proto(float_data=[1.0] * 1000), "1000 values in float_data but its dims .* need 4"),
    "half a value left out": (proto(dims=(500,)) + field(4, bytes(2001)), "500.25 values"),
    "too few numbers left out": (proto(INT64, (5000,), int64_data=[1] * 2000), "cannot hold the 5000 values"),
    "too many numbers left out": (proto(INT64, (3,), int64_data=[1] * 2000), "cannot hold the 3 values"),
    "too few one by one": (proto(INT64, (5000,)) + b"\x38\x01" * 1000, "cannot hold the 5000 values"),
    "too few strings": (proto(STRING, (5000,), string_data=[b"a"] * 1000), "cannot hold the 5000 values"),
    "another type's field": (proto(int32_data=[1, 2, 3, 4]), "float but keeps its values in int32_data"),
    "another type's field left out": (proto(dims=(2000,), int32_data=[1] * 2000), "in int32_data"),
    "raw strings": (proto(STRING, raw_data=b"abcd"), "strings"),
    "two fields": (proto(raw_data=bytes(16), float_data=[1.0] * 4), "several fields"),
    "a large and a small field": (proto(dims=(500,), raw_data=bytes(2000), float_data=[1.0]), "second field"),
    "no type": (proto(0, raw_data=bytes(16)), "no element type"),
    "a type of the future": (proto(99, raw_data=bytes(16)), "element type 99"),
    "too many dims": (proto(dims=(1,) * 100, raw_data=bytes(4)), "100 dims"),
    "segments": (proto(raw_data=bytes(16), segment=TensorProto.Segment(begin=0, end=1)), "segments"),
}


@pytest.mark.parametrize("case", CONTRADICTIONS)
def test_contradictions(case: str) -> None:
    tensor, problem = CONTRADICTIONS[case]
    with pytest.raises(ModelError, match=problem) as caught:
        read(raw_model(tensor))
    assert caught.value.code == "QL001"
    assert caught.value.remedy
    assert str(caught.value).startswith("model.onnx: ")


LATE = {
    "too many numbers": proto(INT64, (1990,), int64_data=[1] * 2000),
    "a number cut off": proto(INT64, (2000,)) + field(7, b"\x01" * 1999 + b"\x80"),
    "a number too long": proto(INT64, (2000,)) + field(7, b"\x80" * 10 + b"\x01" * 2000),
    "too many one by one": proto(INT64, (999,)) + b"\x38\x01" * 1000,
    "one by one and cut off": proto(INT64, (1001,)) + b"\x38\x01" * 1000 + field(7, b"\x80"),
    "too many strings": proto(STRING, (999,), string_data=[b"a"] * 1000),
}


@pytest.mark.parametrize("case", LATE)
def test_contradictions_that_only_the_values_show(case: str) -> None:
    (found,) = read(raw_model(LATE[case]))[2]
    with pytest.raises(ModelError, match="not what its type and dims say"):
        found.values()


def test_names_in_errors_are_escaped_and_bounded() -> None:
    name = "a\nb\x1b[31m\u202e" + "x" * 500
    with pytest.raises(ModelError) as caught:
        read(model_of(TensorProto(name=name, data_type=1, dims=[2], raw_data=bytes(4))).SerializeToString())
    message = str(caught.value)
    assert message.isprintable()
    assert "\\n" in message
    assert len(message) < 300
