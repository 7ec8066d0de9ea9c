"""A network description as it was written: layers, connections, where each stands, and its arrays. No MATLAB here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

from qlint.errors import DescriptionError

if TYPE_CHECKING:
    from qlint.files.document import Document, Path
    from qlint.files.tensors import Tensor

SCHEMA = "qlint.network/v1"


class Arrays(Protocol):
    """The learnables of a description, inline or in the file beside it, in MATLAB's order."""

    def find(self, layer: str, learnable: str) -> Tensor | None:
        """A learnable, whose values are read when asked for; `layer` is the full name (`outer/inner` when nested)."""

    def names(self) -> tuple[str, ...]:
        """Names of all arrays, as `<layer>/<learnable>`, sorted."""

    def place(self, layer: str, learnable: str) -> Path:
        """Where an array comes from: its own path in the document, or that of `weights`."""


@dataclass(frozen=True, slots=True, eq=False)
class LayerEntry:
    """One entry of `layers:`.

    Attributes:
        name: unique among its siblings.
        type: MATLAB's layer type as written (`convolution2dLayer`).
        properties: as written, by MATLAB's names; plain data. Defaults are not filled in.
        ignore: rule code -> reason.
        path: where the entry stands in the document.
        nested: the network inside a `networkLayer`, or None.
        custom: whether the entry says that the type is the user's own, which no table knows.
    """

    name: str
    type: str
    properties: Mapping[str, Any]
    ignore: Mapping[str, str]
    path: Path
    nested: Body | None = None
    custom: bool = False


@dataclass(frozen=True, slots=True)
class End:
    """One end of a connection: a layer's name and its port ("out", "in2"; "" where none is written)."""

    layer: str
    port: str = ""


@dataclass(frozen=True, slots=True)
class Connection:
    """From one layer's output to another's input; `path` is where it stands, () where it is implied by the order."""

    source: End
    target: End
    path: Path = ()


@dataclass(frozen=True, slots=True, eq=False)
class Body:
    """Layers and what connects them.

    Attributes:
        layers: by name, in the order of the file.
        connections: as written, or each layer to the next.
        sequential: no connections were written.
    """

    layers: Mapping[str, LayerEntry]
    connections: tuple[Connection, ...]
    sequential: bool


@dataclass(frozen=True, slots=True, eq=False)
class Description:
    """A whole description.

    Attributes:
        path: as given, with `/`.
        digest: "sha256:..." of the text and of each array's name, type and shape.
        document: the parsed text, which knows the place of everything.
        network_class: `SeriesNetwork`, `DAGNetwork`, `dlnetwork` or `LayerGraph`.
        release: `R2025b`, or None.
        body: the layers.
        arrays: the learnables.
        weights: path of the array file as written, or None.
    """

    path: str
    digest: str
    document: Document
    network_class: str
    release: str | None
    body: Body
    arrays: Arrays
    weights: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)

    def wrong(self, path: Path, problem: str, remedy: str, *, key: bool = False) -> NoReturn:
        """Refuse the description because of what stands at `path` (of the key itself, not its value, with `key`).

        Raises:
            DescriptionError: always, with line and column.
        """
        line, column = self.document.place(path, key=key) or (1, 1)
        raise DescriptionError(problem, remedy, path=self.path, line=line, column=column)
