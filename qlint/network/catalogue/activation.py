"""Activation layers. The decomposed forms of gelu and swish are found by `patterns.py`.

Source: ONNX operator specification.
"""

from __future__ import annotations

from qlint.network.catalogue.entry import Entry
from qlint.network.network import Value
from qlint.network.view import View
from qlint.tristate import Unknown


def _bounds(view: View) -> tuple[Value, Value]:
    """Lower and upper bound of a Clip; None where it has none."""
    low, high = view.option("min", 1, 11), view.option("max", 2, 11)
    return low, high


def _is_clipped(view: View) -> bool:
    low, high = _bounds(view)
    return low == 0 and isinstance(high, (int, float)) and high < 3e38


def _is_rectified(view: View) -> bool:
    low, high = _bounds(view)
    return low == 0 and (high is None or (isinstance(high, float) and high >= 3e38))


def ceiling(view: View) -> Value:
    """upper bound of the Clip."""
    if view.node.op_type == "Min":
        return view.scope.static_values(view.roles["ceiling"]).tolist()
    return _bounds(view)[1]


def slope(view: View) -> Value:
    """`alpha` (default 0.01)."""
    return float(view.attribute("alpha", 0.01))


def elu_alpha(view: View) -> Value:
    """`alpha` (default 1)."""
    return float(view.attribute("alpha", 1.0))


def approximation(view: View) -> Value:
    """`approximate` ("none" or "tanh")."""
    return view.roles.get("approximation") or view.attribute("approximate", "none")


def _over_channels(view: View) -> bool:
    """MATLAB's softmax works over channels: axis 1, or the last axis of [N, C] and [N, T, C] data."""
    rank = view.rank()
    axis = view.attribute("axis", 1 if view.scope.opset < 13 else -1)
    if rank is None:
        return True
    return axis % rank == 1 or (rank <= 3 and axis % rank == rank - 1) if rank else False


def _plain_swish(view: View) -> bool:
    return not isinstance(view.attribute("alpha", 1.0), Unknown) and view.attribute("alpha", 1.0) == 1.0


ENTRIES = (
    Entry("reluLayer", ("Relu",), summary="always"),
    Entry("reluLayer", ("Clip",), _is_rectified, "from 0, no upper bound"),
    Entry("clippedReluLayer", ("Clip",), _is_clipped, "constant bounds, from 0", {"Ceiling": ceiling}),
    Entry(
        "clippedReluLayer",
        ("Min",),
        lambda view: "ceiling" in view.roles,
        "of a Relu and a constant scalar",
        {"Ceiling": ceiling},
    ),
    Entry("leakyReluLayer", ("LeakyRelu",), summary="always", properties={"Scale": slope}),
    Entry(
        "preluLayer",
        ("PRelu",),
        lambda view: view.parameter(1) is not None,
        "constant slope",
        {},
        {"Alpha": 1},
    ),
    Entry("eluLayer", ("Elu",), summary="always", properties={"Alpha": elu_alpha}),
    Entry(
        "geluLayer",
        ("Gelu", "Mul", "Div"),
        lambda view: view.node.op_type == "Gelu" or "approximation" in view.roles,
        "the operator, or its decomposition with Erf or Tanh",
        {"Approximation": approximation},
    ),
    Entry(
        "swishLayer",
        ("Swish", "Mul"),
        lambda view: "swish" in view.roles or (view.node.op_type == "Swish" and _plain_swish(view)),
        "the operator with alpha 1, or x * Sigmoid(x)",
    ),
    Entry("sigmoidLayer", ("Sigmoid",), summary="always"),
    Entry("tanhLayer", ("Tanh",), summary="always"),
    Entry("softplusLayer", ("Softplus",), summary="always"),
    Entry("softmaxLayer", ("Softmax",), _over_channels, "over the channel axis"),
)
