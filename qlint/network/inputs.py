"""Input layers, with the normalization that constant arithmetic right after a network input amounts to.

MATLAB's input layers subtract a mean (zerocenter), also divide by a standard deviation (zscore), or map
[Min, Max] to [0, 1] or [-1, 1] (rescale-zero-one, rescale-symmetric). ONNX has no input layers: exporters write
Sub, Sub+Div or affine arithmetic. The same arithmetic can be read in more than one way; its form decides.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from qlint.files.model import Node, ValueType
from qlint.network.network import Value
from qlint.network.partial import missing_size
from qlint.network.patterns import only_reader
from qlint.network.scope import Scope
from qlint.tristate import Unknown

_ADDITIVE = {"Add", "Sub"}
_FORMS = {
    ("additive",): "zerocenter",
    ("additive", "multiplicative"): "zscore",
    ("multiplicative",): "rescale",
    ("multiplicative", "additive"): "rescale",
    ("multiplicative", "additive", "multiplicative"): "zscore",
}
_TYPES = {2: "featureInputLayer", 3: "sequenceInputLayer", 4: "imageInputLayer", 5: "image3dInputLayer"}
_CHANNELS_LAST = {4: [0, 3, 1, 2], 5: [0, 4, 1, 2, 3]}


@dataclass(slots=True)
class Input:
    """A network input and the normalization nodes that belong to it."""

    name: str
    type: str
    known: ValueType
    nodes: list[Node] = field(default_factory=list)
    channels_last: bool = False

    @property
    def output(self) -> str:
        """The tensor the rest of the network reads."""
        return self.nodes[-1].outputs[0] if self.nodes else self.name


def find(scope: Scope) -> list[Input]:
    """One `Input` for each input of the main graph, in the file's order."""
    return [_input(name, known, scope) for name, known in scope.graph.inputs.items()]


def _input(name: str, known: ValueType, scope: Scope) -> Input:
    rank = None if known.shape is None else len(known.shape)
    floating = known.type in (None, "float", "float16", "double", "bfloat16")
    layer = _TYPES.get(rank or 0, "inputLayer") if floating or (rank or 0) >= 4 else "inputLayer"
    found = Input(name, layer, known)
    if layer == "inputLayer":
        return found
    if floating:
        _absorb(found, scope)
    readers = scope.graph.consumers.get(found.output, [])
    found.channels_last = (
        len(readers) == 1
        and readers[0].op_type == "Transpose"
        and readers[0].attributes.get("perm") == _CHANNELS_LAST.get(rank or 0)
    )
    return found


def _absorb(found: Input, scope: Scope) -> None:
    """Take the longest run of constant arithmetic after the input that has one of the normalizations' forms."""
    run: list[Node] = []
    form: list[str] = []
    tensor, rank = found.name, len(found.known.shape or ())
    best = 0
    while len(run) < 3:
        node = only_reader(scope, tensor)
        if node is None or node.domain or node.op_type not in ("Add", "Sub", "Mul", "Div") or node in scope.folded:
            break
        position = 1 if node.inputs[0] == tensor else 0
        constant = scope.parameter(node.inputs[position])
        if constant is None or constant.shape is None or len(constant.shape) > rank:
            break
        if position == 0 and node.op_type in ("Sub", "Div"):
            break  # c - x and c / x are no normalization
        run.append(node)
        form.append("additive" if node.op_type in _ADDITIVE else "multiplicative")
        tensor = node.outputs[0]
        if tuple(form) in _FORMS:
            best = len(run)
    found.nodes = run[:best]


def normalization(found: Input, scope: Scope) -> dict[str, Value]:
    """`Normalization` and its statistics (`Mean`, `StandardDeviation`, `Min`, `Max`), flat lists or numbers."""
    if not found.nodes:
        return {"Normalization": "none"}
    form = _FORMS[tuple("additive" if node.op_type in _ADDITIVE else "multiplicative" for node in found.nodes)]
    # Names first, so that the kind of normalization is known even where its values are not.
    names = {
        "zerocenter": ("Mean",),
        "zscore": ("Mean", "StandardDeviation"),
        "rescale": ("Normalization", "Min", "Max"),
    }[form]
    given = statistics(found, scope)
    if isinstance(given, Unknown):
        return {"Normalization": form, **dict.fromkeys(names, given)}
    kind, values = given
    return {"Normalization": kind, **{name: _flat(statistic) for name, statistic in values.items()}}


def statistics(found: Input, scope: Scope) -> tuple[str, dict[str, Any]] | Unknown:
    """The kind of normalization that nodes amount to, and its statistics as arrays that expand to the input."""
    form = _FORMS[tuple("additive" if node.op_type in _ADDITIVE else "multiplicative" for node in found.nodes)]
    combined = _combined(found, scope)
    if isinstance(combined, Unknown):
        return combined
    import numpy as np

    scale, offset = combined
    with np.errstate(all="ignore"):
        if form == "zerocenter":
            return form, {"Mean": 0.0 - offset}  # a mean of 0 is not -0
        if form == "zscore":
            return form, {"Mean": (0.0 - offset) / scale, "StandardDeviation": 1.0 / scale}
        # x * s + o maps Min to -1 (symmetric) or 0 (zero-one), and Max to 1.
        symmetric = bool(np.all(offset == -1.0))
        low = (-1.0 - offset) / scale if symmetric else -offset / scale
        kind = "rescale-symmetric" if symmetric else "rescale-zero-one"
        return kind, {"Min": low, "Max": (1.0 - offset) / scale}


def _combined(found: Input, scope: Scope) -> tuple[Any, Any] | Unknown:
    """The run as x * scale + offset, in float64."""
    import numpy as np

    scale: Any = np.float64(1.0)
    offset: Any = np.float64(0.0)
    tensor = found.name
    with np.errstate(all="ignore"):
        for node in found.nodes:
            position = 1 if node.inputs[0] == tensor else 0
            values = scope.values(node.inputs[position])
            if isinstance(values, Unknown):
                return values
            constant = values.astype(np.float64)
            if node.op_type == "Add":
                offset = offset + constant
            elif node.op_type == "Sub":
                offset = offset - constant
            elif node.op_type == "Mul":
                scale, offset = scale * constant, offset * constant
            else:
                scale, offset = scale / constant, np.where(offset == 0, 0.0, offset / constant)
            tensor = node.outputs[0]
    return scale, offset


def _flat(values: Any) -> Value:
    """A number, or a flat list of numbers; -0.0 becomes 0.0."""
    flat = [float(v) + 0.0 for v in values.reshape(-1)]
    return flat[0] if len(flat) == 1 else flat


def input_size(found: Input) -> Value:
    """`InputSize` in MATLAB's order: [height width channels], or the number of channels or features."""
    shape = found.known.shape
    if shape is None or found.type == "inputLayer":
        return None
    channel = len(shape) - 1 if found.channels_last else 1
    spatial = [axis for axis in range(1, len(shape)) if axis != channel]
    axes = [channel] if found.type in ("featureInputLayer", "sequenceInputLayer") else [*spatial, channel]
    sizes = []
    for axis in axes:
        size = shape[axis]
        if not isinstance(size, int):
            return missing_size(found.name, axis, size)
        sizes.append(size)
    return sizes[0] if len(sizes) == 1 else sizes


def num_channels(found: Input) -> Value:
    """Size of the channel axis."""
    shape = found.known.shape
    if shape is None or len(shape) < 2:
        return None
    axis = len(shape) - 1 if found.channels_last else 1
    size = shape[axis]
    return size if isinstance(size, int) else missing_size(found.name, axis, size)
