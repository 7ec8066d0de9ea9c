"""Every lowering, by layer type."""

from __future__ import annotations

from qlint.network.lower import (
    activation,
    arithmetic,
    attention,
    convolution,
    flattening,
    folding,
    inputs,
    joining,
    normalization,
    passing,
    pooling,
    rearranging,
    recurrent,
    resampling,
)
from qlint.network.lower.base import Lowering

_MODULES = (
    activation,
    arithmetic,
    attention,
    convolution,
    flattening,
    folding,
    inputs,
    joining,
    normalization,
    passing,
    pooling,
    rearranging,
    recurrent,
    resampling,
)

LOWERINGS: dict[str, Lowering] = {name: lowering for module in _MODULES for name, lowering in module.LOWERINGS.items()}
