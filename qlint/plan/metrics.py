"""Learnable parameters and multiply-accumulates of a layer, for one observation (batch size 1).

The columns are those of MATLAB's estimateNetworkMetrics, which lists layers with learnables only: everything else
counts 0 here. Two things differ on purpose. It counts learnables that are not zero, and this counts elements, since no
weights are read. And it does not say how it counts what follows; this counts a multiply-accumulate for each product
that a layer adds up, so

* a convolution does as many as its weights have elements, for each position of its output (a transposed one, for each
  position of its input);
* a fully connected layer as many as its weights have elements, for each position of a sequence or grid;
* a recurrent layer as many as its input and recurrent weights have elements, for each time step;
* self-attention as many as its four matrices have elements, for each position (what it multiplies with each other is
  no learnable);
* layers whose learnables scale and shift single elements (batch, layer and group normalization, PReLU) none, since
  nothing is added up, and since batch normalization disappears into weights that are counted already.

Bias is a parameter and no multiply-accumulate. Running means and variances are no learnables. A layer in a branch
counts as if the branch ran, one in a loop as if it ran once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from math import prod
from typing import TypeAlias

from qlint.network.network import Layer, Network, Shape
from qlint.plan.batch import find_batch

_STATE = ("TrainedMean", "TrainedVariance")

_ALWAYS_WEIGHTED = frozenset(
    ("Conv", "ConvInteger", "ConvTranspose", "DeformConv", "GRU", "LSTM", "QLinearConv", "RNN")
)
_WEIGHTED_BY_CONSTANT = frozenset(("Gemm", "MatMul", "MatMulInteger", "QLinearMatMul"))
"""They have weights unless both operands are data."""

_WEIGHTED = frozenset(
    (
        "batchNormalizationLayer",
        "groupNormalizationLayer",
        "instanceNormalizationLayer",
        "layerNormalizationLayer",
        "preluLayer",
        "wordEmbeddingLayer",
    )
)
"""Layers that have learnables and add up no products with them."""

_BIASED_TWICE = ("LSTM", "GRU")
"""Operators with a bias for the input and one for the state, where MATLAB's layers mostly have one for both."""

Positions: TypeAlias = "Callable[[Metrics, Layer], int | None]"


class Metrics:
    """Counts the layers of one network."""

    __slots__ = ("_batch", "_described", "network")

    def __init__(self, network: Network) -> None:
        self.network = network
        self._batch = find_batch(network)
        self._described = network.properties.get("Format") == "description"

    def parameters(self, layer: Layer) -> int | None:
        """Elements of the layer's learnables; 0 where it has none, None where a size or whether it has is not known."""
        if self._hides_weights(layer):
            return None
        counts = {name: _elements(found.shape) for name, found in layer.learnables.items() if name not in _STATE}
        bias = counts.get("Bias")
        if bias is not None and self._described and layer.op in _BIASED_TWICE and not _has_two_biases(layer):
            counts["Bias"] = bias // 2
        return _sum(counts.values())

    def macs(self, layer: Layer) -> int | None:
        """Multiply-accumulates for one observation; 0 for layers that add up no products with learnables."""
        if layer.type in _WEIGHTED:
            return 0
        if self._hides_weights(layer):
            return None
        found = _COUNTED.get(layer.type)
        if found is None:
            return 0
        names, positions = found
        weights = _sum(_elements(layer.learnables[name].shape) for name in names if name in layer.learnables)
        if weights is None:
            return None
        if weights == 0:
            return 0
        count = positions(self, layer)
        return None if count is None else count * weights

    def learns(self, layer: Layer) -> bool:
        """Whether a layer has learnables."""
        return layer.type in _COUNTED or any(name not in _STATE for name in layer.learnables)

    def _hides_weights(self, layer: Layer) -> bool:
        """Whether the layer has learnables, or may, that the network storey does not name."""
        if layer.type in _COUNTED:
            return not layer.learnables
        if self._described:
            return _is_closed(layer.type) or (layer.type in _WEIGHTED and not layer.learnables)
        if not layer.type.startswith("onnx:"):
            return False
        return layer.op in _ALWAYS_WEIGHTED or (layer.op in _WEIGHTED_BY_CONSTANT and len(layer.inputs) == 1)

    def _shape(self, layer: Layer, tensors: tuple[str, ...]) -> Shape:
        return self.network.shape(layer, tensors[0]) if tensors and tensors[0] else None

    def output_positions(self, layer: Layer) -> int | None:
        """Spatial positions of a convolution's output."""
        return self._grid(self._shape(layer, layer.outputs))

    def input_positions(self, layer: Layer) -> int | None:
        """Spatial positions of a transposed convolution's input."""
        return self._grid(self._shape(layer, layer.inputs))

    def _grid(self, shape: Shape) -> int | None:
        if not shape:
            return None
        return _product((self._observations(shape[0]), *shape[2:]))

    def rows(self, layer: Layer) -> int | None:
        """How often a fully connected layer multiplies its matrix: all axes of its output but that of its features.

        ONNX has the features last; described networks have them second, as MATLAB's layers do.
        """
        shape = self._shape(layer, layer.outputs)
        if not shape or self._batch.size is None:
            return None
        axes = [1 if size in self._batch.symbols else size for size in self._positions(shape)]
        if axes and not isinstance(axes[0], int) and self._batch.leads:
            axes[0] = 1
        count = _product(axes)
        return None if count is None else self._batch.part(count)

    def _positions(self, shape: tuple[int | str | None, ...]) -> tuple[int | str | None, ...]:
        return (*shape[:1], *shape[2:]) if self._described else shape[:-1]

    def steps(self, layer: Layer) -> int | None:
        """Time steps of a recurrent layer: the first axis of its input in ONNX, the last in described networks."""
        shape = self._shape(layer, layer.inputs)
        if not shape:
            return None
        return _product(shape[2:] if self._described else shape[:1])

    def _observations(self, size: int | str | None) -> int:
        """How many samples of a batch axis belong to one observation: more than one where axes were folded into it."""
        return self._batch.part(size) if isinstance(size, int) else 1


def _has_two_biases(layer: Layer) -> bool:
    return bool(layer.property("ResetGateMode") == "recurrent-bias-after-multiplication")


@cache
def _is_closed(type: str) -> bool:
    """Whether a described layer may have learnables that only MATLAB knows; a functionLayer has none."""
    from qlint.network.matlab.opaque import NESTING
    from qlint.network.matlab.registry import TYPES

    known = TYPES.get(type)
    return type != "functionLayer" and (known is None or type in NESTING or bool(known.opaque))


def _elements(shape: Shape) -> int | None:
    return None if shape is None else _product(shape)


def _product(sizes: Iterable[int | str | None]) -> int | None:
    known = list(sizes)
    return prod(size for size in known if isinstance(size, int)) if all(isinstance(s, int) for s in known) else None


def _sum(amounts: Iterable[int | None]) -> int | None:
    total = 0
    for amount in amounts:
        if amount is None:
            return None
        total += amount
    return total


_CONVOLUTION = (("Weights",), Metrics.output_positions)
_TRANSPOSED = (("Weights",), Metrics.input_positions)
_RECURRENT = (("InputWeights", "RecurrentWeights"), Metrics.steps)
_ATTENTION = (("QueryWeights", "KeyWeights", "ValueWeights", "OutputWeights"), Metrics.rows)
_PROJECTED = ((*_RECURRENT[0], "InputProjector", "OutputProjector"), Metrics.steps)

_COUNTED: dict[str, tuple[tuple[str, ...], Positions]] = {
    "convolution1dLayer": _CONVOLUTION,
    "convolution2dLayer": _CONVOLUTION,
    "convolution3dLayer": _CONVOLUTION,
    "groupedConvolution2dLayer": _CONVOLUTION,
    "transposedConv1dLayer": _TRANSPOSED,
    "transposedConv2dLayer": _TRANSPOSED,
    "transposedConv3dLayer": _TRANSPOSED,
    "fullyConnectedLayer": (("Weights",), Metrics.rows),
    "lstmLayer": _RECURRENT,
    "bilstmLayer": _RECURRENT,
    "gruLayer": _RECURRENT,
    "lstmProjectedLayer": _PROJECTED,
    "gruProjectedLayer": _PROJECTED,
    "selfAttentionLayer": _ATTENTION,
}
"""Layers that add up products: their weights, and how often they multiply with all of them."""
