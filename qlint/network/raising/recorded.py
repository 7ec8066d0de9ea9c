"""Layers that a description was written to ONNX with, known again by their nodes.

Some layers stand on so many nodes that these alone do not tell the layer. An exported node's metadata therefore say of
which layer it is. They are believed where that layer, lowered once more, has the very nodes that are there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn, cast

from qlint.files.description.records import End
from qlint.files.model import Node
from qlint.files.tensors import Tensor
from qlint.network.lower.builder import LAYER_KEY
from qlint.network.lower.signal import Signal, layout
from qlint.network.matlab.normal import normal
from qlint.network.matlab.ports import ports
from qlint.network.matlab.registry import TYPES
from qlint.network.raising.axes import Placed, Unfit, canonical
from qlint.network.raising.constants import Constant, constant
from qlint.network.raising.inverse import Pattern, in_matlabs_order
from qlint.network.raising.network import RaisedLayer, entry
from qlint.network.raising.raising import Raising
from qlint.tristate import Unknown

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

    from qlint.files.description.records import Description
    from qlint.network.lower.assemble import Lowered

ENTRY_KEY = "pkg.qlint.entry"
"""Metadata of a layer's first node: type, properties, ports and sizes of learnables, as JSON."""

_PLAIN = {
    "batchNormalizationLayer",
    *(f"convolution{rank}dLayer" for rank in (1, 2, 3)),
    "fullyConnectedLayer",
    "groupedConvolution2dLayer",
    *(f"transposedConv{rank}dLayer" for rank in (1, 2, 3)),
}
"""Types of large learnables that are known by their operators, so that these learnables need not be followed."""

_OPERATORS = {"BatchNormalization", "Conv", "ConvTranspose", "Gemm", "MatMul"}
"""Operators that they stand on, alone."""


def record(proto: ModelProto, lowered: Lowered) -> None:
    """Note in a model to be written what layers its nodes are of, and the sizes that ONNX does not infer."""
    from onnx import TensorProto, helper

    first: dict[str, NodeProto] = {}
    for node in proto.graph.node:
        for item in node.metadata_props:
            if item.key == LAYER_KEY:
                first.setdefault(item.value, node)
    declared = {value.name for value in (*proto.graph.input, *proto.graph.output)}
    for name, found in lowered.layers.items():
        for signal in found.outputs.values():
            if signal.shape is not None and signal.tensor not in declared:
                declared.add(signal.tensor)
                kind = TensorProto.DataType.Value(signal.type.upper())
                proto.graph.value_info.append(helper.make_tensor_value_info(signal.tensor, kind, list(signal.shape)))
        layer = found.layer
        if not found.nodes or not layer.inputs or layer.inner is not None or name not in first:
            continue
        known = ((key, layer.learnable(key)) for key in layer.typed.type.learnables)
        properties = dict(layer.typed.entry.properties)
        if "NumInputs" in layer.typed.type.properties:
            properties["NumInputs"] = len(layer.inputs)
        said = {
            "type": layer.type,
            "properties": properties,
            "inputs": [signal.tensor for signal in found.inputs.values()],
            "learnables": {key: list(tensor.shape) for key, tensor in known if tensor is not None},
        }
        try:
            text = json.dumps(said, allow_nan=False)
        except ValueError:
            continue  # then its nodes have to speak for themselves
        first[name].metadata_props.add(key=ENTRY_KEY, value=text)


class Recorded:
    """The layers that a model's nodes say they are of.

    Args:
        raising: the walk that asks.
    """

    def __init__(self, raising: Raising) -> None:
        self._raising = raising
        self._groups: dict[str, list[Node]] = {}
        for node in raising.scope.graph.nodes:
            word = node.metadata.get(LAYER_KEY)
            if word:
                self._groups.setdefault(word, []).append(node)

    def layer_at(self, node: Node, swallowed: set[Node]) -> list[Node]:
        """Add the layer that begins with a node, if it is what it says; returns its nodes, else none.

        Args:
            node: the node.
            swallowed: nodes that belong to other layers already.
        """
        text = node.metadata.get(ENTRY_KEY)
        group = self._groups.get(node.metadata.get(LAYER_KEY, ""), [])
        if text is None or not group or group[0] is not node or len(text) > 1 << 16 or not swallowed.isdisjoint(group):
            return []
        try:
            return self._known(node.metadata[LAYER_KEY], json.loads(text), group)
        except (Unfit, ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return []  # anyone may have written it, and may have edited the nodes since

    def _known(self, name: str, said: Mapping[str, Any], group: list[Node]) -> list[Node]:
        type, properties = str(said["type"]), dict(said["properties"])
        operators = {node.op_type for node in group} - {"Add", "Flatten", "Transpose", "Reshape"}
        if type not in TYPES or (type in _PLAIN and operators <= _OPERATORS):
            return []
        new = entry(name, type, properties)
        values = normal(new, cast("Description", _Judge()))
        inputs, outputs = ports(type, values)
        placed = [self._raising.lowered(str(tensor)) for tensor in said["inputs"]]
        if len(placed) != len(inputs):
            return []
        signals = [self._signal(str(t), p) for t, p in zip(said["inputs"], placed, strict=True)]
        shapes = {str(key): tuple(int(size) for size in shape) for key, shape in said["learnables"].items()}
        pattern = Pattern(name, type, values, shapes)
        made, builder, nodes = pattern.lowered(signals)
        matched = _Matching(self._raising, [signal.tensor for signal in signals])
        matched.match(builder.proto.graph.node, group, {t.name: t for t in builder.proto.graph.initializer})
        learnables = self._learnables(pattern, signals, nodes.made, matched.tensors)
        own = self._raising.name(None, name)
        layer = RaisedLayer(
            entry(own, type, properties),
            [(port, found.end) for port, found in zip(inputs, placed, strict=True)],
            tuple(group),
            {key: found.tensor(f"{own}/{key}") for key, found in learnables.items()},
        )
        self._raising.layers[own] = layer
        for port, signal in zip(outputs, made, strict=True):
            tensor = matched.tensors.get(signal.tensor)
            if tensor and signal.known:
                axes = canonical(signal.format.count("S"), time=signal.has_time)
                sizes = {axis[0]: size for axis, size in zip(axes, signal.shape or (), strict=True)}
                self._raising.place(tensor, End(own, port), axes, Placed(End(own, port), axes, sizes))
        return group

    def _signal(self, tensor: str, placed: Placed) -> Signal:
        format = layout(len(placed.spatial), time="T" in placed.labels)
        shape = tuple(placed.sizes.get(label) for label in placed.labels)
        return Signal(tensor, format, shape, self._raising.scope.type(tensor).type or "float")

    def _learnables(
        self, pattern: Pattern, signals: list[Signal], made: Mapping[str, Tensor], tensors: Mapping[str, str]
    ) -> dict[str, Constant]:
        """Learnables that are turned back when they are asked for.

        Raises:
            Unfit: one cannot be told from its tensor.
        """
        found: dict[str, Constant] = {}
        for key, tensor in made.items():
            given = constant(self._raising.scope, tensors[tensor.name])
            if given.shape != tensor.shape or key not in pattern.shapes:
                raise Unfit(f"{key} is not the layer's own")
            found[key] = _turned_back(pattern, signals, key, given)
        if set(found) != set(pattern.shapes):
            raise Unfit("learnables are combined with each other")
        return found


def _turned_back(pattern: Pattern, signals: list[Signal], key: str, given: Constant) -> Constant:
    return given.then(pattern.shapes[key], lambda values: in_matlabs_order(pattern, signals, key, values))


class _Judge:
    """What a layer's properties are wrong before."""

    def wrong(self, path: object, problem: str, remedy: str, *, key: bool = False) -> NoReturn:
        raise Unfit(problem)


class _Matching:
    """Nodes as lowering makes them beside those that are there.

    Attributes:
        tensors: the tensor that is there by the one that lowering makes.
    """

    def __init__(self, raising: Raising, inputs: Sequence[str]) -> None:
        self._scope = raising.scope
        self.tensors: dict[str, str] = {tensor: tensor for tensor in inputs}

    def match(self, made: Sequence[NodeProto], there: Sequence[Node], constants: Mapping[str, Any]) -> None:
        """Go through both, node by node.

        Raises:
            Unfit: they are not the same.
        """
        from onnx import numpy_helper

        if len(made) != len(there):
            raise Unfit("there are other nodes")
        for one, other in zip(made, there, strict=True):
            if (one.op_type, one.domain, len(one.input)) != (other.op_type, other.domain, len(other.inputs)):
                raise Unfit("there are other nodes")
            if _attributes(one) != {key: _plain(value) for key, value in other.attributes.items()}:
                raise Unfit("an attribute was changed")
            for mine, given in zip(one.input, other.inputs, strict=True):
                if mine in constants:
                    value = self._scope.static_values(given) if given else Unknown(mine)
                    if isinstance(value, Unknown) or _key(numpy_helper.to_array(constants[mine])) != _key(value):
                        raise Unfit("a constant was changed")
                elif self.tensors.setdefault(mine, given) != given or bool(mine) != bool(given):
                    raise Unfit("a wire was changed")
            for mine, given in zip(one.output, other.outputs, strict=False):
                self.tensors[mine] = given


def _attributes(node: NodeProto) -> dict[str, Any]:
    from onnx import helper

    return {item.name: _plain(helper.get_attribute_value(item)) for item in node.attribute}


def _plain(value: Any) -> Any:
    """An attribute's value as it can be compared."""
    from onnx import TensorProto, numpy_helper

    if isinstance(value, TensorProto):
        return _key(numpy_helper.to_array(value))
    if isinstance(value, Tensor):
        return _key(value.values())
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def _key(values: Any) -> Any:
    return None if isinstance(values, Unknown) else (str(values.dtype), values.shape, values.tobytes())
