"""Layers that cross-layer equalization can scale together: found from a layer's output on to all that reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qlint.transforms.affine import Array, Refused, constant_operand
from qlint.transforms.equalization import Joint, Layer
from qlint.transforms.homogeneous import is_clip, through
from qlint.transforms.rewrite import Rewrite, is_watcher
from qlint.transforms.spent import spent

if TYPE_CHECKING:
    from qlint.files.model import Node
    from qlint.transforms.base import Context

_CONVOLUTIONS = ("Conv", "ConvTranspose")
_LAYERS = (*_CONVOLUTIONS, "Gemm", "MatMul")


class LayerRefused(Exception):
    """Why a layer cannot be scaled.

    Attributes:
        node: the layer.
        reason: for `Declined`.
    """

    def __init__(self, node: Node, reason: str) -> None:
        super().__init__(reason)
        self.node = node
        self.reason = reason


class Path:
    """From a layer's output to all that reads it.

    Attributes:
        between: nodes on the way.
        ends: layers, and whether they read a flattened image.
        clipped: a node on the way that is not positively homogeneous, a clipped relu; else None.
    """

    def __init__(self) -> None:
        self.between: list[Node] = []
        self.ends: dict[Node, bool] = {}
        self.clipped: Node | None = None


class Search:
    """Finds joints of one graph."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.layers: dict[Node, Layer] = {}

    def path(self, node: Node) -> Path | None:
        """What lies between a layer and its readers; None if something else reads the output or what is made of it.

        Linear in all: a node has one input that is followed, so it lies on one path only.
        """
        context, path = self.context, Path()
        kind = "image" if node.op_type in _CONVOLUTIONS else "matrix" if node.op_type == "Gemm" else "last"
        adder = _adder(context, node)
        pending = [((adder or node).outputs[0], kind)]
        while pending:
            name, kind = pending.pop()
            if context.is_visible(name):
                return None
            for reader in context.consumers(name):
                if is_watcher(reader, name):
                    continue
                if reader.domain or reader.inputs[0] != name or reader.inputs.count(name) > 1:
                    return None
                if is_layer(context, reader):
                    if not _fits(reader, kind):
                        return None
                    path.ends[reader] = kind == "flat"
                    continue
                after = through(context, reader, kind, self._rank(node))
                if not after:
                    if not is_clip(context, reader):
                        return None
                    path.clipped, after = reader, kind
                path.between.append(reader)
                pending.append((reader.outputs[0], after))
        return path if path.ends else None

    def joint(self, node: Node, path: Path) -> Joint | None:
        """The joint of a path, which its layers note; None if channels do not fit.

        Raises:
            LayerRefused: if a layer cannot be scaled.
        """
        if path.clipped is not None:
            clip = path.clipped.name or path.clipped.outputs[0]
            raise LayerRefused(
                node,
                f"the clipped relu {clip!r} between it and the next layer would have to clip each channel elsewhere;"
                " train the network with relu instead if int8 costs accuracy here, or let fix --unsafe put one there"
                " (relu6-to-relu; the network then computes something else)",
            )
        producer = self._layer(node, with_bias=True)
        ends = [(self._layer(end, with_bias=False), flat) for end, flat in path.ends.items()]
        channels = producer.outputs
        if any(layer.inputs % channels if flat else layer.inputs != channels for layer, flat in ends) or not channels:
            return None
        try:
            joint = Joint(producer, [layer for layer, _ in ends], path.between, spent(self.context, producer))
        except Refused as refusal:
            raise LayerRefused(node, str(refusal)) from None
        producer.after = joint
        for layer in joint.consumers:
            layer.before = joint
        return joint

    def _rank(self, node: Node) -> int:
        parameter = self.context.scope.parameter(node.inputs[1])
        return len(parameter.shape or ()) if parameter is not None else 0

    def _layer(self, node: Node, *, with_bias: bool) -> Layer:
        layer = self.layers.get(node)
        try:
            if layer is None:
                layer = self.layers[node] = _read(self.context, node)
            if with_bias:
                bias_of(Rewrite(self.context), layer)
        except Refused as refusal:
            raise LayerRefused(node, str(refusal)) from None
        return layer


def is_layer(context: Context, node: Node) -> bool:
    """Whether a node has weights that are not computed by other layers."""
    if node.op_type not in _LAYERS or node.domain or len(node.inputs) < 2 or node in context.scope.folded:
        return False
    if context.scope.is_static(node.inputs[0]):
        return False
    if node.op_type in _CONVOLUTIONS:
        return True
    weights = context.scope.parameter(node.inputs[1])
    return weights is not None and (node.op_type == "Gemm" or len(weights.shape or ()) == 2)


def _fits(reader: Node, kind: str) -> bool:
    """Whether a layer reads channels where a path has them."""
    if reader.op_type in _CONVOLUTIONS:
        return kind == "image"
    return kind != "image" and not (reader.op_type == "Gemm" and reader.attributes.get("transA", 0))


def _adder(context: Context, node: Node) -> Node | None:
    """The Add that is a MatMul's bias."""
    reader = context.only_reader(node.outputs[0]) if node.op_type == "MatMul" else None
    if reader is None or reader.op_type != "Add" or reader.domain:
        return None
    return reader if constant_operand(context, reader) is not None else None


def _read(context: Context, node: Node) -> Layer:
    """A layer.

    Raises:
        Refused: if its weights are not constant, or not such weights.
    """
    values = Rewrite(context).weights(node, 1)
    plain = node.op_type in ("Gemm", "MatMul")
    groups = 1 if plain else node.attributes.get("group", 1)
    if values.dtype.kind != "f" or not values.size or (values.ndim != 2 if plain else values.ndim < 3):
        raise Refused(f"its weights, {values.dtype.name} {list(values.shape)}, are not those of a layer to be scaled")
    if groups < 1 or values.shape[0] % groups:
        raise Refused("its weights do not fit its group; check the model")
    first = node.op_type in ("ConvTranspose", "MatMul") or (
        node.op_type == "Gemm" and not node.attributes.get("transB")
    )
    return Layer(node, values.shape, groups, first, _adder(context, node))


def bias_of(rewrite: Rewrite, layer: Layer) -> tuple[Node, int, Array] | None:
    """Node, input and values of a layer's bias; None if it has none.

    Raises:
        Refused: if it is not constant or of another shape.
    """
    node, place = layer.node, 2
    if layer.adder is not None:
        node, place = layer.adder, constant_operand(rewrite.context, layer.adder) or 0
    elif node.op_type == "MatMul" or (node.op_type == "Gemm" and not node.attributes.get("beta", 1.0)):
        return None
    values = rewrite.optional(node, place, "the bias")
    if values is None:
        return None
    sizes = (1, layer.outputs) if node.op_type in ("Gemm", "Add") else (layer.outputs,)
    if (values.shape[-1] if values.ndim else 1) not in sizes:
        raise Refused("the layer's bias is not one number a channel; check the model")
    return node, place, values
