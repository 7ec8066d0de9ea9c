"""Recurrent layers, attention and embeddings.

Source: MATLAB's reference pages of these layers.
"""

from __future__ import annotations

from typing import Any

from qlint.network.matlab.kinds import Kind, integer, mode, number
from qlint.network.matlab.table import FALSE, LayerType, Property, Shorthand, Values, switched

_COUNT = Property(integer())
_AUTO = Property(integer(auto=True))
_RESET = Property(
    mode("after-multiplication", "before-multiplication", "recurrent-bias-after-multiplication"),
    "after-multiplication",
)


def _recurrent(name: str, states: tuple[str, ...], learnables: tuple[str, ...], **further: Property) -> LayerType:
    return LayerType(
        name,
        {
            "NumHiddenUnits": _COUNT,
            "InputSize": _AUTO,
            "OutputMode": Property(mode("sequence", "last"), "sequence"),
            "HasStateInputs": FALSE,
            "HasStateOutputs": FALSE,
            "StateActivationFunction": Property(mode("tanh", "softsign", "relu"), "tanh"),
            "GateActivationFunction": Property(mode("sigmoid", "hard-sigmoid"), "sigmoid"),
            **further,
        },
        learnables=(*learnables, *(f"{state.capitalize()}State" for state in states)),
        inputs=switched("in", HasStateInputs=states),
        outputs=switched("out", HasStateOutputs=states),
        optional=states,
    )


_WEIGHTS = ("InputWeights", "RecurrentWeights", "Bias")
_PROJECTED = (*_WEIGHTS, "InputProjector", "OutputProjector")
_PROJECTORS = {"OutputProjectorSize": _COUNT, "InputProjectorSize": _COUNT}
_LSTM, _GRU = ("hidden", "cell"), ("hidden",)


def _mask(value: Any) -> Any:
    return value if isinstance(value, list) else mode("none", "causal").read(value)


_ATTENTION = {
    "NumHeads": _COUNT,
    "HasPaddingMaskInput": FALSE,
    "HasScoresOutput": FALSE,
    "AttentionMask": Property(
        Kind("none, causal or an array", _mask, {"anyOf": [{"enum": ["none", "causal"]}, {"type": "array"}]}), "none"
    ),
    "DropoutProbability": Property(number(least=0, most=1), 0),
}
_MATRICES = ("Query", "Key", "Value", "Output")


def _asked(values: Values) -> tuple[str, ...]:
    return ("query", "key", "value", *(("mask",) if values.get("HasPaddingMaskInput") else ()))


TYPES = (
    _recurrent("lstmLayer", _LSTM, _WEIGHTS),
    _recurrent("bilstmLayer", _LSTM, _WEIGHTS),
    _recurrent("gruLayer", _GRU, _WEIGHTS, ResetGateMode=_RESET),
    _recurrent("lstmProjectedLayer", _LSTM, _PROJECTED, **_PROJECTORS),
    _recurrent("gruProjectedLayer", _GRU, _PROJECTED, **_PROJECTORS, ResetGateMode=_RESET),
    LayerType(
        "selfAttentionLayer",
        {
            **_ATTENTION,
            "NumKeyChannels": _COUNT,
            "NumValueChannels": _AUTO,
            "OutputSize": _AUTO,
            "InputSize": _AUTO,
        },
        # The name of NumKeyChannels as of R2026a.
        {"NumQueryChannels": Shorthand(_COUNT.kind, ("NumKeyChannels",))},
        (*(f"{matrix}Weights" for matrix in _MATRICES), *(f"{matrix}Bias" for matrix in _MATRICES)),
        inputs=switched("in", HasPaddingMaskInput=("mask",)),
        outputs=switched("out", HasScoresOutput=("scores",)),
    ),
    LayerType(
        "attentionLayer",
        {**_ATTENTION, "Scale": Property(number(words=("auto",)))},
        inputs=_asked,
        outputs=switched("out", HasScoresOutput=("scores",)),
    ),
    LayerType("sequenceFoldingLayer", outputs=lambda _: ("out", "miniBatchSize")),
    LayerType("sequenceUnfoldingLayer", inputs=lambda _: ("in", "miniBatchSize")),
    LayerType("wordEmbeddingLayer", {"Dimension": _COUNT, "NumWords": _COUNT}, learnables=("Weights",), open=True),
    LayerType(
        "indexing1dLayer",
        {"Index": Property(mode("first", "last"), "first"), "HasPaddingMaskInput": FALSE},
        inputs=switched("in", HasPaddingMaskInput=("mask",)),
    ),
)
