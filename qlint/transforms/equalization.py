"""Cross-layer equalization (Nagel et al. 2019) as arithmetic: ranges of weights, and the factors that level them.

Weights are seen as (groups, outputs of a group, inputs of a group, the rest), whatever operator they belong to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from qlint.transforms.affine import Array

if TYPE_CHECKING:
    from qlint.files.model import Node

BLOCK = 1 << 16
"""Weights that are looked at at once; they should stay in the cache."""

PASSES = 40
CONVERGED = 1e-3
"""Iteration ends when every |log s| of a pass is smaller."""

WORTHWHILE = 1e-2
"""Joints whose |log s| are all smaller are level already and left as they are."""

LARGEST = 64.0
"""The product of the factors of all runs stays within [1/64, 64]: unbounded ones blow activations up."""


@dataclass(slots=True, eq=False)
class Layer:
    """A layer with weights.

    Attributes:
        node: the layer.
        shape: of its weights.
        groups: as in ONNX.
        inputs_first: whether the weights' axes are inputs, outputs (of a group) and not outputs, inputs.
        adder: the Add that is a MatMul's bias, or None.
        before, after: the joints that its input and its output take part in, if any.
        magnitudes: as far as joints need them, the largest |w| along the axes that they do not scale.
    """

    node: Node
    shape: tuple[int, ...]
    groups: int
    inputs_first: bool
    adder: Node | None = None
    before: Joint | None = None
    after: Joint | None = None
    magnitudes: Array = field(default_factory=lambda: np.ones(0))

    @property
    def output(self) -> str:
        """The tensor with the layer's result."""
        return (self.adder or self.node).outputs[0]

    @property
    def outputs(self) -> int:
        """Channels of the output."""
        return self.shape[1] * self.groups if self.inputs_first else self.shape[0]

    @property
    def inputs(self) -> int:
        """Channels of the input."""
        return self.shape[0] if self.inputs_first else self.shape[1] * self.groups

    def view(self, values: Array) -> Array:
        """Weights as (groups, outputs, inputs, rest); of contiguous ones a view into them."""
        if self.inputs_first:
            parts = values.reshape(self.groups, self.inputs // self.groups, self.shape[1], -1)
            return parts.transpose(0, 2, 1, 3)
        return values.reshape(self.groups, self.outputs // self.groups, self.shape[1], -1)

    def measure(self, values: Array) -> None:
        """Note the magnitudes of the weights, as the joints need them."""
        largest = np.abs(self.view(values)).max(axis=3)
        if self.before is None:
            largest = largest.max(axis=2, keepdims=True)
        else:
            blocks = self.before.channels // self.groups
            largest = largest.reshape(*largest.shape[:2], blocks, -1).max(axis=3)
            if self.after is None:
                largest = largest.max(axis=1, keepdims=True)
        self.magnitudes = largest.astype(np.promote_types(largest.dtype, np.float32), copy=False)

    def output_ranges(self) -> Array:
        """Largest |w| for each output channel, with the factors so far."""
        down, up = self._factors()
        return (_largest(self.magnitudes, up[:, None, :], 2) * down).reshape(-1)

    def input_ranges(self) -> Array:
        """Largest |w| for each channel of the joint before; a flattened one has several inputs a channel."""
        down, up = self._factors()
        return (_largest(self.magnitudes, down[:, :, None], 1) * up).reshape(-1)

    def _factors(self) -> tuple[Array, Array]:
        """What joints multiply each output and each input of a group by, so far: (groups, outputs or inputs, or 1)."""
        one = np.ones((self.groups, 1))
        down = one if self.after is None else 1 / self.after.factors.reshape(self.groups, -1)
        return down, one if self.before is None else self.before.factors.reshape(self.groups, -1)

    def scaled(self, values: Array) -> Array:
        """The weights with the factors of both joints, in float64."""
        new = np.array(values, np.float64, order="C")
        parts = self.view(new)
        if self.after is not None:
            parts /= self.after.factors.reshape(self.groups, -1, 1, 1)
        if self.before is not None:
            factors = np.repeat(self.before.factors, self.inputs // self.before.channels)
            parts *= factors.reshape(self.groups, 1, -1, 1)
        return new


@dataclass(slots=True, eq=False)
class Joint:
    """A layer and those that read its output, as they are or through positively homogeneous nodes.

    Attributes:
        producer: its weights and bias are divided by the factors.
        consumers: their weights are multiplied by them.
        between: the nodes on the way.
        spent: products of the factors of earlier runs, one a channel.
        factors: those of this run, over all passes.
    """

    producer: Layer
    consumers: Sequence[Layer]
    between: Sequence[Node]
    spent: Array
    factors: Array = field(init=False)

    def __post_init__(self) -> None:
        self.factors = np.ones(self.channels)

    @property
    def channels(self) -> int:
        """Channels between the layers."""
        return self.producer.outputs

    @property
    def is_level(self) -> bool:
        """Whether it is not worth a change."""
        return bool(np.abs(np.log(self.factors)).max(initial=0.0) < WORTHWHILE)

    def ranges(self) -> tuple[Array, Array]:
        """Ranges of the channels on either side."""
        return self.producer.output_ranges(), np.maximum.reduce([layer.input_ranges() for layer in self.consumers])

    def step(self) -> float:
        """Level the ranges once; returns the largest |log s|."""
        with np.errstate(all="ignore"):
            one, other = self.ranges()
            # Two roots, as the product of two ranges may be too small a number.
            wanted = np.sqrt(one) / np.sqrt(other)
        wanted[~(np.isfinite(one) & np.isfinite(other) & (one > 0) & (other > 0))] = 1.0
        total = np.clip(self.spent * self.factors * wanted, 1 / LARGEST, LARGEST) / self.spent
        change = np.abs(np.log(total / self.factors)).max(initial=0.0)
        self.factors = total
        return float(change)

    def spare_tiny(self, smallest: float) -> None:
        """Channels keep 1 whose weights would become so small that their type loses digits."""
        one, other = self.ranges()
        self.factors[((one < smallest) & (self.factors > 1)) | ((other < smallest) & (self.factors < 1))] = 1.0

    @property
    def product(self) -> Array:
        """The factors of all runs."""
        return self.spent * self.factors


def _largest(magnitudes: Array, factors: Array, axis: int) -> Array:
    """The largest elements of (groups, outputs, inputs) along an axis, along which they are multiplied first."""
    factors = np.broadcast_to(factors.astype(magnitudes.dtype), (*factors.shape[:1], *magnitudes.shape[1:]))
    far = 1 if magnitudes.strides[1] > magnitudes.strides[2] else 2  # cut so that a part is near in memory
    step = max(1, BLOCK * magnitudes.shape[far] // magnitudes.size)
    found = []
    for start in range(0, magnitudes.shape[far], step):
        part = (*(slice(None),) * far, slice(start, start + step))
        found.append((magnitudes[part] * factors[part]).max(axis=axis))
    return np.asarray(np.maximum.reduce(found)) if far == axis else np.concatenate(found, axis=1)


def equalize(joints: Sequence[Joint], smallest: float) -> None:
    """Find the factors of connected joints, whose layers were measured.

    Args:
        joints: in topological order.
        smallest: the smallest normal number of the weights' type.
    """
    # What an earlier run has levelled to within `CONVERGED` would else creep on for ever.
    worthwhile = max([joint.step() for joint in joints]) >= WORTHWHILE
    for _ in range(PASSES - 1 if worthwhile else 0):
        if max([joint.step() for joint in joints]) < CONVERGED:
            break
    for joint in joints:
        joint.spare_tiny(smallest)
        if joint.is_level or not worthwhile:
            joint.factors = np.ones(joint.channels)
