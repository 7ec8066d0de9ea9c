"""Normalization layers and dropout.

Source: ONNX operator specification (BatchNormalization, LayerNormalization, InstanceNormalization,
GroupNormalization, LRN, Dropout).
"""

from __future__ import annotations

from qlint.network.catalogue.entry import Entry
from qlint.network.catalogue.windows import channels
from qlint.network.network import Value
from qlint.network.view import View
from qlint.tristate import Unknown


def epsilon(view: View) -> Value:
    """`epsilon` (default 1e-5)."""
    return float(view.attribute("epsilon", 1e-5))


def training_mode(view: View) -> Value:
    """whether batch statistics are computed: `training_mode`, before opset 14 extra outputs; qlint's own."""
    if view.scope.opset >= 14:
        return bool(view.attribute("training_mode", 0))
    return any(view.node.outputs[1:])


def per_activation(view: View) -> Value:
    """whether statistics are per activation: `spatial` 0 (opsets up to 8); qlint's own."""
    return view.scope.opset < 9 and not view.attribute("spatial", 1)


def momentum(view: View) -> Value:
    """whether anything but the normalized output is read (running statistics); qlint's own."""
    return any(view.node.outputs[1:])


def window_channels(view: View) -> Value:
    """`size`."""
    return int(view.attribute("size"))


def alpha(view: View) -> Value:
    """`alpha` (default 0.0001)."""
    return float(view.attribute("alpha", 1e-4))


def beta(view: View) -> Value:
    """`beta` (default 0.75)."""
    return float(view.attribute("beta", 0.75))


def bias(view: View) -> Value:
    """`bias` (default 1)."""
    return float(view.attribute("bias", 1.0))


def operation_dimension(view: View) -> Value:
    """`axis`: "channel-only" for the last axis of [N, ..., C] data or the channel axis alone, "all" from axis 1 on."""
    rank = view.rank()
    axis = view.attribute("axis", -1)
    if rank is None:
        return Unknown(f"rank of {view.name(0)!r}")
    return "all" if axis % rank == 1 and rank > 2 else "channel-only"


def num_groups(view: View) -> Value:
    """`num_groups`."""
    return int(view.attribute("num_groups"))


def channel_wise(view: View) -> Value:
    """always "channel-wise": each channel is its own group."""
    return "channel-wise"


def probability(view: View) -> Value:
    """`ratio`, an attribute before opset 12 and an input since (default 0.5)."""
    return view.option("ratio", 1, 12, 0.5)


def dropout_training(view: View) -> Value:
    """input `training_mode` (opset 12 on; default false), before opset 7 `is_test` 0; qlint's own."""
    if view.scope.opset < 7:
        return not view.attribute("is_test", 0)
    if view.scope.opset < 12 or not view.has_input(2):
        return False
    value = view.static(2)
    return value if isinstance(value, Unknown) else bool(value)


def mask_used(view: View) -> Value:
    """whether anything reads the mask output; qlint's own."""
    scope = view.scope
    return any(name and (name in scope.visible or name in scope.graph.consumers) for name in view.node.outputs[1:])


_STATISTICS = {"Scale": 1, "Offset": 2, "TrainedMean": 3, "TrainedVariance": 4}

ENTRIES = (
    Entry(
        "batchNormalizationLayer",
        ("BatchNormalization",),
        summary="always",
        properties={
            "Epsilon": epsilon,
            "NumChannels": channels(0, 1),
            "TrainingMode": training_mode,
            "PerActivation": per_activation,
            "HasStatisticsOutputs": momentum,
        },
        learnables=_STATISTICS,
    ),
    Entry(
        "layerNormalizationLayer",
        ("LayerNormalization",),
        lambda view: view.parameter(1) is not None and not any(view.node.outputs[1:]),
        "constant scale; only the first output",
        {"Epsilon": epsilon, "OperationDimension": operation_dimension},
        {"Scale": 1, "Offset": 2},
    ),
    Entry(
        "groupNormalizationLayer",
        ("InstanceNormalization",),
        lambda view: view.parameter(1) is not None,
        "constant scale; each channel its own group",
        {"Epsilon": epsilon, "NumGroups": channel_wise},
        {"Scale": 1, "Offset": 2},
    ),
    Entry(
        "groupNormalizationLayer",
        ("GroupNormalization",),
        lambda view: view.parameter(1) is not None,
        "constant scale",
        {"Epsilon": epsilon, "NumGroups": num_groups},
        {"Scale": 1, "Offset": 2},
    ),
    Entry(
        "crossChannelNormalizationLayer",
        ("LRN",),
        summary="always",
        properties={"WindowChannelSize": window_channels, "Alpha": alpha, "Beta": beta, "K": bias},
    ),
    Entry(
        "dropoutLayer",
        ("Dropout",),
        summary="always",
        properties={"Probability": probability, "TrainingMode": dropout_training, "HasMaskOutput": mask_used},
    ),
)
