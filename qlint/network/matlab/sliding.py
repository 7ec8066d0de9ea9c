"""Layers that slide a window: convolutions and pooling, and the fully connected layer.

Source: MATLAB's reference pages of these layers.
"""

from __future__ import annotations

from typing import Any

from qlint.network.matlab.kinds import LOGICAL, Kind, UnfitError, integer, mode, number, sizes
from qlint.network.matlab.table import LayerType, Property, Shorthand, switched
from qlint.network.matlab.windows import listed, padding, padding_size, unpaired

_COUNT = Property(integer())
_AUTO = Property(integer(auto=True))
_EDGES = ("symmetric-include-edge", "symmetric-exclude-edge", "replicate")


def _padded(rank: int, value: Kind | None, *modes: str) -> tuple[dict[str, Property], dict[str, Shorthand]]:
    """The padding properties of a layer, with `PaddingValue` where it has one, and their constructor argument."""
    words = ("same", *modes)
    properties = {
        "PaddingMode": Property(mode("manual", *words), "manual"),
        "PaddingSize": Property(padding_size(rank), unpaired([(0, 0)] * rank)),
    }
    if value is not None:
        properties["PaddingValue"] = Property(value, 0)
    return properties, {"Padding": Shorthand(padding(rank, *words), ("PaddingMode", "PaddingSize"))}


def _causal(values: dict[str, Any]) -> None:
    """Causal padding goes before the data, as much as the last tap reaches back."""
    size, spread = values["FilterSize"], values["DilationFactor"]
    if values["PaddingMode"] == "causal" and size is not None and spread is not None:
        values["PaddingSize"] = [(listed(size, 1)[0] - 1) * listed(spread, 1)[0], 0]


def _convolution(rank: int) -> LayerType:
    properties, shorthands = _padded(rank, number(words=_EDGES), *(("causal",) if rank == 1 else ()))
    return LayerType(
        f"convolution{rank}dLayer",
        {
            "FilterSize": Property(sizes(rank)),
            "NumFilters": _COUNT,
            "Stride": Property(sizes(rank), _ones(rank)),
            "DilationFactor": Property(sizes(rank), _ones(rank)),
            **properties,
            "NumChannels": _AUTO,
        },
        shorthands,
        ("Weights", "Bias"),
        finish=_causal if rank == 1 else None,
    )


def _grouped() -> LayerType:
    properties, shorthands = _padded(2, number(words=_EDGES))
    return LayerType(
        "groupedConvolution2dLayer",
        {
            "FilterSize": Property(sizes(2)),
            "NumGroups": Property(integer(words=("channel-wise",))),
            "NumFiltersPerGroup": _COUNT,
            "NumChannelsPerGroup": _AUTO,
            "Stride": Property(sizes(2), _ones(2)),
            "DilationFactor": Property(sizes(2), _ones(2)),
            **properties,
        },
        shorthands,
        ("Weights", "Bias"),
    )


def _transposed(rank: int) -> LayerType:
    return LayerType(
        f"transposedConv{rank}dLayer",
        {
            "FilterSize": Property(sizes(rank)),
            "NumFilters": _COUNT,
            "Stride": Property(sizes(rank), _ones(rank)),
            "CroppingMode": Property(mode("manual", "same"), "manual"),
            "CroppingSize": Property(padding_size(rank), unpaired([(0, 0)] * rank)),
            "NumChannels": _AUTO,
        },
        {"Cropping": Shorthand(padding(rank, "same"), ("CroppingMode", "CroppingSize"))},
        ("Weights", "Bias"),
    )


def _ones(rank: int) -> Any:
    return [1] * rank if rank > 1 else 1


def _pool_value(value: Any) -> Any:
    if isinstance(value, str) and value.lower() == "mean":
        return "mean"
    if value == 0 and not isinstance(value, bool | str):
        return 0
    raise UnfitError("write 0 or mean")


_POOL_VALUE = Kind("0 or mean", _pool_value, {"enum": [0, "mean"]})


def _pool(kind: str, rank: int) -> LayerType:
    properties, shorthands = _padded(rank, _POOL_VALUE if kind == "average" else None)
    unpooling = kind == "max" and rank == 2
    return LayerType(
        f"{kind}Pooling{rank}dLayer",
        {
            "PoolSize": Property(sizes(rank)),
            "Stride": Property(sizes(rank), _ones(rank)),
            **properties,
            **({"HasUnpoolingOutputs": Property(LOGICAL, False)} if unpooling else {}),
        },
        shorthands,
        outputs=switched("out", HasUnpoolingOutputs=("indices", "size")),
        own={"HasUnpoolingOutputs": False} if kind == "max" and not unpooling else {},
    )


TYPES = (
    *(_convolution(rank) for rank in (1, 2, 3)),
    _grouped(),
    *(_transposed(rank) for rank in (1, 2, 3)),
    *(_pool(kind, rank) for kind in ("max", "average") for rank in (1, 2, 3)),
    *(LayerType(f"global{kind}Pooling{rank}dLayer") for kind in ("Max", "Average") for rank in (1, 2, 3)),
    LayerType("maxUnpooling2dLayer", inputs=lambda _: ("in", "indices", "size")),
    LayerType(
        "fullyConnectedLayer",
        {
            "OutputSize": _COUNT,
            "InputSize": _AUTO,
            "OperationDimension": Property(integer(words=("spatial-channel",)), "spatial-channel"),
        },
        learnables=("Weights", "Bias"),
    ),
)
