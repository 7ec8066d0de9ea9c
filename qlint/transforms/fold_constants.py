"""fold-constants: learnables that nodes compute from constants become constants.

What reads a file for its weights finds none where a Transpose, a Cast or a weight normalization stands before them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from qlint.network.catalogue import entry_for
from qlint.network.view import View
from qlint.transforms.affine import Refused
from qlint.transforms.patch import Declined, Patch
from qlint.transforms.rewrite import Rewrite

if TYPE_CHECKING:
    from qlint.files.model import Node
    from qlint.transforms.base import Context

_SMALL = 1 << 18
"""Elements of a constant that may always be stored."""

_GROWTH = 4
"""How many times the elements that it is computed from a larger one may have."""


class FoldConstants:
    """Gives layers the learnables that nodes compute for them."""

    name = "fold-constants"

    def find(self, context: Context) -> Iterator[Patch | Declined]:
        """One patch or refusal for each learnable that is computed from constants, whoever reads it."""
        hidden: dict[str, list[tuple[Node, str, str]]] = {}
        roots: dict[str, str] = {}
        for node in context.graph.nodes:
            if node in context.scope.folded:
                continue
            entry = entry_for(View(node, context.scope))
            for learnable, place in entry.learnables.items() if entry is not None else ():
                name = node.inputs[place] if isinstance(place, int) and place < len(node.inputs) else ""
                if entry is not None and name and _is_hidden(context, name):
                    hidden.setdefault(_root(context, name, roots), []).append((node, learnable, entry.type))
        for name, readers in hidden.items():
            node, learnable, type = readers[0]
            try:
                yield self._patch(context, name, [reader for reader, _, _ in readers], learnable, type, roots)
            except Refused as refusal:
                yield Declined(self.name, context.id_of(node), type, str(refusal))

    def _patch(
        self, context: Context, name: str, readers: list[Node], learnable: str, type: str, roots: dict[str, str]
    ) -> Patch:
        rewrite = Rewrite(context)
        readers = list(dict.fromkeys(readers))
        source = name
        if _is_hidden(context, name):
            place = next(place for place, each in enumerate(readers[0].inputs) if roots.get(each) == name)
            values = rewrite.weights(readers[0], place, f"the {learnable}")
            _check_growth(context, name, values.size, f"the {learnable}")
            source = rewrite.tensor(name, values, values.dtype, f"the {learnable}")
        for reader in readers:
            places = [place for place, each in enumerate(reader.inputs) if roots.get(each) == name]
            rewrite.rewire(reader, dict.fromkeys(places, source))
        read = dict.fromkeys(each for reader in readers for each in reader.inputs if each)
        return Patch(
            transform=self.name,
            klass="exact" if context.origins.of(name).moved else "equivalent",
            id=context.id_of(readers[0]),
            type=type,
            title=f"fold its computed {learnable} into a constant",
            operations=tuple(rewrite.operations),
            inputs=tuple(each for each in read if not context.scope.is_static(each)),
            outputs=tuple(each for reader in readers for each in reader.outputs if each),
            graph=context.graph.path,
        )


def _is_hidden(context: Context, name: str) -> bool:
    """Whether nodes, here or outside, compute a constant, and from what is not quantized."""
    found = context.scope.parameter(name)
    if found is None:
        return context.producer(name) is not None and context.scope.is_static(name)
    computed = found.node is not None and found.node.op_type != "Constant"
    return computed and not context.origins.of(name).quantized


def _root(context: Context, name: str, roots: dict[str, str]) -> str:
    """The first of the constants that Identity nodes hand on as `name` which this graph can name; noted in `roots`."""
    passed, root = [name], name
    found = context.scope.parameter(name)
    while found is not None and found.node is not None and found.node.op_type == "Identity" and root not in roots:
        found = found.scope.parameter(found.node.inputs[0])
        if found is not None and context.scope.parameter(found.name) is found:
            root = found.name
            passed.append(root)
    root = roots.get(root, root)
    roots.update(dict.fromkeys(passed, root))
    return root


def _check_growth(context: Context, name: str, elements: int, what: str) -> None:
    """Keep what a few numbers describe, as those of a ConstantOfShape do, from filling the file.

    Raises:
        Refused: if a large constant has many times the elements that are stored for it.
    """
    stored = context.origins.of(name).elements
    if elements > _SMALL and elements > _GROWTH * stored:
        raise Refused(
            f"{what} would be {elements} numbers in the file, where {stored} are enough to compute them; store them as"
            " an initializer if it may grow"
        )


TRANSFORM = FoldConstants()
