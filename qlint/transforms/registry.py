"""The transforms there are: a file of this folder each, imported when it is asked for."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from qlint.errors import UsageError

if TYPE_CHECKING:
    from qlint.transforms.base import Transform

_SUMMARIES = {
    "equalize-layers": ("equivalent", "balance the ranges of neighbouring layers' weights"),
    "fold-affine": ("equivalent", "fold arithmetic with constants into the neighbouring layer"),
    "fold-normalization": ("equivalent", "remove or fold an input's normalization of mean 0"),
    "fuse-batch-normalization": ("equivalent", "fold batch normalization into the neighbouring layer"),
    "merge-matmul-add": ("equivalent", "merge MatMul and Add into one Gemm"),
    "relu6-to-relu": ("lossy", "replace a clipped relu by a relu"),
    "remove-dropout": ("exact", "remove dropout and what changes nothing"),
    "replace-batch-normalization": ("equivalent", "replace batch normalization by a layer that quantizes"),
    "split-multiplication": ("exact", "split a multiplication into two-input layers"),
    "zero-average-padding": ("exact", "set a padding value that has no effect to 0"),
}
"""Class and title of each transform, kept here so that reports need not import what computes."""


@cache
def names() -> tuple[str, ...]:
    """Names of the transforms, sorted."""
    from importlib.util import find_spec
    from pkgutil import iter_modules

    package = find_spec(__package__)
    present = {module.name for module in iter_modules(package.submodule_search_locations if package else None)}
    return tuple(name for name in _SUMMARIES if _module(name) in present)


def summary(name: str) -> tuple[str, str]:
    """A transform's class (the weaker, where it depends) and what it does, in a few words."""
    return _SUMMARIES[name]


def load(name: str) -> Transform:
    """A transform by its name.

    Raises:
        UsageError: there is no such transform.
    """
    if name not in names():
        from qlint.suggest import did_you_mean

        listed = f"there are {', '.join(names())}"
        raise UsageError(f"there is no transform {name!r}", did_you_mean(name, names(), listed))
    module: Any = import_module(f"{__package__}.{_module(name)}")
    transform: Transform = module.TRANSFORM
    return transform


def _module(name: str) -> str:
    return name.replace("-", "_")
