"""Which layer types or ONNX operators a rule or a table speaks of."""

from __future__ import annotations

import re
from collections.abc import Iterable

from qlint.files.yamlfile import Path
from qlint.rules.mistakes import Mistakes

_PATTERN = re.compile(r"!?(?:\*|[A-Za-z_][\w.:+-]*\*?)")


class LayerSet:
    """Layer types by name (`reluLayer`), by prefix (`onnx:*`) or all (`*`), less the excluded (`!onnx:Gather`).

    ONNX operators likewise: `Conv`, `Reduce*`.

    Attributes:
        names: as written.
    """

    __slots__ = ("_excluded", "_prefixes", "_types", "_unwanted", "names")

    def __init__(self, names: Iterable[str]) -> None:
        self.names = tuple(names)
        wanted = [name for name in self.names if not name.startswith("!")]
        excluded = [name[1:] for name in self.names if name.startswith("!")]
        self._types = frozenset(name for name in wanted if not name.endswith("*"))
        self._prefixes = tuple(name[:-1] for name in wanted if name.endswith("*"))
        self._unwanted = frozenset(name for name in excluded if not name.endswith("*"))
        self._excluded = tuple(name[:-1] for name in excluded if name.endswith("*"))

    def __contains__(self, type: str) -> bool:
        if type not in self._types and not type.startswith(self._prefixes):
            return False
        return type not in self._unwanted and not (self._excluded and type.startswith(self._excluded))

    def __repr__(self) -> str:
        return f"LayerSet({', '.join(self.names)})"

    @property
    def exact(self) -> frozenset[str]:
        """The types given by their whole name."""
        return self._types


def parse_layers(names: tuple[str, ...], path: Path, mistakes: Mistakes, *, what: str = "a layer type") -> LayerSet:
    """A `LayerSet` of a list in a rule file; `what` its names are, for messages."""
    seen: set[str] = set()
    for number, name in enumerate(names):
        if not _PATTERN.fullmatch(name):
            problem = f"{name[:60]!r} is not {what}"
            remedy = "write one, a prefix ending in *, * for all, or ! before one to exclude"
            mistakes.add((*path, number), problem, remedy)
        if name in seen:
            mistakes.add((*path, number), f"{name!r} occurs twice", "keep one of the two")
        seen.add(name)
    if names and all(name.startswith("!") for name in names):
        mistakes.add(path, "only exclusions are given", 'add the types they are taken from, or "*"')
    return LayerSet(names)
