"""The network: a directed graph of layers. Rules, the plan and diagnostics see this storey only."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol, TypeAlias

import networkx as nx

from qlint.diagnostics import Location, Suppression
from qlint.tristate import Unknown

Shape: TypeAlias = tuple[int | str | None, ...] | None
"""Axis sizes: a number, a symbol's name, or None; the whole is None where even the rank is unknown."""

Value: TypeAlias = Any
"""A property's value in MATLAB's terms (number, string, list), or an `Unknown`."""


class Learnable(Protocol):
    """A layer's learnable or constant parameter. Its values are read only when asked for."""

    @property
    def name(self) -> str: ...

    @property
    def type(self) -> str:
        """ONNX's name of the element type in lower case ("float", "float16", "int64")."""

    @property
    def shape(self) -> Shape: ...

    @property
    def constant(self) -> bool:
        """False where the value is computed at run time or a caller may override it."""

    def values(self) -> Any:
        """The values as a numpy array, or an `Unknown` (not constant, or too large to hold)."""


class Layer:
    """The unit a rule speaks about.

    Attributes:
        id: unique in the network; what suppressions, baselines and patches key on.
        name: what people see; may repeat.
        type: MATLAB's layer type (`convolution2dLayer`), or `onnx:<OpType>`.
        index: position in topological order.
        inputs: names of the tensors it reads as data, in order (learnables are not among them).
        outputs: names of the tensors it makes.
        location: where it stands in the file.
        is_output: whether anything it makes is also an output of its graph, so that the outside reads it too.
        op: the one ONNX operator that computes it ("Conv"; "com.microsoft.FusedConv" outside the default domain);
            empty where it stands on none.
    """

    __slots__ = (
        "_attribute",
        "_load",
        "_loaded",
        "id",
        "index",
        "inputs",
        "is_output",
        "location",
        "name",
        "network",
        "op",
        "outputs",
        "sources",
        "type",
    )

    def __init__(
        self,
        id: str,
        type: str,
        load: Callable[[], tuple[dict[str, Value], dict[str, Learnable]]],
        *,
        name: str = "",
        inputs: tuple[str, ...] = (),
        outputs: tuple[str, ...] = (),
        location: Location | None = None,
        is_output: bool = False,
        op: str = "",
        attribute: Callable[[str], Value | None] | None = None,
    ) -> None:
        self.id = id
        self.type = type
        self.name = name
        self.inputs = inputs
        self.outputs = outputs
        self.location = location or Location(id=id, layer=name or None, type=type)
        self.index = -1
        self.network: Network | None = None
        self.sources: tuple[Layer | None, ...] = ()
        self.is_output = is_output
        self.op = op
        self._attribute = attribute
        self._load = load
        self._loaded: tuple[dict[str, Value], dict[str, Learnable]] | None = None

    def _facts(self) -> tuple[dict[str, Value], dict[str, Learnable]]:
        if self._loaded is None:
            self._loaded = self._load()
        return self._loaded

    @property
    def properties(self) -> Mapping[str, Value]:
        """MATLAB's property names and values, read from the file on first use."""
        return self._facts()[0]

    @property
    def learnables(self) -> Mapping[str, Learnable]:
        """Learnables by MATLAB's names (`Weights`, `Bias`, `TrainedVariance`)."""
        return self._facts()[1]

    def property(self, name: str) -> Value:
        """The value of a property; `Unknown` where this layer does not say."""
        value = self.properties.get(name)
        return Unknown(f"{name} of layer {self.name or self.id!r}") if value is None else value

    def attribute(self, name: str) -> Value | None:
        """The value of an attribute of its ONNX operator, as the specification means it; see `network.attributes`.

        None where there is known to be none, `Unknown` where the layer does not say.
        """
        return None if self._attribute is None else self._attribute(name)

    def __repr__(self) -> str:
        return f"Layer({self.id!r}, {self.type!r})"


class Network:
    """A network under check.

    Attributes:
        path: the model's path as given, with `/`.
        digest: SHA-256 of the weight-free bytes (`sha256:...`).
        properties: facts of the whole network, by name: `Class` ("dlnetwork", "SeriesNetwork", ...), `Quantized`,
            and for ONNX `OnnxOpset`, `IrVersion`, `NewestKnownOpset`, ...
        layers: by id, in topological order.
        suppressions: by layer id, what its file asks not to count there; under "", everywhere.
        graph: layer ids and edges; node attribute `layer` holds the `Layer`. A tensor that is read twice is one edge.
    """

    __slots__ = ("_shapes", "_types", "digest", "graph", "layers", "path", "properties", "suppressions")

    def __init__(
        self,
        layers: list[Layer],
        *,
        path: str,
        digest: str,
        properties: dict[str, Value],
        shape_of: Callable[[Layer, str], Shape],
        type_of: Callable[[Layer, str], str | None],
        sources: Callable[[Layer], tuple[Layer | None, ...]],
        suppressions: Mapping[str, tuple[Suppression, ...]] | None = None,
    ) -> None:
        """Layers must come in topological order; `sources` gives a layer's producers, one per data input."""
        self.path = path
        self.digest = digest
        self.properties = properties
        self.suppressions = suppressions or {}
        self._shapes = shape_of
        self._types = type_of
        self.layers = {layer.id: layer for layer in layers}
        self.graph: nx.DiGraph[str] = nx.DiGraph()
        for index, layer in enumerate(layers):
            layer.index = index
            layer.network = self
            self.graph.add_node(layer.id, layer=layer)
        for layer in layers:
            layer.sources = sources(layer)
            for source in layer.sources:
                if source is not None:
                    self.graph.add_edge(source.id, layer.id)

    def __iter__(self) -> Iterator[Layer]:
        return iter(self.layers.values())

    def __len__(self) -> int:
        return len(self.layers)

    def consumers(self, layer: Layer) -> list[Layer]:
        """The layers that read any output of this one, in topological order of insertion."""
        return [self.layers[id] for id in self.graph.successors(layer.id)]

    def shape(self, layer: Layer, tensor: str) -> Shape:
        """Inferred shape of a tensor the layer reads or makes."""
        return self._shapes(layer, tensor)

    def element_type(self, layer: Layer, tensor: str) -> str | None:
        """Element type of a tensor ("float"), or None where unknown."""
        return self._types(layer, tensor)
