"""What moves elements: most of it only brings labels into another order, and is no layer."""

from __future__ import annotations

from typing import Any

from qlint.files.description.records import End
from qlint.network.catalogue import shaping
from qlint.network.lower.signal import Size
from qlint.network.raising.axes import BATCH, CHANNELS, TIME, Axes, Axis, Placed, Unfit, canonical, regrouped, shown
from qlint.network.raising.raising import Handler, Raising
from qlint.network.view import View
from qlint.tristate import Unknown


def _alias(raising: Raising, view: View, placed: Placed, axes: Axes, *, sizes: dict[str, Any] | None = None) -> None:
    """The same data in another order."""
    axes = tuple(_joined(axis) for axis in axes)
    by = view.node.name or view.node.outputs[0]
    base = Placed(placed.end, axes, {**placed.sizes, **(sizes or {})}, by)
    raising.place(view.nodes[-1].outputs[0], placed.end, axes, base, by=by)


def _joined(axis: Axis) -> Axis:
    """Both directions' units, one after the other, are the channels of a layer that reads both ways."""
    return CHANNELS if axis == ("D", "H") else axis


def _transposed(raising: Raising, view: View, type: str) -> None:
    placed = raising.data(view.name(0))
    axes = placed.known
    order = view.attribute("perm") or list(range(len(axes)))[::-1]
    _alias(raising, view, placed, tuple(axes[at] for at in order))


def _squeezed(raising: Raising, view: View, type: str) -> None:
    placed = raising.data(view.name(0))
    axes, given = placed.known, view.option("axes", 1, 13)
    if isinstance(given, Unknown):
        raise Unfit("which axes it drops is not known")
    shape = view.shape() or ()
    gone = {at % len(axes) for at in given} if given is not None else {at for at, n in enumerate(shape) if n == 1}
    labels = [label for at in sorted(gone) for label in axes[at]]
    made = [axis for at, axis in enumerate(axes) if at not in gone]
    if labels:
        if CHANNELS not in made or not all(label.startswith("S") for label in labels):
            raise Unfit(f"it drops axes of {shown(axes)} data that MATLAB keeps")
        made[made.index(CHANNELS)] = ("C", *sorted(labels))
    _alias(raising, view, placed, tuple(made), sizes=dict.fromkeys(labels, 1))


def _unsqueezed(raising: Raising, view: View, type: str) -> None:
    placed = raising.data(view.name(0))
    given = view.option("axes", 1, 13)
    if not isinstance(given, list):
        raise Unfit("which axes it adds is not known")
    made = list(placed.known)
    rank = len(made) + len(given)
    for at in sorted(axis % rank for axis in given):
        made.insert(at, ())
    _alias(raising, view, placed, tuple(made))


def _flattened(raising: Raising, view: View, type: str) -> None:
    placed = raising.data(view.name(0))
    axes = placed.known
    if view.node.op_type != "Flatten":
        _reshaped(raising, view, type)
        return
    axis = int(view.attribute("axis", 1))
    axis += len(axes) if axis < 0 else 0
    first = tuple(label for each in axes[:axis] for label in each)
    if first != BATCH:
        raise Unfit(f"it flattens {shown(axes)} data across observations")
    _alias(raising, view, placed, (BATCH, tuple(label for each in axes[axis:] for label in each)))


def _reshaped(raising: Raising, view: View, type: str) -> None:
    placed = raising.data(view.name(0))
    axes, shape = placed.known, view.shape()
    given = view.static(1) if view.scope.opset >= 5 else view.attribute("shape")
    target: list[Size] | None = None
    if isinstance(given, list):
        keeps = not view.attribute("allowzero", 0)
        target = [shape[at] if n == 0 and keeps and shape and at < len(shape) else n for at, n in enumerate(given)]
    elif (after := view.output_shape()) is not None:
        target = list(after)
    if shape is None or target is None:
        raise Unfit("the shape that it makes is not known")
    made = _regrouped(axes, shape, target)
    if made is None:
        raise Unfit(f"it arranges {shown(axes)} data anew, which MATLAB does column by column")
    _alias(raising, view, placed, made)


def _regrouped(axes: Axes, shape: tuple[Size, ...], target: list[Size]) -> Axes | None:
    found = regrouped(axes, shape, target)
    batch = shape[0]
    if found is None and target and target[0] in (-1, 1) and axes[0] == BATCH and not isinstance(batch, int):
        # The batch is what is left open, or one observation as the exporter saw it.
        found = regrouped(axes, shape, [batch, *target[1:]])
    return found


def _resized(raising: Raising, view: View, type: str) -> None:
    placed = raising.lowered(view.name(0))
    rank = len(placed.spatial)
    if "T" in placed.labels or f"resize{rank}dLayer" != type:
        raise Unfit(f"MATLAB does not resize {shown(placed.known)} data so")
    found: dict[str, Any] = {"Method": shaping.method(view)}
    geometry, rounding = shaping.geometric_mode(view), shaping.rounding_mode(view)
    before, after = view.shape() or (), view.output_shape() or ()
    scale = shaping.scale_factors(view)
    if geometry == "pytorch-half-pixel" and all(isinstance(n, int) and n > 1 for n in after[2:]):
        geometry = "half-pixel"
    whole = isinstance(scale, list) and all(float(factor).is_integer() for factor in scale)
    if rounding == "round-prefer-floor" and geometry == "half-pixel" and whole:
        rounding = "round"  # half-way between two elements lies nothing then
    found["GeometricTransformMode"] = geometry
    if found["Method"] == "nearest":
        found["NearestRoundingMode"] = rounding
    if all(isinstance(n, int) for n in (*before[2:], *after[2:])) and after:
        found["OutputSize"] = list(after[2:])
    else:
        found["Scale"] = scale
    name = raising.layer(view, type, found, [("in", placed)])
    raising.place(view.nodes[-1].outputs[0], End(name, "out"), placed.axes)


def _blocks(raising: Raising, view: View, type: str) -> None:
    placed = raising.lowered(view.name(0))
    if placed.known != canonical(2):
        raise Unfit(f"MATLAB's blocks are of images, not of {shown(placed.known)} data")
    found: dict[str, Any] = {"BlockSize": shaping.block_size(view)}
    if type == "depthToSpace2dLayer" and shaping.depth_mode(view) != "dcr":
        found["Mode"] = shaping.depth_mode(view)
    name = raising.layer(view, type, found, [("in", placed)])
    raising.place(view.nodes[-1].outputs[0], End(name, "out"), placed.axes)


def _picked(raising: Raising, view: View, type: str) -> None:
    """Gather of the first or last step: indexing1dLayer."""
    placed = raising.separate(view.name(0))
    axes = placed.known
    axis, index = int(view.attribute("axis", 0)) % len(axes), view.static(1)
    if not isinstance(index, int) or len(placed.labels) != 3 or axes[axis] not in (TIME, ("S1",)):
        raise Unfit("MATLAB picks the first or the last step only")
    steps = placed.sizes.get(axes[axis][0])
    last = index == -1 or (isinstance(steps, int) and index == steps - 1)
    if not last and index != 0:
        raise Unfit("MATLAB picks the first or the last step only")
    name = raising.layer(view, "indexing1dLayer", {"Index": "last" if last else "first"}, [("in", placed)])
    rest = tuple(each for at, each in enumerate(axes) if at != axis)
    raising.place(view.nodes[-1].outputs[0], End(name, "out"), rest)


def _dropped(raising: Raising, view: View, type: str) -> None:
    """An average or a selection that has no layer of its own."""
    raise Unfit(f"MATLAB has no layer for {view.op}")


HANDLERS: dict[str, Handler] = {
    "permuteLayer": _transposed,
    "onnx:Squeeze": _squeezed,
    "onnx:Unsqueeze": _unsqueezed,
    "flattenLayer": _flattened,
    "reshapeLayer": _flattened,
    "resize2dLayer": _resized,
    "resize3dLayer": _resized,
    "depthToSpace2dLayer": _blocks,
    "spaceToDepthLayer": _blocks,
    "onnx:Gather": _picked,
    "crop2dLayer": _dropped,
    "wordEmbeddingLayer": _dropped,
    "attentionLayer": _dropped,
}
