"""Per-channel affine functions, y = scale * x + offset: what batch normalization and constant arithmetic compute."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from qlint.files.model import Node
    from qlint.transforms.base import Context

Array: TypeAlias = np.ndarray[Any, Any]

OLDEST_OPSET = 7
"""Before it, batch normalization had `is_test` and arithmetic an explicit `broadcast`."""

STATISTICS = ("scale", "bias", "mean", "variance")


class Refused(Exception):
    """Why a rewrite is not possible. It never leaves the transforms: `find` makes a `Declined` of it."""


@dataclass(frozen=True, slots=True)
class Affine:
    """y[c] = scale[c] * x[c] + offset[c].

    Attributes:
        scale, offset: float64, one number a channel.
    """

    scale: Array
    offset: Array

    @classmethod
    def identity(cls, channels: int) -> Affine:
        """The function that changes nothing."""
        return cls(np.ones(channels), np.zeros(channels))

    def then(self, after: Affine) -> Affine:
        """This one first, then the other."""
        return Affine(after.scale * self.scale, after.scale * self.offset + after.offset)

    def part(self, begin: int, end: int) -> Affine:
        """The function of some of the channels."""
        return Affine(self.scale[begin:end], self.offset[begin:end])


def is_batch_normalization(node: Node | None) -> bool:
    """Whether a node is ONNX's BatchNormalization, in whatever form."""
    return node is not None and node.op_type == "BatchNormalization" and not node.domain


def is_pass_through(context: Context, node: Node) -> bool:
    """Whether a node hands its input on unchanged: Identity, and Dropout outside of training."""
    if node.domain or context.opset < OLDEST_OPSET:
        return False
    if node.op_type == "Dropout":
        if len(node.inputs) < 3 or not node.inputs[2]:
            return True
        training = context.values(node.inputs[2])
        return training is not None and not np.any(training)
    return node.op_type == "Identity"


def constant(context: Context, name: str, what: str) -> Array:
    """The values of a constant.

    Raises:
        Refused: if it is none, or a caller may override it.
    """
    values = context.values(name)
    if values is None:
        raise Refused(f"{what} cannot be folded: {context.reason_not_constant(name)}")
    return values


def batch_normalization(context: Context, node: Node) -> Affine:
    """What a batch normalization computes on its channels (axis 1).

    Raises:
        Refused: if it is not such a function, or not one of constants.
    """
    if context.opset < OLDEST_OPSET:
        raise Refused(
            f"batch normalization of opset {context.opset} has a training flag; convert the model to opset 7+"
        )
    if node.attributes.get("training_mode", 0):
        raise Refused("training_mode is 1, so it normalizes with the batch's own statistics; export it for inference")
    if not node.attributes.get("spatial", 1):
        raise Refused("spatial is 0: it has a statistic for each activation and not for each channel")
    if any(node.outputs[1:]):
        raise Refused("it has the outputs of the training form; export the model for inference")
    if len(node.inputs) != 5 or not all(node.inputs):
        raise Refused(f"it has {sum(map(bool, node.inputs))} inputs where 5 are needed; check the model")
    found = [
        constant(context, name, f"the {what}").astype(np.float64)
        for name, what in zip(node.inputs[1:], STATISTICS, strict=True)
    ]
    scale, bias, mean, variance = found
    if any(values.ndim != 1 or values.shape != scale.shape for values in found):
        shapes = ", ".join(f"{what} {list(values.shape)}" for what, values in zip(STATISTICS, found, strict=True))
        raise Refused(f"its parameters differ in shape ({shapes}); check the model")
    # Attributes are float32 in the file; the default is the nearest float32 too.
    shifted = variance + float(np.float32(node.attributes.get("epsilon", 1e-5)))
    unusable = np.flatnonzero(~(shifted > 0))
    if unusable.size:
        raise Refused(
            f"variance + epsilon is {shifted[unusable[0]]:g} in channel {unusable[0]}, by whose square root one cannot"
            " divide; repair the statistics"
        )
    with np.errstate(all="ignore"):
        factor = scale / np.sqrt(shifted)
        offset = bias - mean * factor
    if not (np.isfinite(factor).all() and np.isfinite(offset).all()):
        raise Refused("its scale or offset is not finite in some channel; repair the statistics")
    return Affine(factor, offset)


def constant_operand(context: Context, node: Node) -> int | None:
    """Which input of an Add, Sub, Mul or Div is its only constant one; None if it is not such an operation."""
    if node.op_type not in ("Add", "Sub", "Mul", "Div") or node.domain or context.opset < OLDEST_OPSET:
        return None
    if len(node.inputs) != 2:
        return None
    static = [context.scope.is_static(name) for name in node.inputs]
    if static != [False, True] and (static != [True, False] or node.op_type == "Div"):
        return None
    position = static.index(True)
    # Only one number a channel is of interest: larger constants are not even read.
    known = context.shape(node.inputs[position])
    if known is not None and sum(size != 1 for size in known) > 1:
        return None
    return None if context.values(node.inputs[position]) is None else position


def arithmetic(context: Context, node: Node, *, rank: int | None, axis: int, channels: int) -> Affine:
    """What an Add, Sub, Mul or Div by a constant computes on the channels of a tensor.

    Args:
        context: where the node stands.
        node: one for which `constant_operand` is not None.
        rank: the tensor's rank, None if unknown.
        axis: its channel axis.
        channels: that axis's size.

    Raises:
        Refused: if the constant is not one number a channel, or would change the tensor's shape.
    """
    position = constant_operand(context, node)
    assert position is not None
    values = constant(context, node.inputs[position], "the constant").astype(np.float64)
    if rank is None or values.ndim > rank:
        raise Refused(f"the {node.op_type} before it changes the rank of the tensor, or its rank is not known")
    shape = (1,) * (rank - values.ndim) + values.shape
    if any(size != 1 for place, size in enumerate(shape) if place != axis) or shape[axis] not in (1, channels):
        raise Refused(
            f"the constant of the {node.op_type} before it, of shape {list(values.shape)}, is not per channel"
        )
    number = np.broadcast_to(values.reshape(-1), (channels,))
    plain = Affine.identity(channels)
    if node.op_type == "Mul":
        return Affine(number, plain.offset)
    if node.op_type == "Div":
        if not number.all():
            raise Refused("a division by zero comes before it")
        return Affine(1 / number, plain.offset)
    if node.op_type == "Add":
        return Affine(plain.scale, number)
    return Affine(-plain.scale, number) if position == 0 else Affine(plain.scale, -number)
