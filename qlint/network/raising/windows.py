"""Convolutions, transposed convolutions and pooling."""

from __future__ import annotations

from math import prod
from typing import Any

from qlint.files.description.records import End
from qlint.network.catalogue import convolution as facts
from qlint.network.catalogue import windows
from qlint.network.matlab.windows import pairs, unpaired
from qlint.network.raising.axes import TIME, Placed, Unfit
from qlint.network.raising.constants import Constant, constant, filled, vector
from qlint.network.raising.padding import before_convolution
from qlint.network.raising.raising import Handler, Raising
from qlint.network.view import View
from qlint.tristate import Unknown


def _list(value: Any) -> list[int]:
    if isinstance(value, Unknown):
        raise Unfit(f"{value.missing} is not known")
    return list(value) if isinstance(value, list) else [value]


def _rank(view: View, placed: Placed, *settings: list[int]) -> int:
    """Dimensions of the layer: a time axis that the window does not move over is none."""
    rank = len(placed.known) - 2
    if rank and placed.known[-1] == TIME and rank > 1 and all(setting[-1] == 1 for setting in settings):
        pads = windows.pads(view)
        if not isinstance(pads, Unknown) and pads[rank - 1] == pads[-1] == 0:
            return rank - 1
    if not 1 <= rank <= 3:
        raise Unfit(f"MATLAB has no such layer of {rank} dimensions")
    return rank


def _padding(view: View, rank: int, found: dict[str, Any]) -> None:
    """`Padding` as MATLAB's constructors take it; left out where there is none."""
    if windows.padding_mode(view) == "same":
        found["Padding"] = "same"
        return
    size = windows.padding_size(view)
    if isinstance(size, Unknown):
        raise Unfit(f"{size.missing} is not known")
    whole = pairs(size, len(windows.pads(view)) // 2)  # type: ignore[arg-type]
    if any(map(any, whole[:rank])):
        found["Padding"] = unpaired(whole[:rank])


def _plain(found: dict[str, Any], name: str, values: list[int]) -> None:
    """A size that is left out where it is 1, as MATLAB has it by default."""
    if set(values) != {1}:
        found[name] = values if len(values) > 1 else values[0]


def _one(values: list[int]) -> Any:
    return values if len(values) > 1 else values[0]


def _convolution(raising: Raising, view: View, type: str) -> None:
    before = before_convolution(raising, view)
    placed = raising.lowered(view.name(0) if before is None else before[0])
    kernel, strides = _list(windows.size(view)), _list(windows.stride(view))
    dilations, groups = _list(windows.dilation(view)), int(view.attribute("group", 1))
    weights = constant(raising.scope, view.name(1))
    rank = _rank(view, placed, kernel, strides, dilations)
    if before is not None and rank < len(before[1]) and any(before[1][-1]):
        rank += 1
    if len(weights.shape) != len(placed.known):
        raise Unfit("its weights do not fit its input")
    found: dict[str, Any] = {"FilterSize": _one(kernel[:rank])}
    filters, channels = weights.shape[:2]
    kernel = kernel[:rank]
    if groups > 1 and rank != 2:
        weights, groups = _ungrouped(weights, groups, rank), 1
        channels = weights.shape[1]
    if groups > 1:
        each = filters // groups
        wise = channels == 1
        found |= {"NumGroups": "channel-wise" if wise else groups, "NumFiltersPerGroup": each}
        learned = weights.then(
            (*kernel, channels, each, groups),
            lambda values: values.reshape(groups, each, channels, *kernel).transpose(3, 4, 2, 1, 0),
        )
        type = "groupedConvolution2dLayer"
    else:
        found["NumFilters"] = filters
        learned = _filters(weights, kernel, (filters, channels), (*range(2, 2 + rank), 1, 0))
        type = f"convolution{rank}dLayer"
    _plain(found, "Stride", strides[:rank])
    _plain(found, "DilationFactor", dilations[:rank])
    if before is None:
        _padding(view, rank, found)
    elif any(map(any, before[1])):
        found["Padding"] = unpaired(before[1][:rank])
        found["PaddingValue"] = before[2] or None
    learnables = {"Weights": learned, "Bias": _bias(raising, view, filters, rank)}
    name = raising.layer(view, type, found, [("in", placed)], learnables=learnables)
    raising.place(view.nodes[-1].outputs[0], End(name, "out"), placed.axes)


_DENSE = 1 << 22
"""Most elements that weights may have when groups become zeros in them."""


def _ungrouped(weights: Constant, groups: int, rank: int) -> Constant:
    """Weights of a convolution of all channels that computes what a grouped one does; MATLAB groups in 2-D only."""
    filters, channels, *kernel = weights.shape
    shape = (filters, channels * groups, *kernel)
    if prod(shape) > _DENSE:
        raise Unfit(f"MATLAB has no grouped convolution of {rank} dimensions, and without groups its weights are large")

    def spread(values: Any) -> Any:
        import numpy as np

        made = np.zeros((groups, filters // groups, groups, channels, *kernel), values.dtype)
        for group, part in enumerate(values.reshape(groups, filters // groups, channels, *kernel)):
            made[group, :, group] = part
        return made.reshape(shape)

    return weights.then(shape, spread)


def _filters(weights: Constant, kernel: list[int], ends: tuple[int, int], order: tuple[int, ...]) -> Constant:
    shape = (*ends, *kernel)
    return weights.then(tuple(shape[axis] for axis in order), lambda values: values.reshape(shape).transpose(order))


def _bias(raising: Raising, view: View, filters: int, rank: int) -> Constant:
    """Bias as [1 ... 1 filters]; zeros where the operator has none."""
    found = filled(0, filters)
    if view.has_input(2):
        found = vector(constant(raising.scope, view.name(2)), filters)
    return found.then((*[1] * rank, filters), lambda values: values.reshape(*[1] * rank, filters))


def _transposed(raising: Raising, view: View, type: str) -> None:
    placed = raising.lowered(view.name(0))
    kernel, strides = _list(windows.size(view)), _list(windows.stride(view))
    weights = constant(raising.scope, view.name(1))
    rank = _rank(view, placed, kernel, strides)
    cropping = facts.cropping(view)
    if isinstance(cropping, Unknown):
        raise Unfit(f"the {cropping.missing} is not known")
    channels, filters = weights.shape[:2]
    found: dict[str, Any] = {"FilterSize": _one(kernel[:rank]), "NumFilters": filters}
    _plain(found, "Stride", strides[:rank])
    crops = pairs(cropping, len(placed.known) - 2)[:rank]
    if any(map(any, crops)):
        found["Cropping"] = unpaired(crops)
    order = (*range(2, 2 + rank), 1, 0)
    learned = _filters(weights, kernel[:rank], (channels, filters), order)
    learnables = {"Weights": learned, "Bias": _bias(raising, view, filters, rank)}
    name = raising.layer(view, f"transposedConv{rank}dLayer", found, [("in", placed)], learnables=learnables)
    raising.place(view.nodes[-1].outputs[0], End(name, "out"), placed.axes)


def _pooling(raising: Raising, view: View, type: str) -> None:
    placed = raising.lowered(view.name(0))
    kernel, strides = _list(windows.size(view)), _list(windows.stride(view))
    if type.startswith("max") and len(view.node.outputs) > 1 and view.node.outputs[1]:
        raise Unfit("MATLAB's indices of maxima are for unpooling only")
    if any(spread != 1 for spread in windows.per_axis(view, "dilations")):
        raise Unfit("MATLAB's pooling has no dilation")
    rank = _rank(view, placed, kernel, strides)
    found: dict[str, Any] = {"PoolSize": _one(kernel[:rank])}
    _plain(found, "Stride", strides[:rank])
    over = windows.overhang(view)
    if over is True:
        found["Padding"] = unpaired(_reaching_over(view, kernel, strides)[:rank])
    else:
        _padding(view, rank, found)
    if type.startswith("average"):
        counted = bool(view.attribute("count_include_pad", 0))
        if over is True and counted:
            raise Unfit("a window reaches over the padded input (ceil_mode), which MATLAB would count as padding")
        value: Any = "mean" if over is True else windows.padding_value(view)
        if isinstance(value, Unknown):
            raise Unfit(f"the {value.missing} is not known")
        if value != 0:
            found["PaddingValue"] = value
    kind = type[: type.index("Pooling")]
    name = raising.layer(view, f"{kind}Pooling{rank}dLayer", found, [("in", placed)])
    raising.place(view.nodes[-1].outputs[0], End(name, "out"), placed.axes)


def _reaching_over(view: View, kernel: list[int], strides: list[int]) -> list[tuple[int, int]]:
    """Padding by which all windows of a ceil_mode fit: what it adds at the end is never counted, as padding is not."""
    edges, rank = windows.pads(view), len(kernel)
    found: list[tuple[int, int]] = []
    for axis in range(rank):
        length = view.size(axis + 2)
        if isinstance(edges, Unknown) or isinstance(length, Unknown):
            raise Unfit("how far its windows reach over the input is not known")
        before, after = edges[axis], edges[axis + rank]
        room = length + before + after - kernel[axis]
        last = -(-room // strides[axis]) * strides[axis]
        if last >= length + before:  # a window that would begin in the padding is left out
            last -= strides[axis]
        found.append((before, max(after, last + kernel[axis] - length - before)))
    return found


def pooled_globally(raising: Raising, view: View, kind: str, over: list[int], *, keep: bool) -> None:
    """A layer that pools over whole axes.

    Args:
        raising: the walk.
        view: the node.
        kind: "Average" or "Max".
        over: positions of the axes.
        keep: whether they stay, with one element.
    """
    placed = raising.separate(view.name(0))
    axes = placed.known
    labels = {label for at in over for label in axes[at]}
    spatial = set(placed.spatial)
    if (labels != spatial and labels != spatial | {"T"}) or not labels or "T" in labels - set(placed.labels):
        raise Unfit(f"it pools over some axes of {[axis[0] for axis in axes if axis]} data that MATLAB does not")
    if len(labels) > 3:
        raise Unfit("MATLAB pools over at most three dimensions")
    name = raising.layer(view, f"global{kind}Pooling{len(labels)}dLayer", {}, [("in", placed)])
    made: list[tuple[str, ...]] = []
    for at, axis in enumerate(axes):
        if at not in over:
            made.append(("C", *sorted(spatial)) if axis == ("C",) and not keep and spatial else axis)
        elif keep:
            made.append(() if axis == TIME else axis)
    sizes = {**placed.sizes, **dict.fromkeys(spatial, 1)}
    base = Placed(placed.end, axes, sizes, view.nodes[-1].name)
    raising.place(view.nodes[-1].outputs[0], End(name, "out"), tuple(made), base)


def _global(raising: Raising, view: View, type: str) -> None:
    kind = "Max" if "Max" in type else "Average"
    if view.node.op_type.startswith("Global"):
        pooled_globally(raising, view, kind, [*range(2, len(raising.data(view.name(0)).known))], keep=True)
    else:
        _reduced(raising, view, type)


def _reduced(raising: Raising, view: View, type: str) -> None:
    """ReduceMean and ReduceMax over what MATLAB's global pooling layers pool over."""
    axes = view.option("axes", 1, 18)
    rank = len(raising.data(view.name(0)).known)
    if isinstance(axes, Unknown) or axes is None:
        raise Unfit("the axes that it reduces are not those that MATLAB pools over")
    over = sorted(axis % rank for axis in (axes if isinstance(axes, list) else [axes]))
    kind = "Max" if view.node.op_type == "ReduceMax" else "Average"
    pooled_globally(raising, view, kind, over, keep=bool(view.attribute("keepdims", 1)))


HANDLERS: dict[str, Handler] = {
    **{f"convolution{rank}dLayer": _convolution for rank in (1, 2, 3)},
    "groupedConvolution2dLayer": _convolution,
    "onnx:Conv": _convolution,
    **{f"transposedConv{rank}dLayer": _transposed for rank in (1, 2, 3)},
    **{f"{kind}Pooling{rank}dLayer": _pooling for kind in ("max", "average") for rank in (1, 2, 3)},
    "onnx:MaxPool": lambda raising, view, _: _pooling(raising, view, "maxPooling"),
    "onnx:AveragePool": lambda raising, view, _: _pooling(raising, view, "averagePooling"),
    **{f"global{kind}Pooling{rank}dLayer": _global for kind in ("Max", "Average") for rank in (1, 2, 3)},
    "onnx:ReduceMean": _reduced,
    "onnx:ReduceMax": _reduced,
    "onnx:GlobalAveragePool": lambda raising, view, _: _global(raising, view, "globalAveragePooling"),
    "onnx:GlobalMaxPool": lambda raising, view, _: _global(raising, view, "globalMaxPooling"),
}
