"""Input layers, and what undoes their normalization.

Source: MATLAB's reference pages of these layers. Where statistics are left out they were not computed yet, and are
not known.
"""

from __future__ import annotations

import re
from typing import Any

from qlint.network.matlab.kinds import ANY, ARRAY, Kind, UnfitError, dimensions, integer, mode
from qlint.network.matlab.table import FALSE, LayerType, Property, none

_STATISTICS = ("Mean", "StandardDeviation", "Min", "Max")
_NORMALIZATIONS = ("zerocenter", "zscore", "rescale-symmetric", "rescale-zero-one", "none")
_LABELS = "SCBTU"
_FORMAT = re.compile(rf"[{_LABELS}]+")


def _format(value: Any) -> Any:
    if isinstance(value, str) and _FORMAT.fullmatch(value.upper()):
        return value.upper()
    raise UnfitError("write one letter for each dimension: S, C, B, T or U, as in SSCB")


_INPUT_FORMAT = Kind(
    "a data format as SSCB", _format, {"type": "string", "pattern": rf"^[{_LABELS}{_LABELS.lower()}]+$"}
)


def _input(name: str, size: Kind, normalization: str, **further: Property) -> LayerType:
    return LayerType(
        name,
        {
            "InputSize": Property(size),
            "Normalization": Property(mode(*_NORMALIZATIONS, handle=True), normalization),
            "NormalizationDimension": Property(mode("auto", "channel", "element", "all")),
            **{statistic: Property(ARRAY) for statistic in _STATISTICS},
            "SplitComplexInputs": FALSE,
            **further,
        },
        learnables=_STATISTICS,
        inputs=none,
    )


TYPES = (
    _input("imageInputLayer", dimensions(3), "zerocenter", DataAugmentation=Property(ANY, "none")),
    _input("image3dInputLayer", dimensions(4), "zerocenter"),
    _input("featureInputLayer", integer(), "none"),
    _input("sequenceInputLayer", dimensions(1, 2, 3, 4, alone=True), "none", MinLength=Property(integer(), 1)),
    LayerType(
        "inputLayer",
        {"InputSize": Property(dimensions(open=True, alone=True)), "InputFormat": Property(_INPUT_FORMAT)},
        inputs=none,
    ),
    LayerType(
        "inverseNormalizationLayer",
        {
            "Normalization": Property(mode(*_NORMALIZATIONS)),
            "OperationDimension": Property(integer(words=("channel",)), "channel"),
            **{statistic: Property(ARRAY) for statistic in _STATISTICS},
        },
        learnables=_STATISTICS,
    ),
)
