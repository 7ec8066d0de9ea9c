"""The inputs and outputs of a network of nodes as those of a description."""

from __future__ import annotations

from contextlib import suppress
from math import isfinite
from typing import TYPE_CHECKING, Any

from qlint.files.description.records import End
from qlint.files.model import Node
from qlint.network import inputs
from qlint.network.lower.builder import LAYER_KEY
from qlint.network.lower.signal import Size
from qlint.network.raising.axes import BATCH, CHANNELS, TIME, Axes, Placed, Unfit, canonical
from qlint.network.raising.constants import Constant, expanding, known_constant
from qlint.network.raising.network import Beyond, Door, RaisedLayer, entry
from qlint.network.raising.raising import Raising
from qlint.tristate import Unknown

if TYPE_CHECKING:
    from qlint.network.scope import Scope

_TIME_SYMBOL = "T"
"""How lowering names the size of a time axis; no rank tells images from sequences of them."""

_SEQUENCES = {"LSTM", "GRU", "RNN"}
_ALONE = {"Relu", "Sigmoid", "Tanh", "LeakyRelu", "Dropout", "Identity", "Elu", "Mul", "Add", "Sub", "Div"}


def add_inputs(raising: Raising) -> tuple[list[Door], set[Node]]:
    """Input layers, with their normalization.

    Returns:
        The network's inputs, and the nodes that belong to input layers.
    """
    doors: list[Door] = []
    swallowed: set[Node] = set()
    scope = raising.scope
    for found in inputs.find(scope):
        if found.name not in scope.visible and not scope.graph.consumers.get(found.name):
            raising.beyond.append(Beyond("", "", f"input {found.name!r} is left out, as nothing reads it"))
            continue
        axes = _axes(found, scope)
        name = raising.name(None, found.name)
        layer = RaisedLayer(entry(name, "inputLayer", {}), [])
        raising.layers[name] = layer
        placed = raising.place(found.name, End(name, "out"), axes)
        type, properties = _typed(found, placed)
        arrays: dict[str, Constant] = {}
        if found.nodes and type != "inputLayer" and _is_own(found):
            try:
                given = normalization(found, scope, placed)
            except Unfit:
                pass  # then its nodes are layers of their own
            else:
                properties |= given[0]
                arrays = given[1]
                swallowed.update(found.nodes)
                raising.place(found.output, End(name, "out"), axes)
        if type == "inputLayer" and not properties:
            what = f"input {found.name!r} is no float data of MATLAB's formats"
            raising.beyond.append(Beyond(name, "", what))
            raising.where[found.name] = Placed(End(name, "out"), None)
        layer.entry = entry(name, type, properties)
        layer.arrays = {key: array.tensor(f"{name}/{key}") for key, array in arrays.items()}
        doors.append(Door(found.name, End(name, "out"), raising.where[found.name].axes))
    return doors, swallowed


def _is_own(found: inputs.Input) -> bool:
    """Whether no node says that it is of another layer than the input."""
    return all(node.metadata.get(LAYER_KEY, found.name) == found.name for node in found.nodes)


def _axes(found: inputs.Input, scope: Scope) -> Axes | None:
    shape = found.known.shape
    if shape is None or not 2 <= len(shape) <= 5 or found.known.type not in ("float", "float16", "double", "bfloat16"):
        return None
    if len(shape) > 3 and shape[-1] == _TIME_SYMBOL:
        return canonical(len(shape) - 3, time=True)
    if found.channels_last:
        spatial = len(shape) - 2
        return (BATCH, *((f"S{at}",) for at in range(1, spatial + 1)), CHANNELS)
    if len(shape) == 3:
        return _sequence(found.output, scope)
    return canonical(len(shape) - 2)


def _sequence(tensor: str, scope: Scope) -> Axes:
    """What the three axes of a sequence are, which the layer that reads it tells."""
    order = [0, 1, 2]
    for _ in range(16):
        readers = [node for node in scope.graph.consumers.get(tensor, []) if node.op_type != "Shape"]
        if len(readers) != 1:
            break
        node = readers[0]
        if node.op_type == "Transpose":
            given = node.attributes.get("perm") or [2, 1, 0]
            order = [order[at] for at in given]
        elif node.op_type in _SEQUENCES:
            return _from(order, (TIME, BATCH, CHANNELS))
        elif node.op_type == "MatMul" and node.inputs[0] == tensor and scope.parameter(node.inputs[1]) is not None:
            return _from(order, (BATCH, TIME, CHANNELS))
        elif node.op_type == "Conv":
            return _from(order, (BATCH, CHANNELS, TIME))
        elif node.op_type not in _ALONE:
            break
        tensor = node.outputs[0]
    return canonical(0, time=True)


def _from(order: list[int], axes: Axes) -> Axes:
    """The axes before a permutation, given those after it."""
    return tuple(axes[order.index(at)] for at in range(len(axes)))


def _typed(found: inputs.Input, placed: Placed) -> tuple[str, dict[str, Any]]:
    """The layer's type and size."""
    if placed.axes is None:
        return "inputLayer", {}
    labels = placed.labels
    spatial: list[Size] = [placed.sizes.get(label) for label in placed.spatial]
    channels = placed.sizes.get("C")
    sizes = [*spatial, channels]
    if all(isinstance(size, int) for size in sizes):
        if "T" in labels and len(sizes) <= 4:
            return "sequenceInputLayer", {"InputSize": sizes if spatial else channels, **_plain("none")}
        if not spatial:
            return "featureInputLayer", {"InputSize": channels, **_plain("none")}
        if len(sizes) in (3, 4):
            name = "imageInputLayer" if len(sizes) == 3 else "image3dInputLayer"
            return name, {"InputSize": sizes, "Normalization": "none"}
    format = "S" * len(spatial) + "CB" + "T" * ("T" in labels)
    open: list[Size] = [size if isinstance(size, int) else None for size in sizes]
    return "inputLayer", {"InputSize": [*open, None, *([None] if "T" in labels else [])], "InputFormat": format}


def _plain(normalization: str) -> dict[str, Any]:
    return {} if normalization == "none" else {"Normalization": normalization}


def normalization(found: inputs.Input, scope: Scope, placed: Placed) -> tuple[dict[str, Any], dict[str, Constant]]:
    """An input layer's normalization: its properties, and statistics that are arrays.

    Raises:
        Unfit: the statistics are not known, or fit neither all elements, nor the channels, nor each element.
    """
    known = inputs.statistics(found, scope)
    if isinstance(known, Unknown):
        raise Unfit(f"{known.missing} is not known")
    kind, values = known
    properties: dict[str, Any] = {"Normalization": kind}
    arrays: dict[str, Constant] = {}
    for key, statistic in values.items():
        given = expanding(known_constant(statistic), placed)
        if not given.shape and isfinite(float(given.now())):
            properties[key] = float(given.now())
        elif not given.shape:
            arrays[key] = given
        elif len(given.shape) == 1:
            ones = [1] * len(placed.spatial)
            arrays[key] = _reshaped(given, (*ones, *given.shape))
        elif "T" in placed.labels and given.shape[-1] != 1:
            raise Unfit("its statistics differ from step to step")
        else:
            form = given.shape[: len(placed.spatial) + 1]
            sizes = [placed.sizes.get(label) for label in (*placed.spatial, "C")]
            if list(form) != sizes:
                raise Unfit("its statistics are neither per channel nor per element")
            arrays[key] = _reshaped(given, form)
    return properties, arrays


def _reshaped(found: Constant, shape: tuple[int, ...]) -> Constant:
    return found.then(shape, lambda values: values.reshape(shape))


def add_outputs(raising: Raising, inputs: list[Door]) -> list[Door]:
    """The network's outputs: each an output of a layer that nothing reads, in the order of the nodes'."""
    read = {end for layer in raising.layers.values() for _, end in layer.inputs}
    doors: list[Door] = []
    taken: set[End] = set()
    for name in raising.scope.graph.outputs:
        placed = raising.where.get(name)
        if placed is None:
            raising.beyond.append(Beyond("", "", f"output {name!r} is left out, as no data flow into it"))
            continue
        if placed.axes is not None and any(len(axis) > 1 for axis in placed.axes):
            with suppress(Unfit):  # then its values are the same, in another shape
                placed = raising.separate(name)
        entry_of = raising.layers[placed.end.layer]
        if placed.end in read or placed.end in taken or not entry_of.inputs or placed.end.port not in ("out",):
            added = raising.name(None, f"{name}_out" if name in raising.layers else name)
            raising.layers[added] = RaisedLayer(entry(added, "identityLayer", {}), [("in", placed.end)])
            read.add(placed.end)
            placed = Placed(End(added, "out"), placed.axes, placed.sizes)
        taken.add(placed.end)
        doors.append(Door(name, placed.end, placed.axes))
    return doors
