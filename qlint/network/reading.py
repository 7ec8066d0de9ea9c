"""Reading a network from whatever file holds it: an ONNX model or a network description."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from qlint.files.suffixes import is_description

if TYPE_CHECKING:
    from qlint.files.description.records import Description
    from qlint.files.model import Model
    from qlint.network.lower.assemble import Lowered
    from qlint.network.network import Network

Bind: TypeAlias = Mapping[str, int | list[int | str]]


@dataclass(frozen=True, slots=True, eq=False)
class Loaded:
    """A network's file, read.

    Attributes:
        model: its nodes; of a description those it was lowered to.
        described: the description and what it was lowered to; None for an ONNX model.
    """

    model: Model
    described: tuple[Description, Lowered] | None = None

    def network(self) -> Network:
        """Its layers."""
        if self.described is None:
            from qlint.network.lift import lift

            return lift(self.model)
        from qlint.network.described import describe

        return describe(*self.described)


def read(path: Path, *, data: bytes | None = None, bind: Bind | None = None) -> Loaded:
    """Read an ONNX model or, by its suffix, a network description; weights stay where they are.

    Args:
        path: the file; with `data` only its name, and where further files would lie.
        data: the file's bytes, if they are not to be read from `path`.
        bind: sizes of symbols (`{"N": 1}`) and inputs (`{"x": [1, 3, 224, 224]}`).

    Raises:
        ModelError: it cannot be read, or contradicts itself; of a description a `DescriptionError` with its place.
        UsageError: a binding contradicts the network.
    """
    if not is_description(path.name):
        from qlint.files.onnx_file import read_model

        return Loaded(read_model(path, data=data, bind=bind))
    from qlint.files.description.read import read_description
    from qlint.network.lower.assemble import lower

    description = read_description(path, data)
    lowered = lower(description, bind=bind)
    return Loaded(lowered.model, (description, lowered))
