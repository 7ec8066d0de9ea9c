"""The message types of onnx.proto that can hold tensors, as the walk over the wire format needs them."""

from __future__ import annotations

import re

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
ANY_WIRE = 1 << VARINT | 1 << FIXED64 | 1 << BYTES | 1 << FIXED32  # groups are none: ONNX has never had any
HIGHEST_NUMBER = (1 << 29) - 1


class Kind:
    """A message type that can hold tensors.

    Attributes:
        name: as in onnx.proto.
        wires: field number -> bit mask of the wire types it may come in.
        children: field number -> type of messages worth descending into.
    """

    __slots__ = ("children", "name", "wires")

    def __init__(self, name: str, *, varints: tuple[int, ...] = (), messages: tuple[int, ...] = ()) -> None:
        self.name = name
        self.wires = dict.fromkeys(varints, 1 << VARINT) | dict.fromkeys(messages, 1 << BYTES)
        self.children: dict[int, Kind] = {}


MODEL = Kind("ModelProto", varints=(1, 5), messages=(2, 3, 4, 6, 7, 8, 14, 20, 25, 26))
GRAPH = Kind("GraphProto", messages=(1, 2, 5, 10, 11, 12, 13, 14, 15, 16))
NODE = Kind("NodeProto", messages=(1, 2, 3, 4, 5, 6, 7, 8, 9, 10))
ATTRIBUTE = Kind("AttributeProto", varints=(3, 20), messages=(1, 4, 5, 6, 9, 10, 11, 13, 14, 15, 21, 22, 23))
TENSOR = Kind("TensorProto", varints=(2, 14), messages=(3, 6, 8, 9, 12, 13, 16))
SPARSE = Kind("SparseTensorProto", messages=(1, 2))
FUNCTION = Kind("FunctionProto", messages=(1, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14))
TRAINING = Kind("TrainingInfoProto", messages=(1, 2, 3, 4))

# Numbers that are repeated come packed or one by one.
ATTRIBUTE.wires |= {2: 1 << FIXED32, 7: 1 << FIXED32 | 1 << BYTES, 8: 1 << VARINT | 1 << BYTES}
TENSOR.wires |= dict.fromkeys((1, 5, 7, 11), 1 << VARINT | 1 << BYTES)
TENSOR.wires |= {4: 1 << FIXED32 | 1 << BYTES, 10: 1 << FIXED64 | 1 << BYTES}
SPARSE.wires[3] = 1 << VARINT | 1 << BYTES

MODEL.children |= {7: GRAPH, 20: TRAINING, 25: FUNCTION}
GRAPH.children |= {1: NODE, 5: TENSOR, 15: SPARSE}
NODE.children |= {5: ATTRIBUTE}
ATTRIBUTE.children |= {5: TENSOR, 10: TENSOR, 6: GRAPH, 11: GRAPH, 22: SPARSE, 23: SPARSE}
SPARSE.children |= {1: TENSOR, 2: TENSOR}
FUNCTION.children |= {7: NODE, 11: ATTRIBUTE}
TRAINING.children |= {1: GRAPH, 2: GRAPH}

EXTERNAL = 1
STRING_DATA, RAW_DATA, EXTERNAL_DATA, DATA_LOCATION = 6, 9, 13, 14
FIXED_WIDTH = (4, 9, 10)
DATA = {
    4: "float_data", 5: "int32_data", 6: "string_data", 7: "int64_data", 9: "raw_data", 10: "double_data",
    11: "uint64_data",
}  # fmt: skip

# Numbers written one by one, as very old exporters did: passed over a thousand at a time.
RUN = {
    (number << 3 | wire): re.compile(b"(?:" + re.escape(bytes([number << 3 | wire])) + value + b"){1,1000}+")
    for wire, value, numbers in (
        (VARINT, rb"[\x80-\xff]{0,9}[\x00-\x7f]", (5, 7, 11)),
        (FIXED32, rb"[\x00-\xff]{4}", (4,)),
        (FIXED64, rb"[\x00-\xff]{8}", (10,)),
    )
    for number in numbers
}
