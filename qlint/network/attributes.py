"""What an attribute of an ONNX operator amounts to: given, the specification's default, or worked out by its rules.

Lists are in ONNX's order of axes. What the specification leaves to the implementation is worked out here: a missing
`kernel_shape` from the weights, missing `strides`, `dilations` and `pads` from the number of spatial axes, `pads` of
`auto_pad` and of `output_shape` from the sizes. An `axis` is counted from the front.

Source: ONNX operator specification; defaults come from the schemas of the installed onnx.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from qlint.network.catalogue import windows
from qlint.network.network import Value
from qlint.network.view import View
from qlint.tristate import Unknown

_NOT_OF_FIRST_INPUT = frozenset({"ConcatFromSequence", "OneHot", "Unsqueeze"})
"""Operators whose `axis` or `axes` do not count the axes of their first input."""

_IN_PIECES = frozenset({"Gelu", "Swish"})
"""Operators that older files write in pieces, which are recognized whatever the opset."""


@dataclass(frozen=True, slots=True)
class _Schema:
    """An operator at an opset.

    Attributes:
        defaults: its attributes, each with its default; None where it has none.
        moved: what was an attribute in older opsets and is an input now, with the input's position.
    """

    defaults: dict[str, Any]
    moved: dict[str, int]


def attribute(view: View, name: str) -> Value | None:
    """The value of an attribute of the operator that a view amounts to.

    An attribute that the opset in use takes as an input of the same name (`min` of Clip, `axes` of ReduceMean) is read
    there. Returns None where the operator has no such attribute, or where it is left out and left out means nothing.
    """
    if name in view.given:
        return view.given[name]
    if view.node.domain:
        found = _plain(view.node.attributes.get(name), name)
        return Unknown(f"{name} of the operator {view.op}, whose defaults are not known") if found is None else found
    schema = _schema(view.op, view.scope.opset)
    if schema is None:
        return Unknown(f"{name} of the operator {view.op}, which this qlint's onnx does not know")
    reader = _READERS.get(name)
    if reader is not None and (name in schema.defaults or name in schema.moved):
        return reader(view, schema)
    return _written(view, schema, name)


def _written(view: View, schema: _Schema, name: str) -> Value | None:
    """As given, by default, or as an input of the same name."""
    if view.op == view.node.op_type:
        found = _plain(view.node.attributes.get(name), name)
        if found is not None:
            return found
        if name in schema.moved:
            return view.static(schema.moved[name])
    return schema.defaults.get(name)


def _plain(value: Any, name: str) -> Value | None:
    """An attribute's value, if rules can ask about it: a number, a text, or a list of these."""
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, list) and all(isinstance(item, str | int | float) for item in value):
        return list(value)
    return Unknown(f"{name}, which is neither a number nor a text")


@lru_cache(maxsize=1024)
def _schema(op_type: str, opset: int) -> _Schema | None:
    from onnx import defs, helper

    try:
        found = defs.get_schema(op_type, min(opset, defs.onnx_opset_version()), "")
    except (defs.SchemaError, UnicodeError):
        if op_type not in _IN_PIECES:
            return None
        found = defs.get_schema(op_type, defs.onnx_opset_version(), "")
    defaults: dict[str, Any] = {}
    for name, described in found.attributes.items():
        value = helper.get_attribute_value(described.default_value) if described.default_value.name else None
        value = value.decode() if isinstance(value, bytes) else value
        defaults[name] = _plain(list(value) if isinstance(value, tuple) else value, name)
    once = _once_attributes(op_type, found.since_version)
    return _Schema(defaults, {given.name: at for at, given in enumerate(found.inputs) if given.name in once})


def _once_attributes(op_type: str, version: int) -> set[str]:
    """Attributes of an operator before a version of it."""
    from onnx import defs

    names: set[str] = set()
    while version > 1:
        try:
            older = defs.get_schema(op_type, version - 1, "")
        except defs.SchemaError:
            break
        names.update(older.attributes)
        version = older.since_version
    return names


def _rank(view: View) -> int | Unknown:
    rank = windows.spatial_rank(view)
    return Unknown(f"rank of tensor {view.name(0)!r}") if rank is None else rank


def _kernel_shape(view: View, schema: _Schema) -> Value | None:
    return windows.kernel(view)


def _filled(name: str, value: int) -> Callable[[View, _Schema], Value | None]:
    """A reader of an attribute with one number per spatial axis."""

    def read(view: View, schema: _Schema) -> Value | None:
        given = _written(view, schema, name)
        if given:
            return given
        rank = _rank(view)
        return rank if isinstance(rank, Unknown) else [value] * rank

    return read


def _pads(view: View, schema: _Schema) -> Value | None:
    if "kernel_shape" not in schema.defaults:  # Pad, before it took an input
        return _written(view, schema, "pads")
    rank = _rank(view)
    if isinstance(rank, Unknown):
        return rank
    return _cropping(view, rank) if "output_padding" in schema.defaults else windows.pads(view)


def _cropping(view: View, rank: int) -> Value:
    """What a transposed convolution cuts off; `auto_pad` makes the output `strides` times the input."""
    mode, wanted = view.attribute("auto_pad", "NOTSET"), view.attribute("output_shape")
    if not wanted and not mode.startswith("SAME"):
        return windows.pads(view)
    window = windows.kernel(view)
    if isinstance(window, Unknown):
        return window
    steps, spreads = windows.per_axis(view, "strides"), windows.per_axis(view, "dilations")
    extra = view.attribute("output_padding") or [0] * rank
    begins, ends = [], []
    for axis in range(rank):
        total = (window[axis] - 1) * spreads[axis] + 1 + extra[axis] - steps[axis]
        if wanted:
            length = view.size(axis + 2)
            if isinstance(length, Unknown):
                return length
            total += steps[axis] * length - wanted[axis - rank]
        total = max(total, 0)
        begin = total // 2 if mode == "SAME_UPPER" else total - total // 2
        begins.append(begin)
        ends.append(total - begin)
    return begins + ends


def _from_the_front(name: str) -> Callable[[View, _Schema], Value | None]:
    """A reader of `axis` or `axes`, which may count from the end."""

    def read(view: View, schema: _Schema) -> Value | None:
        given = _written(view, schema, name)
        axes: list[Any] = given if isinstance(given, list) else [given]
        if view.op in _NOT_OF_FIRST_INPUT or not any(isinstance(axis, int) and axis < 0 for axis in axes):
            return given
        rank = view.rank()
        if rank is None:
            return Unknown(f"rank of tensor {view.name(0)!r}")
        counted = [axis + rank if axis < 0 else axis for axis in axes]
        return counted if isinstance(given, list) else counted[0]

    return read


_READERS: dict[str, Callable[[View, _Schema], Value | None]] = {
    "kernel_shape": _kernel_shape,
    "strides": _filled("strides", 1),
    "dilations": _filled("dilations", 1),
    "output_padding": _filled("output_padding", 0),
    "pads": _pads,
    "axis": _from_the_front("axis"),
    "axes": _from_the_front("axes"),
}
