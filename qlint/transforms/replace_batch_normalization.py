"""replace-batch-normalization: a layer that computes the same, for what could not be folded into a neighbour.

As prepareNetwork does: a channel-wise 1-by-1 convolution for image data, a 1-wide one for sequence data, a fully
connected layer with a diagonal matrix for features.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from qlint.transforms.affine import Affine, Refused, batch_normalization, is_batch_normalization
from qlint.transforms.patch import Declined, NodeSpec, Patch
from qlint.transforms.rewrite import Rewrite

if TYPE_CHECKING:
    from qlint.files.model import Node
    from qlint.transforms.base import Context
    from qlint.transforms.patch import Attribute

MOST_FEATURES = 4096
"""A diagonal matrix of more features would hold over 64 MB, nearly all of them zeros."""

_FEATURES, _LEAST_SPATIAL, _MOST_SPATIAL = 2, 3, 5

_FURTHEST = 32
"""Nodes that are looked at in search of the data's rank."""

_KEEP_RANK = frozenset(
    [
        "AveragePool",
        "BatchNormalization",
        "Clip",
        "Concat",
        "Dropout",
        "Elu",
        "HardSigmoid",
        "HardSwish",
        "Identity",
        "LeakyRelu",
        "MaxPool",
        "Relu",
        "Sigmoid",
        "Softplus",
        "Tanh",
    ]
)

_TYPES: dict[str, Any] = {"float16": np.float16, "float": np.float32, "double": np.float64}


class ReplaceBatchNormalization:
    """Makes convolutions and fully connected layers of batch normalizations."""

    name = "replace-batch-normalization"

    def find(self, context: Context) -> Iterator[Patch | Declined]:
        """One patch or refusal for each batch normalization."""
        for node in context.graph.nodes:
            if is_batch_normalization(node):
                try:
                    yield self._replaced(context, node, batch_normalization(context, node))
                except Refused as refusal:
                    yield Declined(self.name, context.id_of(node), node.op_type, str(refusal))

    def _replaced(self, context: Context, node: Node, affine: Affine) -> Patch:
        data, output, channels = node.inputs[0], node.outputs[0], len(affine.scale)
        if not channels:
            raise Refused("it has no channels, and no layer can be made of none; check the model")
        rank = _rank(context, data, output)
        if rank is None:
            raise Refused(f"the rank of its input {data!r} is not known; declare the shapes of the network's inputs")
        element = context.element_type(data) or context.element_type(output)
        if rank != _FEATURES and not _LEAST_SPATIAL <= rank <= _MOST_SPATIAL:
            raise Refused(f"its input has rank {rank}; data of 2 to 5 dimensions can be replaced")
        if element not in _TYPES or (element == "double" and rank != _FEATURES):
            raise Refused(
                f"onnxruntime does not run the new layer on data of type {element}; convert the model to float"
            )
        if rank == _FEATURES and channels > MOST_FEATURES:
            raise Refused(f"{channels} features would need a {channels}-by-{channels} matrix; at most {MOST_FEATURES}")
        rewrite = Rewrite(context)
        dtype = _TYPES[element]
        attributes: dict[str, Attribute] = {}
        if rank == _FEATURES:
            op_type, shown = "Gemm", "a fully connected layer"
            weights = np.diag(affine.scale)
        else:
            shown = "a channel-wise 1-wide convolution" if rank == _LEAST_SPATIAL else "a channel-wise 1x1 convolution"
            op_type, attributes = "Conv", {"group": channels, "kernel_shape": [1] * (rank - 2)}
            weights = affine.scale.reshape(channels, *[1] * (rank - 1))
        inputs = (
            data,
            rewrite.tensor(node.inputs[1], weights, dtype, "the weights"),
            rewrite.tensor(node.inputs[2], affine.offset, dtype, "the bias"),
        )
        rewrite.replace(node, NodeSpec(op_type, inputs, (output,), attributes, name=node.name))
        return Patch(
            transform=self.name,
            klass="equivalent",
            id=context.id_of(node),
            type=node.op_type,
            title=f"replace batch normalization {rewrite.shown(node)} by {shown}",
            operations=tuple(rewrite.operations),
            inputs=(data,),
            outputs=(output,),
            graph=context.graph.path,
        )


def _rank(context: Context, data: str, output: str) -> int | None:
    """Rank of the data, which a convolution further back may tell where its sizes are unknown."""
    for name in (output, data):
        known = context.shape(name)
        if known is not None:
            return len(known)
    for _ in range(_FURTHEST):
        maker = context.producer(data)
        if maker is None or maker.domain:
            return None
        if maker.op_type in ("Conv", "ConvTranspose") and len(maker.inputs) > 1:
            weights = context.shape(maker.inputs[1])
            return None if weights is None else len(weights)
        if maker.op_type not in _KEEP_RANK:
            return None
        data = maker.inputs[0]
        known = context.shape(data)
        if known is not None:
            return len(known)
    return None


TRANSFORM = ReplaceBatchNormalization()
