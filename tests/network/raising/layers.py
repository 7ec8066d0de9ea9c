"""A small described network for each layer type that can be computed, with the shapes of its learnables."""

from __future__ import annotations

from typing import Any

Case = tuple[str, list[dict[str, Any]], dict[str, tuple[int, ...]], list[list[str]] | None]
"""Name, layers behind the input, learnables of the layer called `it`, and connections."""

INPUTS: dict[str, dict[str, Any]] = {
    "SSCB": {"type": "imageInputLayer", "InputSize": [6, 5, 4], "Normalization": "none"},
    "SSSCB": {"type": "image3dInputLayer", "InputSize": [6, 5, 4, 3], "Normalization": "none"},
    "CB": {"type": "featureInputLayer", "InputSize": 6},
    "CBT": {"type": "sequenceInputLayer", "InputSize": 4, "MinLength": 4},
    "SCBT": {"type": "sequenceInputLayer", "InputSize": [5, 4]},
    "SSCBT": {"type": "sequenceInputLayer", "InputSize": [6, 5, 4]},
}

_C4 = {"Weights": (3, 2, 4, 8), "Bias": (1, 1, 8)}
_CONV = {"type": "convolution2dLayer", "FilterSize": [3, 2], "NumFilters": 8}
_LSTM = {"InputWeights": (12, 4), "RecurrentWeights": (12, 3), "Bias": (12, 1)}
_BILSTM = {"InputWeights": (24, 4), "RecurrentWeights": (24, 3), "Bias": (24, 1)}
_GRU = {"InputWeights": (9, 4), "RecurrentWeights": (9, 3), "Bias": (9, 1)}
_C = {"Offset": (1, 1, 4), "Scale": (1, 1, 4)}
_BN = {**_C, "TrainedMean": (1, 1, 4), "TrainedVariance": (1, 1, 4)}
_PROJECTORS = {"InputProjector": (4, 2), "OutputProjector": (3, 2)}
_ATTENTION = {f"{name}Weights": (4, 4) for name in ("Query", "Key", "Value", "Output")}
_ATTENTION |= {f"{name}Bias": (4, 1) for name in ("Query", "Key", "Value", "Output")}


def _one(format: str, layer: dict[str, Any], learnables: dict[str, tuple[int, ...]] | None = None) -> Any:
    return format, [layer], learnables or {}


ONE: list[tuple[str, list[dict[str, Any]], dict[str, tuple[int, ...]]]] = [
    _one("SSCB", {**_CONV, "Stride": [2, 1], "Padding": [1, 0, 2, 1]}, _C4),
    _one("SSCB", {**_CONV, "Padding": "same", "DilationFactor": [1, 2]}, _C4),
    _one("SSCB", {**_CONV, "Padding": 1, "PaddingValue": "replicate"}, _C4),
    _one("SSCB", {**_CONV, "Padding": 1, "PaddingValue": "symmetric-exclude-edge"}, _C4),
    _one("SSCB", {**_CONV, "Padding": 1, "PaddingValue": "symmetric-include-edge"}, _C4),
    _one("SSCB", {**_CONV, "Padding": 1, "PaddingValue": 2.5}, _C4),
    _one("SSCBT", {**_CONV, "Padding": "same"}, _C4),
    _one("CBT", {"type": "convolution1dLayer", "FilterSize": 3, "NumFilters": 5, "Padding": "causal"},
         {"Weights": (3, 4, 5), "Bias": (1, 5)}),
    _one("SCBT", {"type": "convolution1dLayer", "FilterSize": 3, "NumFilters": 5},
         {"Weights": (3, 4, 5), "Bias": (1, 5)}),
    _one("SSSCB", {"type": "convolution3dLayer", "FilterSize": [3, 2, 1], "NumFilters": 5,
                   "Padding": [[1, 0, 0], [0, 1, 0]]}, {"Weights": (3, 2, 1, 3, 5), "Bias": (1, 1, 1, 5)}),
    _one("SSCB", {"type": "groupedConvolution2dLayer", "FilterSize": [3, 2], "NumGroups": 2, "NumFiltersPerGroup": 3},
         {"Weights": (3, 2, 2, 3, 2), "Bias": (1, 1, 3, 2)}),
    _one("SSCB", {"type": "groupedConvolution2dLayer", "FilterSize": [3, 2], "NumGroups": "channel-wise",
                  "NumFiltersPerGroup": 2}, {"Weights": (3, 2, 1, 2, 4), "Bias": (1, 1, 2, 4)}),
    _one("CBT", {"type": "transposedConv1dLayer", "FilterSize": 3, "NumFilters": 5, "Stride": 2},
         {"Weights": (3, 5, 4), "Bias": (1, 5)}),
    _one("SSCB", {"type": "transposedConv2dLayer", "FilterSize": [3, 2], "NumFilters": 5, "Stride": [2, 3],
                  "Cropping": [1, 0, 0, 1]}, {"Weights": (3, 2, 5, 4), "Bias": (1, 1, 5)}),
    _one("SSCB", {"type": "transposedConv2dLayer", "FilterSize": 4, "NumFilters": 5, "Stride": 2, "Cropping": "same"},
         {"Weights": (4, 4, 5, 4), "Bias": (1, 1, 5)}),
    _one("SSSCB", {"type": "transposedConv3dLayer", "FilterSize": [3, 2, 1], "NumFilters": 5, "Stride": 2},
         {"Weights": (3, 2, 1, 5, 3), "Bias": (1, 1, 1, 5)}),
    *[_one(format, {"type": f"{kind}Pooling{rank}dLayer", "PoolSize": 3, "Stride": 2, "Padding": padding})
      for kind in ("max", "average") for rank, format in ((1, "CBT"), (2, "SSCB"), (3, "SSSCB"))
      for padding in ("same", 1)],
    _one("SSCB", {"type": "averagePooling2dLayer", "PoolSize": 2, "Padding": 1, "PaddingValue": "mean"}),
    *[_one(format, {"type": f"global{kind}Pooling{rank}dLayer"}) for kind in ("Max", "Average")
      for rank, format in ((1, "CBT"), (2, "SSCB"), (3, "SSSCB"), (1, "SCBT"), (2, "SSCBT"), (2, "SCBT"))],
    *[_one(format, {"type": "fullyConnectedLayer", "OutputSize": 3}, {"Weights": (3, features), "Bias": (3, 1)})
      for format, features in (("CB", 6), ("SSCB", 120), ("SSSCB", 360), ("CBT", 4), ("SCBT", 20), ("SSCBT", 120))],
    *[_one("SSCB", {"type": f"{name}Layer"})
      for name in ("relu", "sigmoid", "tanh", "softplus", "swish", "softmax", "elu", "gelu", "leakyRelu")],
    _one("CBT", {"type": "softmaxLayer"}),
    _one("SSCB", {"type": "dlhdl.layer.mishLayer"}),
    _one("SSCB", {"type": "clippedReluLayer", "Ceiling": 0.7}),
    _one("SSCB", {"type": "geluLayer", "Approximation": "tanh"}),
    _one("SSCB", {"type": "preluLayer"}, {"Alpha": (1, 1, 4)}),
    _one("SSCB", {"type": "preluLayer"}, {"Alpha": (6, 5, 4)}),
    *[_one(format, {"type": "batchNormalizationLayer", "Epsilon": 0.01}, learnables)
      for format, learnables in (("SSCB", _BN), ("CBT", _BN), ("SSCBT", _BN))],
    *[_one(format, {"type": "layerNormalizationLayer", "OperationDimension": dimension}, _C)
      for format in ("SSCB", "CBT", "SCBT") for dimension in ("channel-only", "spatial-channel", "batch-excluded")],
    *[_one("SSCB", {"type": "groupNormalizationLayer", "NumGroups": groups}, _C)
      for groups in (2, "all-channels", "channel-wise")],
    _one("SCBT", {"type": "instanceNormalizationLayer"}, _C),
    _one("CB", {"type": "groupNormalizationLayer", "NumGroups": 2}, {"Offset": (6, 1), "Scale": (6, 1)}),
    _one("SSCB", {"type": "crossChannelNormalizationLayer", "WindowChannelSize": 3}),
    *[_one("SSCB", {"type": f"{name}Layer"}) for name in ("dropout", "spatialDropout", "gaussianNoise", "identity")],
    *[_one(format, {"type": type}) for format in ("SSCB", "SCBT") for type in
      ("flattenLayer", "nnet.keras.layer.FlattenCStyleLayer", "nnet.onnx.layer.FlattenLayer")],
    *[_one("CBT", {"type": "lstmLayer", "NumHiddenUnits": 3, "OutputMode": mode, **more}, _LSTM)
      for mode in ("sequence", "last") for more in ({}, {"StateActivationFunction": "softsign"})],
    _one("CBT", {"type": "lstmLayer", "NumHiddenUnits": 3, "HasStateOutputs": True}, _LSTM),
    _one("CBT", {"type": "lstmLayer", "NumHiddenUnits": 3, "HasStateInputs": True}, _LSTM),
    _one("CBT", {"type": "lstmLayer", "NumHiddenUnits": 3}, {**_LSTM, "HiddenState": (3, 1), "CellState": (3, 1)}),
    *[_one("CBT", {"type": "bilstmLayer", "NumHiddenUnits": 3, "OutputMode": mode}, _BILSTM)
      for mode in ("sequence", "last")],
    *[_one("CBT", {"type": "gruLayer", "NumHiddenUnits": 3, "ResetGateMode": mode},
           {**_GRU, "Bias": (18 if mode.startswith("recurrent") else 9, 1)})
      for mode in ("after-multiplication", "before-multiplication", "recurrent-bias-after-multiplication")],
    _one("CBT", {"type": "lstmProjectedLayer", "NumHiddenUnits": 3, "InputProjectorSize": 2, "OutputProjectorSize": 2},
         {"InputWeights": (12, 2), "RecurrentWeights": (12, 2), "Bias": (12, 1), **_PROJECTORS}),
    _one("CBT", {"type": "gruProjectedLayer", "NumHiddenUnits": 3, "InputProjectorSize": 2, "OutputProjectorSize": 2},
         {"InputWeights": (9, 2), "RecurrentWeights": (9, 2), "Bias": (9, 1), **_PROJECTORS}),
    _one("SCBT", {"type": "lstmLayer", "NumHiddenUnits": 3}, {**_LSTM, "InputWeights": (12, 20)}),
    _one("CB", {"type": "lstmLayer", "NumHiddenUnits": 3}, {**_LSTM, "InputWeights": (12, 6)}),
    _one("CBT", {"type": "selfAttentionLayer", "NumHeads": 2, "NumKeyChannels": 4}, _ATTENTION),
    _one("CBT", {"type": "selfAttentionLayer", "NumHeads": 2, "NumKeyChannels": 4, "AttentionMask": "causal"},
         _ATTENTION),
    *[_one("CBT", {"type": "indexing1dLayer", "Index": index}) for index in ("first", "last")],
    _one("SSCB", {"type": "scalingLayer", "Scale": 2, "Offset": 0.5}),
    _one("SSCB", {"type": "scalingLayer"}, {"Scale": (1, 1, 4), "Offset": (6, 5, 4)}),
    _one("SSCB", {"type": "nnet.onnx.layer.ElementwiseAffineLayer"}, {"Scale": (4,), "Offset": (4,)}),
    *[_one("SSCB", {"type": "inverseNormalizationLayer", "Normalization": kind, "Mean": 0.5, "StandardDeviation": 2,
                    "Min": -1, "Max": 3}) for kind in ("zerocenter", "zscore", "rescale-symmetric", "rescale-zero-one")],
    _one("SSCB", {"type": "resize2dLayer", "Scale": 2}),
    _one("SSCB", {"type": "resize2dLayer", "OutputSize": [3, 7], "Method": "bilinear"}),
    _one("SSCB", {"type": "resize2dLayer", "OutputSize": [3, 10], "GeometricTransformMode": "asymmetric",
                  "NearestRoundingMode": "onnx-10"}),
    _one("SSSCB", {"type": "resize3dLayer", "Scale": 2, "Method": "trilinear"}),
    _one("SSCB", {"type": "depthToSpace2dLayer", "BlockSize": 2}),
    _one("SSCB", {"type": "depthToSpace2dLayer", "BlockSize": [1, 2], "Mode": "crd"}),
    _one("SSCB", {"type": "spaceToDepthLayer", "BlockSize": [3, 1]}),
    _one("SSCB", {"type": "spaceToDepthLayer", "BlockSize": 2}),
    _one("SSCB", {"type": "reshapeLayer", "OutputSize": [5, 6, 4], "OperationDimension": "spatial-channel"}),
    _one("CBT", {"type": "permuteLayer", "DimensionOrder": [0, 2, 1]}),
    _one("SSCB", {"type": "classificationLayer"}),
]  # fmt: skip
"""Format of the input, layers, learnables of the first of them."""
