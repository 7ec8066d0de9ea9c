"""Random networks: the outputs stay, nothing foldable stays, a second run finds nothing."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.transforms.traps import FUSE, Net, prepared

STEPS = [
    "bn",
    "bn",
    "conv",
    "convT",
    "relu",
    "add",
    "residual",
    "mul",
    "concat",
    "dropout",
    "identity",
    "output",
    "shared",
]


def image_step(
    net: Net, kind: str, tensors: list[tuple[str, int]], draw: st.DataObject, shared: dict[int, str]
) -> None:
    """One more node on a tensor of the network; images keep their size so that they can be joined."""
    x, channels = draw.draw(st.sampled_from(tensors[-2:]))
    groups = draw.draw(st.sampled_from([g for g in (1, 2, 4) if channels % g == 0]))
    bias = draw.draw(st.booleans())
    if kind == "bn":
        zero = {"mean": np.zeros(channels), "bias": np.zeros(channels)} if draw.draw(st.booleans()) else {}
        made = net.bn(x, channels, **zero), channels
    elif kind == "conv":
        size, pad = draw.draw(st.sampled_from([(1, 0), (3, 1)]))
        weights = net.values(4, channels // groups, size, size) * 0.5
        made = net.node("Conv", x, weights, *([net.values(4)] if bias else []), group=groups, pads=[pad] * 4), 4
    elif kind == "shared":
        weights = shared.setdefault(channels, "") or net.const(net.values(4, channels, 1, 1) * 0.5)
        shared[channels] = weights
        made = net.node("Conv", x, weights), 4
    elif kind == "convT":
        size, pad = draw.draw(st.sampled_from([(1, 0), (3, 1)]))
        weights = net.values(channels, 4 // groups, size, size) * 0.5
        extra = [net.values(4)] if bias else []
        made = net.node("ConvTranspose", x, weights, *extra, group=groups, pads=[pad] * 4), 4
    elif kind in ("add", "mul"):
        made = (
            net.node(kind.capitalize(), x, net.values(*draw.draw(st.sampled_from([(channels, 1, 1), (), (1,)])))),
            channels,
        )
    elif kind == "residual":
        others = [name for name, count in tensors if count == channels]
        made = net.node("Add", x, draw.draw(st.sampled_from(others))), channels
    elif kind == "concat":
        y, more = draw.draw(st.sampled_from(tensors))
        made = net.node("Concat", x, y, axis=1), channels + more
    elif kind == "branches":
        parts = [net.node("Conv", x, net.values(count, channels, 1, 1) * 0.5) for count in (1, 3)]
        made = net.node("Concat", *parts, axis=1), 4
    elif kind == "output":
        net.outputs.append(x) if x != "x" and x not in net.outputs else None
        return
    else:
        made = net.node(kind.capitalize(), x), channels
    tensors.append(made)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(STEPS), min_size=2, max_size=14), st.sampled_from(["initializer", "node"]), st.data())
def test_images(steps: list[str], hold: str, data: st.DataObject) -> None:
    net = Net(1, 4, 3, 3, opset=13, hold=hold)
    tensors, shared = [("x", 4)], dict[int, str]()
    for kind in steps:
        image_step(net, kind, tensors, data, shared)
    net.node("Relu", tensors[-1][0], to="y")
    prepared(net, *net.outputs, "y", transforms=(FUSE,))


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.sampled_from(["bn", "bn", "gemm", "matmul", "add", "mul", "relu", "dropout"]), min_size=2, max_size=12),
    st.data(),
)
def test_features(steps: list[str], data: st.DataObject) -> None:
    net = Net(3, 4, opset=13)
    x = "x"
    for kind in steps:
        if kind == "bn":
            x = net.bn(x, 4)
        elif kind == "gemm":
            attributes = data.draw(
                st.fixed_dictionaries({}, optional={"alpha": st.just(0.5), "beta": st.just(2.0), "transB": st.just(1)})
            )
            c = data.draw(st.sampled_from([None, (), (4,), (3, 1), (3, 4)]))
            x = net.node("Gemm", x, net.values(4, 4), *([] if c is None else [net.values(*c)]), **attributes)
        elif kind == "matmul":
            x = net.node("MatMul", x, net.values(4, 4))
        elif kind in ("add", "mul"):
            x = net.node(kind.capitalize(), x, net.values(*data.draw(st.sampled_from([(), (4,), (1, 4), (3, 1)]))))
        else:
            x = net.node(kind.capitalize(), x)
    net.node("Relu", x, to="y")
    prepared(net, "y", transforms=(FUSE,))
