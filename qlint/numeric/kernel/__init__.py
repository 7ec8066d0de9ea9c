"""The operators, one function each; importing this package registers all of them.

Every module beside this one is imported, so that a new file of operators needs no entry anywhere.
"""

from importlib import import_module
from pkgutil import iter_modules

from qlint.numeric.kernel.registry import (
    Array,
    Call,
    Pointwise,
    Result,
    Unsupported,
    claimed,
    find,
    follower,
    leads,
    operator,
)

__all__ = ["Array", "Call", "Pointwise", "Result", "Unsupported", "claimed", "find", "follower", "leads", "operator"]

for _module in sorted(module.name for module in iter_modules(__path__)):
    import_module(f"{__name__}.{_module}")
