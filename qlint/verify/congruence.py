"""Regions that are the same by construction but for tensors that were put in each other's places.

A bypass makes a layer read what lies before a dropout. The layer computes the same from the same, so what has to be
proven is that the dropout gives what it gets; the layer's weights need not be read.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

from qlint.files.model import Node, ValueType
from qlint.numeric.plan import reads
from qlint.verify.cut import Region

_NOT_DETERMINED = {
    "Bernoulli", "Dropout", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike",
}  # fmt: skip
"""Operators whose outputs may differ though their inputs are the same."""

_OMITTED = -1


def substitutions(before: Region, after: Region) -> list[tuple[str, str]] | None:
    """Pairs of tensors of the region before, whose equality makes the outputs of both regions equal.

    Returns:
        The pairs; empty where the regions are the same; None where they differ by more than such pairs.
    """
    numbers = _Numbers()
    mine, others = numbers.of(before), numbers.of(after)
    named = {number: name for name, number in mine.items()}
    makers = [{name: node for node in region.nodes for name in node.outputs if name} for region in (before, after)]
    found: dict[tuple[str, str], None] = {}
    pending = [(name, name) for name in before.outputs]
    seen = set(pending)
    while pending:
        one, other = pending.pop()
        if mine[one] == others[other]:
            continue
        first, second = makers[0].get(one), makers[1].get(other)
        if first is not None and second is not None and _same_operator(first, second):
            inner = [pair for pair in zip(first.inputs, second.inputs, strict=True) if pair != ("", "")]
            pending.extend(pair for pair in inner if pair not in seen)
            seen.update(inner)
        elif others[other] in named:
            found[one, named[others[other]]] = None
        else:
            return None
    return list(found)


def between(region: Region, inputs: dict[str, ValueType], outputs: tuple[str, ...]) -> Region:
    """The part of a region between some of its tensors, given with what is known of them, and its border."""
    needed = set(outputs) - inputs.keys()
    read: set[str] = set(outputs)
    nodes: list[Node] = []
    for node in reversed(region.nodes):
        if needed.isdisjoint(node.outputs):
            continue
        nodes.append(node)
        names = reads(node)
        read |= names
        needed |= names - inputs.keys()
    constants = {name: tensor for name, tensor in region.constants.items() if name in needed}
    border = {name: known for name, known in {**region.border, **inputs}.items() if name in read}
    return Region(nodes[::-1], constants, border, outputs)


def _same_operator(one: Node, other: Node) -> bool:
    """Whether two nodes compute the same output, of the same name, if their inputs are the same."""
    presence = [bool(name) for name in one.inputs] == [bool(name) for name in other.inputs]
    return presence and one.outputs == other.outputs and _operator(one) == _operator(other)


def _operator(node: Node) -> Hashable:
    settings = sorted((name, _setting(value)) for name, value in node.attributes.items())
    return node.op_type, node.domain, tuple(settings)


def _setting(value: Any) -> str:
    """An attribute's value; of tensors and graphs the identity, as regions of one network share what is unchanged."""
    if isinstance(value, bool | int | float | str) or (
        isinstance(value, list) and all(isinstance(item, int | float | str) for item in value)
    ):
        return repr(value)
    return f"#{id(value)}"


@dataclass(slots=True)
class _Numbers:
    """Numbers for tensors; those with the same number have the same values."""

    known: dict[Hashable, int] = field(default_factory=dict)

    def of(self, region: Region) -> dict[str, int]:
        found = {"": _OMITTED}
        found.update((name, self.number("border", name)) for name in region.border)
        found.update((name, self.number("constant", id(tensor))) for name, tensor in region.constants.items())
        for node in region.nodes:
            inputs = tuple(found[name] for name in node.inputs)
            own = node.outputs if node.domain or node.op_type in _NOT_DETERMINED else ()
            key = (_operator(node), inputs, own, len(node.outputs))
            found.update((name, self.number(key, place)) for place, name in enumerate(node.outputs) if name)
        return found

    def number(self, *key: Hashable) -> int:
        return self.known.setdefault(key, len(self.known))
