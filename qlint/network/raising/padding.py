"""Pad nodes that belong to the convolution behind them."""

from __future__ import annotations

from qlint.files.model import Node
from qlint.network.catalogue import windows
from qlint.network.patterns import only_reader
from qlint.network.raising.axes import Unfit
from qlint.network.raising.raising import Handler, Raising
from qlint.network.view import View
from qlint.tristate import Unknown

_MODES: dict[str, str] = {"edge": "replicate", "reflect": "symmetric-exclude-edge"}


def _padded(raising: Raising, view: View, type: str) -> None:
    """Nothing, where a convolution takes the padding over."""
    reader = only_reader(raising.scope, view.node.outputs[0])
    if reader is None or reader.op_type != "Conv" or reader.domain or reader.inputs[0] != view.node.outputs[0]:
        raise Unfit("MATLAB pads within the layer that slides a window, and no convolution alone reads it")
    before_convolution(raising, View(reader, raising.scope))


def before_convolution(raising: Raising, view: View) -> tuple[str, list[tuple[int, int]], float | str] | None:
    """The Pad in front of a convolution that belongs to it.

    Args:
        raising: the walk.
        view: the convolution.

    Returns:
        The tensor that is padded, (before, after) for each axis behind the channels, with the convolution's own, and
        MATLAB's `PaddingValue`; None where there is no Pad.

    Raises:
        Unfit: it pads as no layer of MATLAB's does.
    """
    node = raising.scope.graph.producer.get(view.name(0))
    if node is None or node.op_type != "Pad" or node.domain or view.name(0) in raising.where:
        return None
    pad = View(node, raising.scope)
    amounts, value = _amounts(pad), _value(pad, node)
    own = windows.pads(view)
    if isinstance(own, Unknown) or view.attribute("auto_pad", "NOTSET") not in ("NOTSET", "", "VALID"):
        raise Unfit("it and the convolution behind it both pad")
    half = len(own) // 2
    if amounts[:2] != [(0, 0), (0, 0)] or len(amounts) != half + 2 or (value != 0 and any(own)):
        raise Unfit("it pads other axes than the convolution behind it slides over, or in another way")
    mine = list(zip(own[:half], own[half:], strict=True))
    return node.inputs[0], [(a + c, b + d) for (a, b), (c, d) in zip(amounts[2:], mine, strict=True)], value


def _amounts(pad: View) -> list[tuple[int, int]]:
    """(before, after) for each axis."""
    given = pad.option("pads", 1, 11)
    axes = pad.static(3) if pad.scope.opset >= 18 else None
    rank = pad.rank()
    if not isinstance(given, list) or isinstance(axes, Unknown) or rank is None:
        raise Unfit("how much it pads is not known")
    numbers = [axis % rank for axis in axes] if axes is not None else list(range(rank))
    found = {axis: (given[at], given[at + len(numbers)]) for at, axis in enumerate(numbers)}
    amounts = [found.get(axis, (0, 0)) for axis in range(rank)]
    if any(before < 0 or after < 0 for before, after in amounts):
        raise Unfit("it cuts elements off")
    return amounts


def _value(pad: View, node: Node) -> float | str:
    mode = str(pad.attribute("mode", "constant"))
    if mode != "constant":
        if mode not in _MODES:
            raise Unfit(f"MATLAB does not pad in the mode {mode}")
        return _MODES[mode]
    value = pad.option("value", 2, 11, 0.0)
    if isinstance(value, list):
        value = value[0] if len(value) == 1 else Unknown("value")
    if isinstance(value, Unknown) or value is None:
        raise Unfit("what it pads with is not known")
    return float(value)


HANDLERS: dict[str, Handler] = {"onnx:Pad": _padded}
