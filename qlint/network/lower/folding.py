"""Sequence folding and unfolding: time steps as observations, and back.

Source: MATLAB's reference pages of sequenceFoldingLayer and sequenceUnfoldingLayer. In which order the observations
stand between the two is not told there and does not matter to what comes out; step by step they stand here.
"""

from __future__ import annotations

from qlint.network.lower.base import LayerView, Lowering, Nodes
from qlint.network.lower.operands import ints
from qlint.network.lower.signal import Signal, Size


def _folded(layer: LayerView, inputs: list[Signal], nodes: Nodes) -> list[Signal]:
    """The time steps of all observations as observations, and how many observations there were."""
    (x,) = inputs
    if x.shape is None or not x.has_time:
        layer.wrong(f"it folds sequences, but its input is {x.format}", "feed it data with a time dimension")
    _, *inner, _ = x.shape
    last = len(x.shape) - 1
    (count,) = nodes.node("Shape", [x.tensor], output=f"{layer.name}/miniBatchSize", attributes={"start": 0, "end": 1})
    (steps,) = nodes.node("Transpose", [x.tensor], attributes={"perm": [last, *range(last)]})
    (rest,) = nodes.node("Shape", [steps], attributes={"start": 2})
    (target,) = nodes.node("Concat", [ints(nodes, "all", [-1]), rest], attributes={"axis": 0})
    nodes.node("Reshape", [steps, target], output=layer.name)
    return [
        Signal(layer.name, x.format.removesuffix("T"), (_product(x.batch, x.time), *inner)),
        Signal(count, "", (1,), type="int64", sizes=(x.batch, x.time)),
    ]


def _unfolded(layer: LayerView, inputs: list[Signal], nodes: Nodes) -> list[Signal]:
    """The observations as time steps again."""
    x, count = inputs
    if count.type != "int64" or count.sizes is None or len(count.sizes) != 2:
        layer.wrong(
            "its input 'miniBatchSize' must come from a sequenceFoldingLayer",
            "connect that layer's output miniBatchSize",
        )
    if x.shape is None or x.has_time:
        layer.wrong(f"it unfolds single time steps, but its input is {x.format}", "connect what the folded data become")
    (rest,) = nodes.node("Shape", [x.tensor], attributes={"start": 1})
    (target,) = nodes.node("Concat", [ints(nodes, "steps", [-1]), count.tensor, rest], attributes={"axis": 0})
    (steps,) = nodes.node("Reshape", [x.tensor, target])
    axes = len(x.shape) + 1
    nodes.node("Transpose", [steps], output=layer.name, attributes={"perm": [*range(1, axes), 0]})
    batch, time = count.sizes
    return [Signal(layer.name, f"{x.format}T", (batch, *x.shape[1:], time))]


def _product(batch: Size, time: Size) -> Size:
    return batch * time if isinstance(batch, int) and isinstance(time, int) else None


LOWERINGS: dict[str, Lowering] = {"sequenceFoldingLayer": _folded, "sequenceUnfoldingLayer": _unfolded}
