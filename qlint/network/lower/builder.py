"""Builds the nodes of a described network as an ONNX model without weights, and remembers where the weights are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import TYPE_CHECKING, Any

from qlint.files.tensors import Tensor
from qlint.network.lower.base import LayerView
from qlint.network.lower.signal import Signal, Size
from qlint.tristate import Unknown

if TYPE_CHECKING:
    import numpy as np
    from onnx import ModelProto

OPSET = 21
IR_VERSION = 10
_MOST = (1 << 63) - 1
LAYER_KEY = "pkg.qlint.layer"
"""Metadata of a lowered node: the name of its layer."""


class Builder:
    """The model under construction.

    Attributes:
        learnables: what becomes an initializer, by tensor name.
        inputs: the network's inputs, by name.
    """

    def __init__(self) -> None:
        from onnx import ModelProto

        self.proto: ModelProto = ModelProto(ir_version=IR_VERSION, producer_name="qlint")
        self.proto.graph.name = "network"
        self.learnables: dict[str, Tensor] = {}
        self.inputs: dict[str, Signal] = {}
        self._taken: set[str] = set()
        self._domains: dict[str, int] = {"": OPSET}

    def claim(self, name: str) -> bool:
        """Take a tensor name; False if it is taken already."""
        new = name not in self._taken
        self._taken.add(name)
        return new

    def fresh(self, stem: str) -> str:
        """A tensor name that nothing has yet."""
        name, number = stem, 1
        while not self.claim(name):
            number += 1
            name = f"{stem}_{number}"
        return name

    def add_input(self, name: str, shape: tuple[Size, ...] | None) -> None:
        """Declare a float input of the graph."""
        self.proto.graph.input.append(_value(name, shape))

    def finish(self, outputs: Sequence[Signal]) -> ModelProto:
        """Declare the outputs and what the model imports; leave out what nodes put out and nothing reads."""
        for signal in outputs:
            self.proto.graph.output.append(_value(signal.tensor, signal.shape, signal.type))
        read = {signal.tensor for signal in outputs}.union(*(node.input for node in self.proto.graph.node))
        for node in self.proto.graph.node:
            if len(node.output) > 1 and not read.isdisjoint(node.output):
                names = [name if name in read else "" for name in node.output]
                while not names[-1]:
                    names.pop()
                node.output[:] = names
        for domain, version in self._domains.items():
            self.proto.opset_import.add(domain=domain, version=version)
        return self.proto

    def imported(self, domain: str) -> None:
        """Import a domain."""
        self._domains.setdefault(domain, 1)


class LayerNodes:
    """The `qlint.network.lower.base.Nodes` of one layer.

    Attributes:
        made: learnables of the layer by MATLAB's name, as tensors in ONNX's order.
    """

    def __init__(self, builder: Builder, layer: LayerView, fed: Signal | None = None) -> None:
        """`fed` is what comes to an input layer that stands in a network inside another."""
        self._builder = builder
        self._layer = layer
        self._fed = fed
        self.made: dict[str, Tensor] = {}

    def node(
        self,
        op_type: str,
        inputs: Sequence[str],
        *,
        output: str | None = None,
        outputs: int = 1,
        attributes: dict[str, Any] | None = None,
        domain: str = "",
    ) -> tuple[str, ...]:
        """See `Nodes.node`."""
        from onnx import helper

        name = self._layer.name
        if output is not None:
            self._own(output)
            first = output
        else:
            first = self._builder.fresh(f"{name}/{op_type.lower()}")
        names = (first, *(self._builder.fresh(f"{first}_{number}") for number in range(2, outputs + 1)))
        node = helper.make_node(op_type, list(inputs), list(names), name=first, domain=domain)
        for key, value in (attributes or {}).items():
            if value is not None:
                node.attribute.append(helper.make_attribute(key, value))
        node.metadata_props.add(key=LAYER_KEY, value=name)
        self._builder.proto.graph.node.append(node)
        self._builder.imported(domain)
        return names

    def input(self, format: str, shape: tuple[Size, ...] | None) -> Signal:
        """See `Nodes.input`."""
        fed = self._fed
        if fed is not None:
            if fed.known and format and fed.format != format:
                problem = f"it takes {format} data and is fed {fed.format}"
                self._layer.wrong(problem, "connect what has the format of the input layer")
            return fed if fed.known or shape is None else Signal(fed.tensor, format, shape)
        name = self._layer.name
        self._own(name)
        bounded(self._layer, shape)
        self._builder.add_input(name, shape)
        signal = self._builder.inputs[name] = Signal(name, format, shape)
        return signal

    def constant(self, stem: str, values: np.ndarray) -> str:
        """See `Nodes.constant`."""
        from onnx import numpy_helper

        name = self._builder.fresh(f"{self._layer.name}/{stem}")
        self._builder.proto.graph.initializer.append(numpy_helper.from_array(values, name))
        return name

    def learnable(
        self,
        name: str,
        shape: tuple[int, ...],
        arrange: Callable[..., np.ndarray] | None = None,
        *,
        of: Sequence[str] = (),
    ) -> str:
        """See `Nodes.learnable`."""
        tensor = self._builder.fresh(f"{self._layer.name}/{name}")
        layer = self._layer
        bounded(layer, shape)
        given = {source: layer.learnable(source.removesuffix("?")) for source in of or (name,)}

        def load() -> np.ndarray | Unknown:
            import numpy as np

            values: list[np.ndarray | None] = []
            for source, found in given.items():
                read = None if found is None else found.values()
                if read is None and not source.endswith("?"):
                    what = f"{source} of layer {layer.name!r}, which the description does not give"
                    return Unknown(what, "give it in the description, inline or in the file that weights: names")
                if isinstance(read, Unknown):
                    return read
                values.append(read)
            arranged = arrange(*values) if arrange is not None else np.reshape(values[0], shape)  # type: ignore[arg-type]
            return np.ascontiguousarray(arranged, dtype=np.float32)

        self.made[name] = self._builder.learnables[tensor] = Tensor.lazy(tensor, "float", shape, load)
        self._builder.add_input(tensor, shape)
        return tensor

    def _own(self, output: str) -> None:
        if not self._builder.claim(output):
            self._layer.wrong(f"another layer's tensor is called {output!r} too", "rename the layer")


def bounded(layer: LayerView, shape: Sequence[Size] | None) -> None:
    """Refuse a layer that makes or holds a tensor of more elements than ONNX can count.

    Raises:
        DescriptionError: it does.
    """
    if prod(size for size in shape or () if isinstance(size, int)) > _MOST:
        layer.wrong("its sizes multiply to more elements than a tensor can have", "mend them, or the layer before it")


def _value(name: str, shape: tuple[Size, ...] | None, type: str = "float") -> Any:
    from onnx import TensorProto, helper

    number = TensorProto.DataType.Value(type.upper())
    return helper.make_tensor_value_info(name, number, None if shape is None else list(shape))
