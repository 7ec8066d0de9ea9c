"""Intel's FPGA AI Suite: each row of its tables on real ONNX nodes, just within the range and just beyond it.

Expected codes are written from the tables, by release; rules that hold in every environment are left out.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from qlint.rules import library
from qlint.rules.engine import check
from qlint.rules.selection import select
from tests.network.lifting import lifted

RELEASES = ("2023.3", "2024.1", "2024.2", "2025.3")
ALL = "2023.3 2024.1 2024.2 2025.3"
MANUALS = "2023.3 2024.1 2024.2"  # the page of 2025.3 could not be seen as far as pooling


def model(
    op: str, *shapes: list[Any], constants: dict[int, list[int]] | None = None, **attributes: Any
) -> onnx.ModelProto:
    """One node; `constants` are inputs of ones of a shape by position, the others are inputs of the network."""
    constants = constants or {}
    names = [f"x{number}" for number in range(len(shapes) + len(constants))]
    given = iter(shapes)
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, next(given))
        for number, name in enumerate(names)
        if number not in constants
    ]
    tensors = [numpy_helper.from_array(np.ones(shape, np.float32), names[at]) for at, shape in constants.items()]
    node = helper.make_node(op, names, ["y"], **attributes)
    graph = helper.make_graph([node], "g", inputs, [helper.make_tensor_value_info("y", 1, None)], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def found(proto: onnx.ModelProto, release: str, outcome: str = "violation") -> set[str]:
    """Codes of the environment's own findings of an outcome."""
    environment = library.load("intel-fpga-ai-suite", release)
    findings = check(lifted(proto), environment, select(environment, ("IFA",), ()), fingerprint_path="")
    return {finding.code for finding in findings if finding.outcome.value == outcome}


def conv(kernel: list[int], *, size: int = 40, group: int = 1, channels: int = 4, **attributes: Any) -> onnx.ModelProto:
    weights = [channels, channels // group, *kernel]
    return model("Conv", [1, channels, *[size] * len(kernel)], constants={1: weights}, group=group, **attributes)


def transposed(kernel: list[int], **attributes: Any) -> onnx.ModelProto:
    return model("ConvTranspose", [1, 2, *[5] * len(kernel)], constants={1: [2, 3, *kernel]}, **attributes)


def pool(op: str, kernel: list[int], **attributes: Any) -> onnx.ModelProto:
    return model(op, [1, 2, *[40] * len(kernel)], kernel_shape=kernel, **attributes)


# what, the node, codes by release
ROWS: list[tuple[str, onnx.ModelProto, dict[str, str]]] = [
    ("filter of 28", conv([28, 1]), {}),
    ("filter of 29 in width", conv([1, 29]), {"IFA201": ALL}),
    ("filter of 29 in height", conv([29, 1]), {"IFA201": ALL}),
    ("1-D filter of 29", conv([29]), {}),
    ("stride of 15", conv([1, 1], strides=[15, 15]), {}),
    ("stride of 16", conv([1, 1], strides=[1, 16]), {"IFA203": ALL}),
    ("pad of 65535", conv([1, 1], pads=[65535, 0, 0, 0]), {}),
    ("pad of 65536", conv([1, 1], pads=[0, 0, 65536, 0]), {"IFA204": ALL}),
    ("3-D filter of 14 by 28 by 28", conv([14, 28, 28], channels=1), {}),
    ("3-D filter of depth 15", conv([15, 1, 1]), {"IFA202": ALL}),
    ("3-D filter of width 29", conv([1, 1, 29]), {"IFA201": ALL}),
    ("3-D stride of 16 in depth", conv([1, 1, 1], strides=[16, 1, 1]), {"IFA203": ALL}),
    ("3-D pad of 65536", conv([1, 1, 1], size=1, pads=[0, 0, 0, 65536, 0, 0]), {"IFA204": ALL}),
    ("depthwise filter of 29", conv([29, 3], group=4), {"IFA201": ALL}),
    ("depthwise filter of depth 2", conv([2, 3, 3], group=4), {"IFA205": ALL}),
    ("depthwise filter of depth 1", conv([1, 3, 3], group=4), {}),
    ("grouped filter of depth 2", conv([2, 3, 3], group=2), {}),
    ("transposed, 28 by 3", transposed([28, 3]), {}),
    ("transposed, 3 by 29", transposed([3, 29]), {"IFA211": ALL}),
    ("transposed, depth 1", transposed([1, 2, 2], strides=[1, 2, 2]), {}),
    ("transposed, depth 2", transposed([2, 2, 2], strides=[1, 2, 2]), {"IFA212": ALL}),
    ("transposed, stride of 2 in depth", transposed([1, 2, 2], strides=[2, 2, 2]), {"IFA212": ALL}),
    *((f"transposed, stride {s}", transposed([8, 8], strides=[s, s]), {}) for s in (1, 2, 4, 8)),
    *((f"transposed, stride {s}", transposed([9, 9], strides=[s, s]), {"IFA213": ALL}) for s in (3, 5, 16)),
    ("transposed, stride 2 by 4", transposed([8, 8], strides=[2, 4]), {"IFA213": ALL}),
    ("transposed, pad of filter - 1", transposed([4, 2], pads=[3, 1, 3, 1]), {}),
    ("transposed, pad of filter", transposed([4, 2], pads=[0, 0, 0, 2]), {"IFA214": ALL}),
    ("max pooling, 2", pool("MaxPool", [2, 2]), {"IFA221": "2023.3"}),
    ("max pooling, 3 by 7", pool("MaxPool", [3, 7]), {}),
    ("max pooling, 8", pool("MaxPool", [8, 8]), {"IFA221": "2023.3", "IFA222": "2024.1"}),
    ("max pooling, 13", pool("MaxPool", [13, 13]), {"IFA221": "2023.3", "IFA222": "2024.1"}),
    ("max pooling, 14", pool("MaxPool", [14, 3]), {"IFA221": "2023.3", "IFA222": "2024.1", "IFA223": "2024.2"}),
    ("max pooling, 7 by 7 by 7", pool("MaxPool", [7, 7, 7]), {}),
    ("max pooling, 8 by 7 by 7", pool("MaxPool", [8, 7, 7]), {"IFA222": "2024.1"}),
    ("max pooling, no padding", pool("MaxPool", [5, 5], pads=[0, 0, 0, 0]), {}),
    ("max pooling, pad of 2", pool("MaxPool", [5, 5], pads=[2, 2, 2, 2]), {}),
    ("max pooling, pad of 3", pool("MaxPool", [7, 7], pads=[0, 3, 0, 0]), {"IFA224": MANUALS}),
    ("max pooling, computed pad of 3", pool("MaxPool", [7, 7], auto_pad="SAME_UPPER"), {"IFA224": MANUALS}),
    ("max pooling, stride of 4", pool("MaxPool", [5, 5], strides=[4, 4]), {}),
    ("max pooling, stride of 5", pool("MaxPool", [5, 5], strides=[1, 5]), {"IFA225": MANUALS}),
    ("average pooling, 27", pool("AveragePool", [27, 27]), {}),
    ("average pooling, 28", pool("AveragePool", [28, 28]), {"IFA226": MANUALS}),
    ("average pooling, 2 by 3", pool("AveragePool", [2, 3]), {"IFA227": MANUALS}),
    ("average pooling, depth 2", pool("AveragePool", [2, 3, 3]), {}),
    ("average pooling, depth 3", pool("AveragePool", [3, 3, 3]), {"IFA228": MANUALS}),
    ("average pooling, pad of 3", pool("AveragePool", [7, 7], pads=[3, 3, 3, 3]), {"IFA224": MANUALS}),
    ("average pooling, stride of 5", pool("AveragePool", [5, 5], strides=[5, 5]), {"IFA225": MANUALS}),
    ("1-D pooling", pool("AveragePool", [31], strides=[31]), {}),
    ("softmax of 4096", model("Softmax", [1, 4096]), {}),
    ("softmax of 4097", model("Softmax", [1, 4097]), {"IFA231": "2024.1 2024.2"}),
    ("softmax of 4097 channels", model("Softmax", [1, 4097, 2, 2], axis=-3), {"IFA231": "2024.1 2024.2"}),
    ("softmax of 4097 columns", model("Softmax", [1, 8, 2, 4097], axis=3), {}),
    ("multiplication of depth 1", model("Mul", [1, 2, 1, 3, 3], [1, 2, 1, 3, 3]), {}),
    ("multiplication of depth 2", model("Mul", [1, 2, 2, 3, 3], [1, 2, 1, 1, 1]), {"IFA232": MANUALS}),
    ("multiplication of images", model("Mul", [1, 2, 2, 3], [1, 2, 2, 3]), {}),
    ("multiplication by a constant", model("Mul", [1, 2, 2, 3, 3], constants={1: [1]}), {}),
    ("slope per channel", model("PRelu", [1, 2, 3, 3], constants={1: [2, 1, 1]}), {}),
    ("slope per element", model("PRelu", [1, 2, 3, 3], constants={1: [2, 3, 3]}), {"IFA242": ALL}),
    ("sigmoid", model("Sigmoid", [1, 2]), {"IFA101": "2023.3"}),
    ("tanh", model("Tanh", [1, 2]), {"IFA102": "2023.3 2024.1"}),
    *((op, model(op, [1, 2, 3, 3]), {}) for op in ("Relu", "HardSigmoid", "HardSwish", "LeakyRelu", "GlobalAveragePool")),
    ("fully connected", model("Gemm", [1, 20], constants={1: [20, 9999]}), {}),
]  # fmt: skip


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize(("what", "proto", "codes"), ROWS, ids=[what for what, *_ in ROWS])
def test_rows(what: str, proto: onnx.ModelProto, codes: dict[str, str], release: str) -> None:
    assert found(proto, release) == {code for code, releases in codes.items() if release in releases.split()}
    assert found(proto, release, "undecided") == set()


def test_every_code_is_shown_here() -> None:
    shown = {code for *_, codes in ROWS for code in codes}
    rules = {rule.code for rule in library.shipped("intel-fpga-ai-suite").rules}
    assert rules - shown == {"IFA241"}  # below


@pytest.mark.parametrize(("op", "value", "beyond"), [("Mul", 65504, False), ("Mul", -65536, True), ("Add", 1e5, True), ("Div", 1e-5, True), ("Sub", 3, False)])  # fmt: skip
def test_scale_and_shift(op: str, value: float, beyond: bool) -> None:
    proto = model("Relu", [1, 4])
    proto.graph.node[0].output[0] = "r"
    proto.graph.initializer.append(numpy_helper.from_array(np.array([1, value], np.float32).repeat(2), "c"))
    proto.graph.node.append(helper.make_node(op, ["r", "c"], ["y"]))
    assert found(proto, "2025.3") == ({"IFA241"} if beyond else set())


def test_swish_is_no_sigmoid() -> None:
    proto = model("Sigmoid", [1, 4])
    proto.graph.node[0].output[0] = "s"
    proto.graph.node.append(helper.make_node("Mul", ["x0", "s"], ["y"]))
    assert found(proto, "2023.3") == set()


def test_unknown_sizes_leave_rules_undecided() -> None:
    assert found(model("Softmax", ["N", "C"]), "2024.2", "undecided") == {"IFA231"}
    strided = model("MaxPool", [1, 2, "H", "W"], kernel_shape=[7, 7], strides=[2, 2], auto_pad="SAME_UPPER")
    assert found(strided, "2024.2", "undecided") == {"IFA224"}


def test_it_has_limits_only() -> None:
    environment = library.load("intel-fpga-ai-suite", None)
    assert environment.release == RELEASES[-1]
    assert environment.releases == RELEASES
    assert not environment.quantization.groups
    assert all(rule.evidence.kind in ("documented", "inferred") for rule in environment.rules if rule.code[:3] == "IFA")
