"""Networks within networks, custom layers, and layers of which only the ports are known.

Source: MATLAB's reference pages of these layers.
"""

from __future__ import annotations

from qlint.network.matlab.kinds import TEXT, integer, number
from qlint.network.matlab.table import MOST_PORTS, LayerType, Property, numbered

_COUNT = Property(integer())

_NETWORKS = (
    LayerType("networkLayer", inputs=numbered("in"), outputs=numbered("out")),
    LayerType(
        "projectedLayer",
        {
            "OriginalClass": Property(TEXT),
            "InputSize": _COUNT,
            "OutputSize": _COUNT,
            "InputProjectorSize": _COUNT,
            "OutputProjectorSize": _COUNT,
            "LearnablesReduction": Property(number(least=0, most=1)),
        },
        inputs=numbered("in"),
        outputs=numbered("out"),
    ),
)

NESTING = frozenset(layer.name for layer in _NETWORKS)
"""Layers that hold a network: `Network: {layers, connections}`."""


def custom(name: str) -> LayerType:
    """A layer of which only the name is known; its ports are the connected ones, its properties any."""
    return LayerType(
        name,
        {f"Num{noun}": Property(integer(least=0, most=MOST_PORTS)) for noun in ("Inputs", "Outputs")},
        inputs=numbered("in"),
        outputs=numbered("out"),
        open=True,
        own={"Folds": False} if name.startswith("onnx:") else {},
        opaque=f"{name} is a custom layer, and what it computes is not in the description",
    )


_NAMES = (
    "anchorBoxLayer",
    "complexFullyConnectedLayer",
    "complexReluLayer",
    "complexToRealLayer",
    "crop3dLayer",
    "cwtLayer",
    "embeddingConcatenationLayer",
    "icwtLayer",
    "istftLayer",
    "modwtLayer",
    "neuralODELayer",
    "patchEmbeddingLayer",
    "peepholeLSTMLayer",
    "pointCloudInputLayer",
    "positionEmbeddingLayer",
    "quadraticLayer",
    "realToComplexLayer",
    "regionProposalLayer",
    "roiAlignLayer",
    "roiInputLayer",
    "roiMaxPooling2dLayer",
    "rpnSoftmaxLayer",
    "sinusoidalPositionEncodingLayer",
    "sliceLayer",
    "spectralConvolution1dLayer",
    "spectralConvolution2dLayer",
    "spectralConvolution3dLayer",
    "ssdMergeLayer",
    "stftLayer",
    "yolov2ReorgLayer",
    "yolov2TransformLayer",
    "zreluLayer",
)

_UNKNOWN = tuple(
    LayerType(
        name,
        inputs=numbered("in"),
        outputs=numbered("out"),
        open=True,
        opaque=f"qlint does not know how MATLAB computes a {name}",
    )
    for name in _NAMES
)

TYPES = (*_NETWORKS, *_UNKNOWN, custom("functionLayer"), custom("customLayer"))
