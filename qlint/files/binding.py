"""`--bind`: symbolic sizes replaced by numbers before shapes are inferred."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, TypeAlias

from qlint.errors import UsageError
from qlint.files.quoting import quoted, text
from qlint.suggest import did_you_mean

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, TensorShapeProto, ValueInfoProto

Bind: TypeAlias = Mapping[str, int | list[int | str]]
"""A symbol's number, or an input's sizes (a string leaves its axis open)."""

_INT64 = 1 << 63
_LISTED = 10


def bind_sizes(model: ModelProto, bind: Bind) -> tuple[str, ...]:
    """Replace symbols, and sizes of inputs, in everything the model declares.

    A key that matches nothing is left to the caller, as it may be meant for another model of the same call.

    Returns:
        The keys that there are, symbols before inputs; none where nothing is to be bound.

    Raises:
        UsageError: if a binding contradicts the model, or another binding.
    """
    if not bind:
        return ()
    sizes: dict[str, int] = {}
    inputs = {text(value.name): value for value in model.graph.input}
    symbols = dict.fromkeys(text(dim.dim_param) for dim in _dims(model) if dim.dim_param)
    for key, given in bind.items():
        if isinstance(given, int) and key in inputs and key not in symbols:
            given = [given]
        if isinstance(given, int):
            _note(sizes, key, given)
        elif key in inputs:
            _bind_input(key, inputs[key], given, sizes)
        elif key in symbols:
            raise UsageError(f"--bind {key}={','.join(map(str, given))}: {key!r} is one size", f"write --bind {key}=1")
    for dim in _dims(model):
        size = sizes.get(text(dim.dim_param))
        if size is not None and dim.dim_param:
            dim.dim_value = size
    return tuple(symbols | inputs)


def open_empty_inputs(model: ModelProto) -> None:
    """Make sizes of 0 of the network's inputs unknown: exporters of old wrote 0 where they meant any size."""
    for value in model.graph.input:
        if value.type.HasField("tensor_type"):
            for dim in value.type.tensor_type.shape.dim:
                if dim.HasField("dim_value") and not dim.dim_value:
                    dim.ClearField("dim_value")


def open_negative_sizes(model: ModelProto) -> None:
    """Make negative sizes unknown, with which inference would go on to compute (Paddle writes -1 for any size)."""
    for dim in _dims(model):
        if dim.dim_value < 0:
            dim.ClearField("dim_value")


def _note(sizes: dict[str, int], symbol: str, size: int) -> None:
    if not 0 <= size < _INT64:
        raise UsageError(f"--bind {symbol}={size}: no axis has this size", "give a number from 1 up")
    if sizes.setdefault(symbol, size) != size:
        raise UsageError(f"--bind gives {symbol!r} the sizes {sizes[symbol]} and {size}", "give it one of them")


def unmatched(bind: Bind | None, bindable: Collection[str]) -> Iterator[UsageError]:
    """The error about names of `bind` that no model has, given the `Model.bindable` of all; none if each is there."""
    names = [name for name in sorted(bind or ()) if name not in bindable]
    if names:
        problem = f"--bind {', '.join(map(quoted, names))} names no symbolic dimension or input of any model"
        listed = ", ".join(map(quoted, islice(bindable, _LISTED))) + (", ..." if len(bindable) > _LISTED else "")
        yield UsageError(problem, did_you_mean(names[0], bindable, f"there are {listed}" if bindable else ""))


def _bind_input(name: str, value: ValueInfoProto, given: list[int | str], sizes: dict[str, int]) -> None:
    if value.type.WhichOneof("value") not in (None, "tensor_type"):
        raise UsageError(f"--bind {name}: input {quoted(name)} is not a tensor", "bind the sizes of tensors")
    shape = value.type.tensor_type.shape
    if not value.type.tensor_type.HasField("shape"):
        for size in given:
            dim = shape.dim.add()
            if isinstance(size, str):
                dim.dim_param = size
            else:
                dim.dim_value = size
        return
    shown = ",".join(str(size) for size in given)
    if len(shape.dim) != len(given):
        raise UsageError(
            f"--bind {name}={shown} gives {len(given)} sizes, but input {quoted(name)} has {len(shape.dim)} axes",
            f"the model declares {_shown(shape)}",
        )
    for axis, (dim, size) in enumerate(zip(shape.dim, given, strict=True)):
        if isinstance(size, str):
            continue
        if dim.HasField("dim_value") and dim.dim_value not in (-1, 0, size):
            raise UsageError(
                f"--bind {name}={shown}: axis {axis} of input {quoted(name)} is {dim.dim_value} in the model",
                f"the model declares {_shown(shape)}",
            )
        # The symbol is bound wherever else it stands, too.
        _note(sizes, text(dim.dim_param) or f"axis {axis} of {name}", size)
        dim.dim_value = size


def _shown(shape: TensorShapeProto) -> str:
    sizes = (str(dim.dim_value) if dim.HasField("dim_value") else text(dim.dim_param) or "?" for dim in shape.dim)
    return "[" + ", ".join(size if size.isascii() and size.isprintable() else ascii(size) for size in sizes) + "]"


def _dims(model: ModelProto) -> Iterator[TensorShapeProto.Dimension]:
    """Every axis that the model declares, in subgraphs and functions too."""
    graphs: list[GraphProto] = [model.graph]
    for function in model.functions:
        for value in function.value_info:
            yield from value.type.tensor_type.shape.dim if value.type.HasField("tensor_type") else ()
        graphs.extend(_below(function.node))
    while graphs:
        graph = graphs.pop()
        for value in (*graph.input, *graph.output, *graph.value_info):
            yield from value.type.tensor_type.shape.dim if value.type.HasField("tensor_type") else ()
        graphs.extend(_below(graph.node))


def _below(nodes: object) -> Iterator[GraphProto]:
    for node in nodes:  # type: ignore[attr-defined]
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield attribute.g
            yield from attribute.graphs
