"""Layers that move, select or resample elements.

Source: ONNX operator specification (Flatten, Reshape, Transpose, Resize, Upsample, Slice, DepthToSpace,
SpaceToDepth, Identity, Cast, Gather).
"""

from __future__ import annotations

from collections.abc import Callable

from qlint.network.catalogue.entry import Entry
from qlint.network.network import Value
from qlint.network.view import View
from qlint.tristate import Truth, Unknown


def no_op(view: View) -> Truth:
    """whether the output has the input's shape and order of elements; qlint's own."""
    before, after = view.shape(), view.output_shape()
    if before is None or after is None:
        return Unknown(f"shape of {view.name(0)!r}")
    if len(before) != len(after):
        return False
    for axis, (old, new) in enumerate(zip(before, after, strict=True)):
        if isinstance(old, int) and isinstance(new, int) and old != new:
            return False
        if old != new or old is None:
            return Unknown(
                f"size of axis {axis} of {view.name(0)!r}", f"--bind {old}=1" if isinstance(old, str) else ""
            )
    return True


def flatten_no_op(view: View) -> Truth:
    """whether the input already has two axes, so that nothing changes; qlint's own."""
    rank = view.rank()
    if rank is None:
        return Unknown(f"rank of {view.name(0)!r}")
    if view.node.op_type == "Flatten":
        return rank == 2 and view.attribute("axis", 1) % 2 == 1
    return rank == 2 and no_op(view)


def _flattens(view: View) -> bool:
    """A Reshape to [N, everything else], from a higher rank."""
    target = view.static(1) if view.scope.opset >= 5 else view.attribute("shape")
    if not isinstance(target, list) or len(target) != 2:
        return False
    shape = view.shape()
    batch = shape[0] if shape else None
    return (shape is None or len(shape) > 2) and target[1] == -1 and target[0] in (0, batch)


def output_size(view: View) -> Value:
    """the constant target shape, as ONNX gives it (0 keeps an axis, -1 is what is left)."""
    return view.static(1)


def permutation(view: View) -> Value:
    """`perm` (0-based, ONNX's axis order); reversed axes where absent."""
    given = view.attribute("perm")
    rank = view.rank()
    if given is not None:
        return list(given)
    return Unknown(f"rank of {view.name(0)!r}") if rank is None else list(range(rank))[::-1]


def permutes_nothing(view: View) -> Truth:
    """whether the permutation is the identity; qlint's own."""
    found = permutation(view)
    return found if isinstance(found, Unknown) else found == sorted(found)


def _spatial_resize(rank: int) -> Callable[[View], bool]:
    def accepts(view: View) -> bool:
        if view.rank() != rank + 2 or view.attribute("mode", "nearest") == "cubic":
            return False
        before, after = view.shape(), view.output_shape()
        if before is not None and after is not None and len(after) == len(before):
            # Axes of unknown but equal-by-symbol size count as kept; a changed channel axis has no layer.
            return not (isinstance(before[1], int) and isinstance(after[1], int) and before[1] != after[1])
        return True

    return accepts


def method(view: View) -> Value:
    """`mode`: linear is "bilinear" (2-D) or "trilinear" (3-D)."""
    mode = view.attribute("mode", "nearest")
    return mode if mode == "nearest" else "bilinear" if view.rank() == 4 else "trilinear"


def geometric_mode(view: View) -> Value:
    """`coordinate_transformation_mode` in MATLAB's words where it has them; Upsample is "asymmetric"."""
    default = "half_pixel" if view.node.op_type == "Resize" and view.scope.opset >= 11 else "asymmetric"
    return str(view.attribute("coordinate_transformation_mode", default)).replace("_", "-")


def rounding_mode(view: View) -> Value:
    """`nearest_mode`: round_prefer_ceil is "round"; others keep ONNX's name."""
    default = "round_prefer_floor" if view.node.op_type == "Resize" and view.scope.opset >= 11 else "floor"
    mode = view.attribute("nearest_mode", default)
    return {"round_prefer_ceil": "round", "floor": "floor"}.get(mode, mode.replace("_", "-"))


def scale_factors(view: View) -> Value:
    """constant `scales` of the spatial axes, or output size over input size."""
    before, after = view.shape(), view.output_shape()
    if before is None or after is None:
        return Unknown(f"shape of {view.name(0)!r}")
    if all(isinstance(s, int) and s for s in (*before[2:], *after[2:])):
        return [
            new / old
            for old, new in zip(before[2:], after[2:], strict=True)
            if isinstance(old, int) and isinstance(new, int)
        ]
    position = 1 if view.node.op_type == "Upsample" or view.scope.opset < 11 else 2
    scales = view.option("scales", position, 9)
    if isinstance(scales, list) and len(scales) == len(before):
        return scales[2:]
    return Unknown(f"scale of {view.nodes[-1].outputs[0]!r}")


def _slice_parts(view: View) -> tuple[Value, Value, Value, Value]:
    if view.scope.opset < 10:
        starts, ends = view.attribute("starts"), view.attribute("ends")
        return starts, ends, view.attribute("axes") or list(range(len(starts or []))), [1] * len(starts or [])
    starts, ends = view.static(1), view.static(2)
    count = len(starts) if isinstance(starts, list) else 0
    axes, steps = view.static(3), view.static(4)
    return starts, ends, list(range(count)) if axes is None else axes, [1] * count if steps is None else steps


def _crops(view: View) -> bool:
    if view.rank() != 4 or not view.is_float():
        return False
    starts, ends, axes, steps = _slice_parts(view)
    if not (isinstance(starts, list) and isinstance(ends, list) and isinstance(axes, list) and isinstance(steps, list)):
        return False
    return all(axis % 4 >= 2 for axis in axes) and all(step == 1 for step in steps)


def location(view: View) -> Value:
    """first column and row kept, 1-based [x y]."""
    starts, _, axes, _ = _slice_parts(view)
    first = {2: 0, 3: 0}
    for axis, start in zip(axes, starts, strict=False):
        if start < 0:
            length = view.size(axis)
            if isinstance(length, Unknown):
                return length
            start = max(start + length, 0)
        first[axis % 4] = start
    return [first[3] + 1, first[2] + 1]


def block_size(view: View) -> Value:
    """`blocksize`, for both axes."""
    return [int(view.attribute("blocksize"))] * 2


def depth_mode(view: View) -> Value:
    """`mode`: DCR is "dcr", CRD is "crd"."""
    return str(view.attribute("mode", "DCR")).lower()


def _same_type(view: View) -> bool:
    before = view.scope.type(view.name(0)).type
    return before is not None and before == view.scope.type(view.node.outputs[0]).type


def _embeds(view: View) -> bool:
    table = view.parameter(0)
    if table is None or table.shape is None or len(table.shape) != 2 or view.is_static(1):
        return False
    return view.attribute("axis", 0) in (0, -2) and table.type in ("float", "float16", "double", "bfloat16")


def table_axis(axis: int) -> Callable[[View], Value]:
    """A reader of one axis of the embedding table."""

    def read(view: View) -> Value:
        table = view.parameter(0)
        found = table.shape[axis] if table is not None and table.shape else None
        return found if isinstance(found, int) else Unknown(f"shape of {view.name(0)!r}")

    read.__doc__ = f"axis {axis} of the table."
    return read


_RESIZE = {
    "Method": method,
    "GeometricTransformMode": geometric_mode,
    "NearestRoundingMode": rounding_mode,
    "Scale": scale_factors,
}

ENTRIES = (
    Entry("flattenLayer", ("Flatten",), lambda v: v.attribute("axis", 1) == 1, "axis 1", {"NoOp": flatten_no_op}),
    Entry(
        "flattenLayer", ("Reshape",), _flattens, "to [N, everything else] from a higher rank", {"NoOp": flatten_no_op}
    ),
    Entry(
        "reshapeLayer",
        ("Reshape",),
        lambda v: not v.is_static(0) and (v.scope.opset < 5 or v.is_static(1)),
        "target shape constant or shape arithmetic",
        {"OutputSize": output_size, "NoOp": no_op},
    ),
    Entry("reshapeLayer", ("Flatten",), summary="any other axis", properties={"NoOp": no_op}),
    Entry(
        "permuteLayer",
        ("Transpose",),
        summary="always",
        properties={"DimensionOrder": permutation, "NoOp": permutes_nothing},
    ),
    *(
        Entry(
            f"resize{rank}dLayer",
            ("Resize", "Upsample"),
            _spatial_resize(rank),
            "spatial axes; nearest or linear",
            _RESIZE,
        )
        for rank in (2, 3)
    ),
    Entry("crop2dLayer", ("Slice",), _crops, "constant bounds of the spatial axes, step 1", {"Location": location}),
    Entry(
        "depthToSpace2dLayer",
        ("DepthToSpace",),
        summary="always",
        properties={"BlockSize": block_size, "Mode": depth_mode},
    ),
    Entry("spaceToDepthLayer", ("SpaceToDepth",), summary="always", properties={"BlockSize": block_size}),
    Entry("identityLayer", ("Identity",), summary="always"),
    Entry("identityLayer", ("Cast",), _same_type, "to the type the tensor has"),
    Entry(
        "wordEmbeddingLayer",
        ("Gather",),
        _embeds,
        "rows of a constant table",
        {"NumWords": table_axis(0), "Dimension": table_axis(1)},
        {"Weights": 0},
    ),
)
