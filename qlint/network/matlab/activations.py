"""Activations, normalizations, and what does nothing at inference: dropout, noise, output layers.

Source: MATLAB's reference pages of these layers.
"""

from __future__ import annotations

from qlint.network.matlab.kinds import ANY, TEXT, integer, mode, number
from qlint.network.matlab.table import LayerType, Property, none

_AUTO = Property(integer(auto=True))
_EPSILON = Property(number(least=0), 1e-5)
_AFFINE = ("Offset", "Scale")
_STATE = Property(ANY)  # how running statistics were updated: nothing to inference

_ACTIVATIONS = (
    *(LayerType(f"{name}Layer") for name in ("relu", "sigmoid", "tanh", "softplus", "swish", "softmax")),
    LayerType("dlhdl.layer.mishLayer"),
    LayerType("leakyReluLayer", {"Scale": Property(number(), 0.01)}),
    LayerType("clippedReluLayer", {"Ceiling": Property(number(above=0))}),
    LayerType("eluLayer", {"Alpha": Property(number(), 1)}),
    LayerType("geluLayer", {"Approximation": Property(mode("none", "tanh"), "none")}),
    LayerType("preluLayer", {"NumChannels": _AUTO}, learnables=("Alpha",)),
)

_NORMALIZATIONS = (
    LayerType(
        "batchNormalizationLayer",
        {"Epsilon": _EPSILON, "NumChannels": _AUTO, "MeanDecay": _STATE, "VarianceDecay": _STATE},
        learnables=(*_AFFINE, "TrainedMean", "TrainedVariance"),
        own={"TrainingMode": False, "PerActivation": False, "HasStatisticsOutputs": False},
    ),
    LayerType(
        "layerNormalizationLayer",
        {
            "Epsilon": _EPSILON,
            "NumChannels": _AUTO,
            "OperationDimension": Property(mode("auto", "channel-only", "spatial-channel", "batch-excluded")),
        },
        learnables=_AFFINE,
    ),
    LayerType(
        "groupNormalizationLayer",
        {
            "NumGroups": Property(integer(words=("all-channels", "channel-wise"))),
            "Epsilon": _EPSILON,
            "NumChannels": _AUTO,
            "OperationDimension": Property(TEXT),
        },
        learnables=_AFFINE,
    ),
    LayerType(
        "instanceNormalizationLayer",
        {"Epsilon": _EPSILON, "NumChannels": _AUTO, "OperationDimension": Property(TEXT)},
        learnables=_AFFINE,
    ),
    LayerType(
        "crossChannelNormalizationLayer",
        {
            "WindowChannelSize": Property(integer()),
            "Alpha": Property(number(), 1e-4),
            "Beta": Property(number(least=0.01), 0.75),
            "K": Property(number(least=1e-5), 2),
        },
    ),
)

_AT_TRAINING = (
    LayerType(
        "dropoutLayer",
        {"Probability": Property(number(least=0, most=1), 0.5)},
        own={"TrainingMode": False, "HasMaskOutput": False},
    ),
    LayerType("spatialDropoutLayer", {"Probability": Property(number(least=0, most=1), 0.5)}),
    LayerType("gaussianNoiseLayer", open=True),
)

_OUTPUTS = tuple(
    LayerType(name, outputs=none, open=True)
    for name in (
        "classificationLayer",
        "regressionLayer",
        "pixelClassificationLayer",
        "dicePixelClassificationLayer",
        "focalLossLayer",
        "rcnnBoxRegressionLayer",
        "rpnClassificationLayer",
        "yolov2OutputLayer",
    )
)

OUTPUT_LAYERS = frozenset(layer.name for layer in _OUTPUTS)
"""Layers that a SeriesNetwork or DAGNetwork ends in: a loss at training, nothing at inference."""

TYPES = (*_ACTIVATIONS, *_NORMALIZATIONS, *_AT_TRAINING, *_OUTPUTS)
