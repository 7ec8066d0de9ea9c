"""Arithmetic between tensors, layers that move or resample elements, networks within networks, custom layers.

Source: MATLAB's reference pages of these layers, except of `nnet.onnx.layer.*` and `nnet.keras.layer.*`, which its
importers make.
"""

from __future__ import annotations

from typing import Any

from qlint.network.matlab.kinds import ARRAY, LOGICAL, TEXT, Kind, dimensions, factors, integer, mode, sizes
from qlint.network.matlab.table import FALSE, MOST_PORTS, LayerType, Property, Shorthand, numbered, switched

_COUNT = Property(integer())
_SEVERAL = Property(integer(least=2, most=MOST_PORTS))


def _joining(name: str, **further: Property) -> LayerType:
    return LayerType(name, {**further, "NumInputs": _SEVERAL}, inputs=numbered("in"))


def _resize(rank: int) -> LayerType:
    return LayerType(
        f"resize{rank}dLayer",
        {
            "Scale": Property(factors(rank)),
            "OutputSize": Property(dimensions(rank, open=True)),
            "EnableReferenceInput": FALSE,
            "Method": Property(mode("nearest", "bilinear" if rank == 2 else "trilinear"), "nearest"),
            "GeometricTransformMode": Property(mode("half-pixel", "asymmetric"), "half-pixel"),
            "NearestRoundingMode": Property(mode("round", "floor", "onnx-10"), "round"),
        },
        inputs=switched("in", EnableReferenceInput=("ref",)),
    )


def _location(value: Any) -> Any:
    if isinstance(value, str) and value.lower() == "auto":
        return None
    return dimensions(2).read(value)


_LOCATION = Kind(
    "auto, or the [x, y] of the upper left corner, from 1",
    _location,
    {"anyOf": [{"enum": ["auto"]}, dimensions(2).schema]},
)


def _crop_mode(values: dict[str, Any]) -> None:
    """A location that is given makes the mode custom."""
    if values["Mode"] is None and values["Location"] is not None:
        values["Mode"] = "custom"


_ELEMENTWISE = (
    _joining("additionLayer"),
    _joining("multiplicationLayer"),
    _joining("concatenationLayer", Dim=_COUNT),
    _joining("depthConcatenationLayer"),
    LayerType(
        "scalingLayer",
        {"Scale": Property(ARRAY, 1), "Offset": Property(ARRAY, 0)},
        {"Bias": Shorthand(ARRAY, ("Offset",))},  # its name before R2025a
        ("Scale", "Offset", "Bias"),
    ),
    LayerType(
        "nnet.onnx.layer.ElementwiseAffineLayer",
        {
            "Scale": Property(ARRAY, 1),
            "Offset": Property(ARRAY, 0),
            "DoScale": Property(LOGICAL),
            "DoOffset": Property(LOGICAL),
        },
        learnables=("Scale", "Offset"),
    ),
)

_MOVING = (
    LayerType("flattenLayer"),
    LayerType("nnet.onnx.layer.FlattenLayer", open=True),
    LayerType("nnet.onnx.layer.FlattenInto2dLayer", open=True),
    LayerType("nnet.keras.layer.FlattenCStyleLayer", open=True),
    LayerType("identityLayer"),
    LayerType("nnet.onnx.layer.IdentityLayer", open=True),
    LayerType(
        "reshapeLayer",
        {"OutputSize": Property(dimensions(open=True, alone=True)), "OperationDimension": Property(TEXT)},
    ),
    LayerType("permuteLayer", {"DimensionOrder": Property(dimensions(least=0))}),
    _resize(2),
    _resize(3),
    LayerType(
        "crop2dLayer",
        {"Mode": Property(mode("custom", "centercrop")), "Location": Property(_LOCATION)},
        inputs=lambda _: ("in", "ref"),
        finish=_crop_mode,
    ),
    LayerType("depthToSpace2dLayer", {"BlockSize": Property(sizes(2)), "Mode": Property(mode("dcr", "crd"), "dcr")}),
    LayerType("spaceToDepthLayer", {"BlockSize": Property(sizes(2))}),
)

TYPES = (*_ELEMENTWISE, *_MOVING)
