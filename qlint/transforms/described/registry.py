"""The transforms of descriptions there are, imported when they are asked for."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qlint.transforms.described.base import DescribedTransform

NAMES = ("convert-to-dlnetwork", "unpack-projected-layers", "split-multiplication", "clear-padding-value")


def load(name: str) -> DescribedTransform:
    """One of `NAMES`."""
    module: Any = import_module(f"{__package__}.{name.replace('-', '_')}")
    transform: DescribedTransform = module.TRANSFORM
    return transform
