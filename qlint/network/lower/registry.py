"""Every lowering, by layer type."""

from __future__ import annotations

from importlib import import_module

from qlint.network.lower.base import Lowering

_FAMILIES = (
    "activation",
    "arithmetic",
    "attention",
    "convolution",
    "flattening",
    "folding",
    "inputs",
    "joining",
    "normalization",
    "passing",
    "pooling",
    "rearranging",
    "recurrent",
    "resampling",
)

LOWERINGS: dict[str, Lowering] = {
    name: lowering
    for family in _FAMILIES
    for name, lowering in import_module(f"qlint.network.lower.{family}").LOWERINGS.items()
}
