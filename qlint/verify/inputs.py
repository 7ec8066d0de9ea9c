"""Values for a network's inputs that the graph implies, where the user gives none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from qlint.files.model import Graph, Node, Shape, ValueType

Values = dict[str, np.ndarray[Any, Any]]

OPEN_SIZES = (32, 64, 224, 512, 16000)
"""Sizes for axes that the file leaves open, tried in order."""

MOST_ELEMENTS = 1 << 23
"""Most elements a tensor of open axes is tried with: 16000 is for one axis of samples, not for both of an image."""

_NORMALIZATIONS = ("BatchNormalization", "InstanceNormalization")


@dataclass(frozen=True, slots=True)
class Attempt:
    """Inputs to try.

    Attributes:
        values: by name.
        said: in words, for messages ("open axes 32").
    """

    values: Values
    said: str


def attempts(graph: Graph, sizes: Mapping[str, Shape] | None = None) -> Iterator[Attempt]:
    """Inputs to try a network with, the likeliest first; the same for the same network.

    Open axes get batch 1 and then one of `OPEN_SIZES`; those of one symbol get the same size. Floats are standard
    normal numbers, integers small and not negative, masks ones; a second round holds zeros for integers.

    Args:
        graph: the network.
        sizes: shapes that are known better than the file says.
    """
    shapes = {name: _known(graph, name, (sizes or {}).get(name) or known.shape) for name, known in graph.inputs.items()}
    opened = any(not isinstance(size, int) for shape in shapes.values() for size in shape)
    integers = any(_kind(known) in "iu" for known in graph.inputs.values())
    for zeros in (False, True) if integers else (False,):
        for open in OPEN_SIZES if opened else (0,):
            fixed = _fixed(shapes, open)
            if opened and any(prod(shape) > MOST_ELEMENTS for shape in fixed.values()):
                continue
            random = np.random.default_rng(2024)
            values = {
                name: random_values(graph.inputs[name], shape, random, zeros=zeros) for name, shape in fixed.items()
            }
            said = f"open axes {open}" if opened else "the declared shapes"
            yield Attempt(values, said)


def random_values(
    known: ValueType, shape: tuple[int, ...], random: np.random.Generator, *, zeros: bool = False
) -> np.ndarray[Any, Any]:
    """Values for a tensor of a type: normal numbers, small integers, ones for truth values, empty strings."""
    kind, dtype = _kind(known), _dtype(known)
    if kind == "b":
        return np.ones(shape, dtype)
    if kind in "iu":
        least = 1 if prod(shape) == 1 else 0  # a single number is often a size or a length
        return np.zeros(shape, dtype) if zeros else random.integers(least, 4, shape).astype(dtype)
    if kind == "O":
        return np.full(shape, "", object)
    return random.standard_normal(shape).astype(dtype)


def _dtype(known: ValueType) -> np.dtype[Any]:
    from onnx import TensorProto, helper

    return helper.tensor_dtype_to_np_dtype(TensorProto.DataType.Value((known.type or "float").upper()))


def _kind(known: ValueType) -> str:
    dtype = _dtype(known)
    return "f" if dtype.kind in "fV" else dtype.kind


def _fixed(shapes: Mapping[str, tuple[int | str | None, ...]], open: int) -> dict[str, tuple[int, ...]]:
    """The shapes with sizes for open axes: 1 for the batch, which is what stands first, else `open`."""
    batch = {shape[0] for shape in shapes.values() if shape and isinstance(shape[0], str) and len(shape) > 1}

    def size(axis: int, known: int | str | None, rank: int) -> int:
        if isinstance(known, int):
            return known
        return 1 if (axis == 0 and rank > 1) or known in batch else open

    return {
        name: tuple(size(axis, known, len(shape)) for axis, known in enumerate(shape)) for name, shape in shapes.items()
    }


def _known(graph: Graph, name: str, shape: Shape) -> tuple[int | str | None, ...]:
    """An input's shape with the rank and the channels that the layers reading it imply."""
    for node in graph.consumers.get(name, ()):
        implied = channels(node, name, graph)
        if implied is None:
            continue
        rank, axis, count = implied
        if shape is None and rank:
            shape = (None,) * rank
        if shape and axis < len(shape) and not isinstance(shape[axis], int):
            axis %= len(shape)
            shape = (*shape[:axis], count, *shape[axis + 1 :])
    return (None, None) if shape is None else shape


def channels(node: Node, name: str, graph: Graph) -> tuple[int, int, int] | None:
    """What a layer says of the tensor it reads: rank (0 where it does not say), channel axis and number of channels.

    The axis is -1 for the last one of a tensor of any rank.
    """
    if not node.inputs or node.inputs[0] != name or len(node.inputs) < 2:
        return None
    weights = graph.initializers.get(node.inputs[1])
    if weights is None or not weights.shape:
        return None
    shape = weights.shape
    if node.op_type == "Conv":
        return len(shape), 1, shape[1] * int(node.attributes.get("group", 1))
    if node.op_type == "ConvTranspose":
        return len(shape), 1, shape[0]
    if node.op_type in _NORMALIZATIONS:
        return 0, 1, shape[0]
    if node.op_type == "Gemm" and len(shape) == 2 and not node.attributes.get("transA"):
        return 2, 1, shape[1 if node.attributes.get("transB") else 0]
    if node.op_type == "MatMul" and len(shape) == 2:
        return 0, -1, shape[0]
    return None
