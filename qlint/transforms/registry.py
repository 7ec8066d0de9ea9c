"""The transforms there are: a file of this folder each, imported when it is asked for."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from qlint.errors import UsageError
from qlint.transforms.described import registry as described

if TYPE_CHECKING:
    from collections.abc import Iterator

    from qlint.transforms.base import Context, Transform
    from qlint.transforms.patch import Declined, Patch

_SUMMARIES = {
    "clear-padding-value": ("exact", "set the padding value of pooling that does not pad to 0"),
    "convert-to-dlnetwork": ("exact", "convert the network to a dlnetwork, without output layers"),
    "equalize-layers": ("equivalent", "balance the ranges of neighbouring layers' weights"),
    "fold-affine": ("equivalent", "fold arithmetic with constants into the neighbouring layer"),
    "fold-constants": ("equivalent", "fold computed learnables into constants"),
    "fold-normalization": ("equivalent", "remove or fold an input's normalization of mean 0"),
    "fuse-batch-normalization": ("equivalent", "fold batch normalization into the neighbouring layer"),
    "merge-matmul-add": ("equivalent", "merge MatMul and Add into one Gemm"),
    "relu6-to-relu": ("lossy", "replace a clipped relu by a relu"),
    "remove-dropout": ("exact", "remove dropout and what changes nothing"),
    "replace-batch-normalization": ("equivalent", "replace batch normalization by a layer that quantizes"),
    "split-multiplication": ("exact", "split a multiplication into two-input layers"),
    "unpack-projected-layers": ("equivalent", "unpack projected layers into built-in ones"),
    "zero-average-padding": ("exact", "set a padding value that has no effect to 0"),
}
"""Class and title of each transform, kept here so that reports need not import what computes."""


@cache
def names() -> tuple[str, ...]:
    """Names of the transforms, of nodes and of descriptions, sorted."""
    from importlib.util import find_spec
    from pkgutil import iter_modules

    package = find_spec(__package__)
    present = {module.name for module in iter_modules(package.submodule_search_locations if package else None)}
    return tuple(name for name in _SUMMARIES if _module(name) in present or name in described.NAMES)


def summary(name: str) -> tuple[str, str]:
    """A transform's class (the weaker, where it depends) and what it does, in a few words."""
    return _SUMMARIES[name]


class _OfDescriptions:
    """A transform of descriptions as one of nodes: among these there is nothing for it to find."""

    def __init__(self, name: str) -> None:
        self.name = name

    def find(self, context: Context) -> Iterator[Patch | Declined]:
        """Nothing."""
        return iter(())


def load(name: str) -> Transform:
    """A transform of nodes by its name; one of descriptions finds nothing among nodes.

    Raises:
        UsageError: there is no such transform.
    """
    if name not in names():
        from qlint.suggest import did_you_mean

        listed = f"there are {', '.join(names())}"
        raise UsageError(f"there is no transform {name!r}", did_you_mean(name, names(), listed))
    if name in described.NAMES:
        return _OfDescriptions(name)
    module: Any = import_module(f"{__package__}.{_module(name)}")
    transform: Transform = module.TRANSFORM
    return transform


def _module(name: str) -> str:
    return name.replace("-", "_")
