"""What the walk over the wire format refuses, and that nothing else than a refusal comes of damaged bytes."""

from __future__ import annotations

import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import helper

from qlint.errors import ModelError, QlintError
from qlint.files.wire import strip
from tests.files.handmade import field, model_of, raw_model, read, varint
from tests.files.test_wire import LARGE, MODELS, places

MODEL = model_of(LARGE).SerializeToString()

REFUSED = {
    "empty": (b"", "empty"),
    "text": (b"hello, world\n", "damaged"),
    "html": (b"<!DOCTYPE html><html></html>", "damaged"),
    "zip": (b"PK\x03\x04" + bytes(100), "damaged"),
    "zeros": (bytes(2000), "damaged"),
    "cut in the weights": (MODEL[:2000], "claims"),
    "cut by a byte": (MODEL[:-1], "claims"),
    "a tensor": (LARGE.SerializeToString(), "damaged"),
    "a graph": (model_of(LARGE).graph.SerializeToString(), "damaged"),
    "a node": (helper.make_node("Relu", ["x"], ["y"]).SerializeToString(), "damaged"),
    "no graph": (onnx.ModelProto(ir_version=8, producer_name="p").SerializeToString(), "no graph"),
    "graph as a number": (b"\x08\x08\x38\x01", "wire type"),
    "claims more than there is": (b"\x08\x08\x3a" + varint(1 << 40) + b"\0", "claims"),
    "claims 2^69": (b"\x08\x08\x3a" + b"\xff" * 9 + b"\x7f", "claims"),
    "endless number": (b"\x08" + b"\xff" * 11, "longer than 10 bytes"),
    "number cut off": (b"\x08\xff", "cut off"),
    "length cut off": (b"\x08\x08\x3a", "cut off"),
    "group": (b"\x08\x08\x0b\x0c", "wire type 3"),
    "unknown group": (b"\x08\x08\xa3\x06\xa4\x06", "wire type 3"),
    "field zero": (b"\x02\x00", "field 0"),
    "tensor's field too long": (raw_model(b"\x4a" + varint(5000) + bytes(2000)), "claims"),
    "name as a number": (raw_model(b"\x40\x01" + field(9, bytes(2000))), "wire type"),
    "two kinds of data": (raw_model(field(9, bytes(2000)) + field(4, bytes(2000))), "float_data"),
    "data here and elsewhere": (raw_model(field(9, bytes(2000)) + b"\x70\x01"), "external"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case: str) -> None:
    data, problem = REFUSED[case]
    with pytest.raises(ModelError, match=problem) as caught:
        strip(data)
    assert caught.value.code == "QL001"
    assert caught.value.remedy
    assert "\n" not in str(caught.value)


def judge(data: bytes) -> None:
    """Read whatever it is as far as it goes; only a QlintError may come of it."""
    try:
        stripped = strip(data)
    except QlintError:
        return
    try:
        onnx.ModelProto.FromString(stripped.content)
    except Exception:
        return  # protobuf's own parser judges what was copied wholesale; the reader reports that
    try:
        for tensor in read(data)[2]:
            tensor.values()
    except QlintError:
        pass


@given(st.binary(max_size=3000))
@settings(max_examples=200, deadline=None)
def test_random_bytes(data: bytes) -> None:
    judge(data)


SEEDS = [path.read_bytes() for path in MODELS if path.stat().st_size < 20_000] + [
    places()[place][0].SerializeToString() for place in places()
]


@given(st.data())
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_mutated_models(data: st.DataObject) -> None:
    model = bytearray(data.draw(st.sampled_from(SEEDS)))
    for _ in range(data.draw(st.integers(1, 4))):
        begin = data.draw(st.integers(0, len(model)))
        end = begin + data.draw(st.sampled_from([0, 1, 1, 1, 4, 100]))
        model[begin:end] = data.draw(st.binary(max_size=4))
    judge(bytes(model))
