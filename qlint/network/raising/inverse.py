"""Learnables from ONNX's order back to MATLAB's, for a layer whose nodes are those that lowering makes of it.

What lowering does with a learnable is found out by lowering the layer once more, with the positions of the elements
for values: so there is no second table of orders that could contradict the first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import TYPE_CHECKING, Any, NoReturn

from qlint.network.lower.builder import Builder, LayerNodes
from qlint.network.lower.registry import LOWERINGS
from qlint.network.lower.signal import Signal
from qlint.network.raising.axes import Unfit
from qlint.tristate import Unknown

if TYPE_CHECKING:
    import numpy as np

    from qlint.files.tensors import Tensor

    Values = np.ndarray[Any, Any]

_DIGIT = 1 << 12
"""Positions are found digit by digit, as float32 counts exactly to 2^24 only."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A layer of which only the sizes of the learnables are known; a `LayerView`.

    Attributes:
        name: its full name.
        type: MATLAB's layer type.
        properties: in normal form.
        shapes: of its learnables, in MATLAB's order.
        digit: what of the positions the elements hold; None where the learnables are not to be read.
        asked: learnables that lowering asked for.
    """

    name: str
    type: str
    properties: Mapping[str, Any]
    shapes: Mapping[str, tuple[int, ...]]
    digit: Callable[[Values], Values] | None = None
    asked: set[str] = field(default_factory=set)

    def property(self, name: str) -> Any:
        """See `LayerView.property`."""
        return self.properties.get(name)

    def learnable(self, name: str) -> Tensor | None:
        """See `LayerView.learnable`; elements hold their positions from 1 on, so that 0 is none."""
        import numpy as np

        from qlint.files.tensors import Tensor

        shape = self.shapes.get(name)
        if shape is None:
            return None
        self.asked.add(name)
        digit = self.digit or (lambda places: places)

        def load() -> Values:
            places = np.arange(prod(shape), dtype=np.int64)
            return (digit(places) + 1).astype(np.float32).reshape(shape)

        return Tensor.lazy(name, "float", shape, load)

    def wrong(self, problem: str, remedy: str, *, property: str | None = None) -> NoReturn:
        """See `LayerView.wrong`.

        Raises:
            Unfit: always.
        """
        raise Unfit(problem)

    def lowered(self, inputs: Sequence[Signal]) -> tuple[list[Signal], Builder, LayerNodes]:
        """The layer's nodes on these inputs.

        Raises:
            Unfit: it cannot be lowered.
        """
        lowering = LOWERINGS.get(self.type)
        if lowering is None:
            raise Unfit(f"a {self.type} has no nodes of its own")
        builder = Builder()
        for signal in inputs:
            builder.claim(signal.tensor)
        nodes = LayerNodes(builder, self)
        return lowering(self, list(inputs), nodes), builder, nodes


def in_matlabs_order(pattern: Pattern, inputs: Sequence[Signal], key: str, values: Values) -> Values:
    """A learnable in MATLAB's order.

    Args:
        pattern: its layer.
        inputs: of the layer.
        key: the learnable, which is also what lowering calls the tensor.
        values: of that tensor, in ONNX's order.

    Raises:
        Unfit: the tensor holds anything but this learnable's elements in another order, and zeros.
    """
    import numpy as np

    shape = pattern.shapes.get(key)
    digits: list[Values] = []
    for digit in (lambda places: places % _DIGIT, lambda places: places // _DIGIT):
        probe = Pattern(pattern.name, pattern.type, pattern.properties, pattern.shapes, digit)
        made = probe.lowered(inputs)[2].made.get(key)
        found = Unknown(key) if made is None or shape is None else made.values()
        if isinstance(found, Unknown):
            raise Unfit(f"{key} of its nodes is not the layer's own")
        digits.append(found.reshape(-1))
    real = digits[0] > 0
    low, high = (digit[real].astype(np.int64) - 1 for digit in digits)
    places, flat = high * _DIGIT + low, values.reshape(-1)
    count = prod(shape or ())
    if flat.size != real.size or places.size != count or np.bincount(places, minlength=count).max(initial=0) > 1:
        raise Unfit(f"{key} is combined with others")
    if flat[~real].any():
        raise Unfit(f"{key} has more elements than the layer's own")
    array = np.empty(count, np.float32)
    array[places] = flat[real]
    return array.reshape(shape or ())
