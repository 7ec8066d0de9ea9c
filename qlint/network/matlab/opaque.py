"""Networks within networks, custom layers, and layers of which only the ports are known.

Source: MATLAB's reference pages of these layers.
"""

from __future__ import annotations

from qlint.network.matlab.kinds import TEXT, integer, number
from qlint.network.matlab.table import LayerType, Property, numbered

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
        {"NumInputs": Property(integer(least=0)), "NumOutputs": Property(integer(least=0))},
        inputs=numbered("in"),
        outputs=numbered("out"),
        open=True,
        own={"Folds": False} if name.startswith("onnx:") else {},
        opaque=f"{name} is a custom layer, and what it computes is not in the description",
    )


_NAMES = (
    "crop3dLayer",
    "embeddingConcatenationLayer",
    "patchEmbeddingLayer",
    "peepholeLSTMLayer",
    "positionEmbeddingLayer",
    "roiAlignLayer",
    "roiMaxPooling2dLayer",
    "sinusoidalPositionEncodingLayer",
    "sliceLayer",
    "ssdMergeLayer",
    "yolov2TransformLayer",
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
