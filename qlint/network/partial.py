"""Values of which some elements are known and others are not."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from qlint.files.model import Shape
from qlint.tristate import Unknown

ALL_KNOWN: Any = None
"""The mask of a value of which every element is known."""


@dataclass(slots=True)
class Partial:
    """A value of which some elements may be unknown.

    Attributes:
        values: numpy array (unknown elements hold 0); None where not even the size is known.
        known: boolean mask of the same shape, or None if every element is known.
        missing: the fact that would make it known.
        shape, name: of a tensor whose Shape is taken (values is None then).
    """

    values: Any
    known: Any
    missing: Unknown | None = None
    shape: Shape = None
    name: str = ""


BIND_INPUTS = "--bind"
"""The remedy of a size that has no name: fix the sizes that the network's inputs leave open."""

_FUNCTIONS = {"ceil", "floor", "max", "min", "mod"}
_INVENTED = "unk__"
"""How onnx's inference names sizes that nobody declared."""


def missing_size(tensor: str, axis: int, size: str | None) -> Unknown:
    """The missing fact that a tensor's axis has no known size, and the `--bind` that would give it.

    Inference makes expressions of symbols (`floor(height/2)`); it is the symbols that can be bound. A size without
    any has `BIND_INPUTS` for a remedy.
    """
    if not size:
        return Unknown(f"size of axis {axis} of {tensor!r}", BIND_INPUTS)
    words = dict.fromkeys(re.findall(r"[^\W\d]\w*", size)) if "(" in size or " " in size else (size,)
    symbols = [word for word in words if word not in _FUNCTIONS and not word.startswith(_INVENTED)]
    remedy = " ".join(f"--bind {symbol}=1" for symbol in symbols) or BIND_INPUTS
    return Unknown(f"size {size!r} of axis {axis} of {tensor!r}", remedy)
