"""What a lowering is given: a layer with its typed properties and learnables, and a builder of nodes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NoReturn, Protocol, TypeAlias

from qlint.network.lower.signal import Signal, Size

if TYPE_CHECKING:
    import numpy as np

    from qlint.files.tensors import Tensor


class LayerView(Protocol):
    """A described layer, as a lowering sees it."""

    @property
    def name(self) -> str:
        """Its full name (`outer/inner` inside a networkLayer)."""

    @property
    def type(self) -> str:
        """MATLAB's layer type."""

    def property(self, name: str) -> Any:
        """A property in its normal form (see `qlint.network.matlab`), with MATLAB's default where it is left out.

        None where neither is known ("auto").
        """

    def learnable(self, name: str) -> Tensor | None:
        """A learnable in MATLAB's order; None where the description gives none."""

    def wrong(self, problem: str, remedy: str, *, property: str | None = None) -> NoReturn:
        """Refuse the description at this layer, or at one of its properties or learnables.

        Raises:
            DescriptionError: always, with line and column.
        """


class Nodes(Protocol):
    """Builds the nodes of one layer. The last tensor it makes gets the layer's name where that is given as `output`."""

    def node(
        self,
        op_type: str,
        inputs: Sequence[str],
        *,
        output: str | None = None,
        outputs: int = 1,
        attributes: dict[str, Any] | None = None,
        domain: str = "",
    ) -> tuple[str, ...]:
        """A node of opset 21; returns the names of its outputs.

        Args:
            op_type: the operator.
            inputs: tensor names, "" for an omitted optional one.
            output: name of its first output; default: one made from the layer's name.
            outputs: how many it has.
            attributes: by name; left out where None.
            domain: "" for ONNX's own.
        """

    def input(self, format: str, shape: tuple[Size, ...] | None) -> Signal:
        """A network input of type float, which has the layer's name."""

    def constant(self, stem: str, values: np.ndarray) -> str:
        """A constant whose values are at hand (shapes, axes, scalars); returns its name, `<layer>/<stem>`."""

    def learnable(
        self,
        name: str,
        shape: tuple[int, ...],
        arrange: Callable[..., np.ndarray] | None = None,
        *,
        of: Sequence[str] = (),
    ) -> str:
        """A learnable in ONNX's order; returns its tensor's name, `<layer>/<name>`.

        It becomes an initializer whose values are read and arranged when they are asked for; where the description
        gives none they are Unknown.

        Args:
            name: MATLAB's name, or one for what is computed from several.
            shape: in ONNX's order.
            arrange: from MATLAB's order to ONNX's, in float32 or float64; default: a reshape.
            of: the learnables that `arrange` is called with, in order (None for one that the layer may lack: write its
                name with a `?` at the end); default: the one called `name`.
        """


Lowering: TypeAlias = Callable[[LayerView, list[Signal], Nodes], list[Signal]]
"""Makes the nodes of a layer and returns its outputs. The first output's tensor has the layer's name (of an input layer
that normalizes it is `<layer>/normalized`, as the network input has the layer's name), further ones `<layer>/<port>`
(`lstm/hidden`). A layer that passes its input on may return it as it is. Inputs come by port; a missing one has been
refused before, or is a network input."""


def known(layer: LayerView, size: Size, what: str) -> int:
    """A size that a lowering cannot do without.

    Raises:
        DescriptionError: it is not known.
    """
    if isinstance(size, int):
        return size
    layer.wrong(f"{what} of its input is not known", "give the input layer's size, or the property that says it")
