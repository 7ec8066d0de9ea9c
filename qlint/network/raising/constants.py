"""Constants of nodes as arrays in MATLAB's order, read when they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

from qlint.network.raising.axes import Placed, Unfit, numbers, ordered
from qlint.tristate import Unknown

if TYPE_CHECKING:
    import numpy as np

    from qlint.files.tensors import Tensor
    from qlint.network.scope import Scope

    Values = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class Constant:
    """A constant: its shape now, its values later.

    Attributes:
        shape: axis sizes.
        load: gives the values, or an `Unknown`.
    """

    shape: tuple[int, ...]
    load: Callable[[], Values | Unknown]

    def then(self, shape: Sequence[int], arrange: Callable[[Values], Values]) -> Constant:
        """The constant with its values rearranged.

        Args:
            shape: of what `arrange` gives.
            arrange: is given the values and gives others.
        """

        def load() -> Values | Unknown:
            values = self.load()
            return values if isinstance(values, Unknown) else arrange(values)

        return Constant(tuple(shape), load)

    def tensor(self, name: str) -> Tensor:
        """A float32 tensor of this name."""
        from qlint.files.tensors import Tensor

        def load() -> Values | Unknown:
            import numpy as np

            values = self.load()
            if isinstance(values, Unknown):
                return values
            return np.ascontiguousarray(np.asarray(values).reshape(self.shape), np.float32)

        return Tensor.lazy(name, "float", self.shape, load)

    def now(self) -> Values:
        """The values.

        Raises:
            Unfit: they are not known.
        """
        values = self.load()
        if isinstance(values, Unknown):
            raise Unfit(f"{values.missing} is not known")
        return values


def constant(scope: Scope, tensor: str) -> Constant:
    """The constant of a name.

    Raises:
        Unfit: it is computed, or a caller may override it.
    """
    parameter = scope.parameter(tensor)
    if parameter is None:
        raise Unfit(f"{tensor!r} is computed, where MATLAB's layer has a constant")
    if not parameter.constant:
        raise Unfit(f"a caller may override {tensor!r}, where MATLAB's layer has a constant")
    sizes = [size for size in parameter.shape or () if isinstance(size, int)]
    if parameter.shape is None or len(sizes) < len(parameter.shape):
        values = parameter.values()
        if isinstance(values, Unknown):
            raise Unfit(f"{values.missing} is not known")
        sizes = list(values.shape)
    return Constant(tuple(sizes), parameter.values)


def filled(value: float, *shape: int) -> Constant:
    """A constant of one number."""

    def load() -> Values:
        import numpy as np

        return np.full(shape, value, np.float32)

    return Constant(shape, load)


def known_constant(values: Values) -> Constant:
    """A constant whose values are at hand."""
    return Constant(values.shape, lambda: values)


def vector(found: Constant, count: int) -> Constant:
    """One number per channel; one for all is repeated.

    Raises:
        Unfit: it has another number of elements.
    """
    total = prod(found.shape)
    if total not in (1, count):
        raise Unfit(f"it has {total} numbers for {count} channels")

    def spread(values: Values) -> Values:
        import numpy as np

        return np.broadcast_to(values.reshape(-1), (count,))

    return found.then((count,), spread)


def expanding(found: Constant, placed: Placed) -> Constant:
    """A constant that ONNX expands to a tensor, in MATLAB's order.

    Returns:
        One of no axes where it is one number, of one axis where it has one number per channel, else of the axes of
        MATLAB's data format.

    Raises:
        Unfit: it differs from observation to observation, or is larger than the tensor.
    """
    if prod(found.shape) == 1:
        return found.then((), lambda values: values.reshape(()))
    axes = placed.known
    if len(found.shape) > len(axes):
        raise Unfit("its constant has more axes than its data")
    labels: list[str] = []
    shape: list[int] = []
    for axis, size in zip(axes, (*[1] * (len(axes) - len(found.shape)), *found.shape), strict=True):
        if size == 1:
            labels += axis
            shape += [1] * len(axis)
        elif len(axis) == 1:
            labels.append(axis[0])
            shape.append(size)
        else:
            labels += axis
            shape += numbers(placed.sizes, axis)
    if len(labels) < len(axes) and prod(shape) != prod(found.shape):
        raise Unfit("its constant is larger than its data")
    sizes = dict(zip(labels, shape, strict=True))
    if sizes.get("B", 1) != 1:
        raise Unfit("its constant differs from observation to observation")
    if all(size == 1 for label, size in sizes.items() if label != "C"):
        return found.then((sizes["C"],), lambda values: values.reshape(-1))
    order = [*[label for label in ordered(labels) if label.startswith("S")], "C", "B"]
    order += ["T"] if "T" in sizes else []
    sizes.setdefault("B", 1)
    final = [sizes[label] for label in order]

    def arrange(values: Values) -> Values:
        spread = values.reshape(shape if "B" in labels else [*shape, 1])
        return spread.transpose([[*labels, "B"].index(label) for label in order])

    return found.then(final, arrange)
