"""What changed between a description as read and as it is to be, for the writer that edits its text."""

from __future__ import annotations

from collections.abc import Sequence

from qlint.files.description.edit import Changes
from qlint.files.description.records import Body, Connection, Description, LayerEntry


def changes_between(before: Description, after: Description) -> Changes:
    """The changes that lead from one description to the other.

    Args:
        before: as read.
        after: made of it; entries that are the very same objects did not change.
    """
    layers: dict[str, Sequence[LayerEntry]] = {}
    connections: dict[str, Sequence[Connection]] = {}
    pending: list[tuple[str, Body, Body]] = [("", before.body, after.body)]
    while pending:
        name, old, new = pending.pop()
        if new is old:
            continue
        prefix = f"{name}/" if name else ""
        for own, group in _groups(old, new, pending, prefix):
            layers[prefix + own] = group
        if not new.sequential and (old.sequential or _written(old) != _written(new)):
            connections[name] = new.connections
    is_other = after.network_class != before.network_class
    return Changes(layers, connections, after.network_class if is_other else None)


def _groups(
    old: Body, new: Body, pending: list[tuple[str, Body, Body]], prefix: str
) -> list[tuple[str, list[LayerEntry]]]:
    """For each layer that does not stay as it is, the entries that take its place; new ones go with the one before."""
    found: list[tuple[str, list[LayerEntry]]] = []
    entries = list(new.layers.values())
    at = 0
    for own, entry in old.layers.items():
        if at < len(entries) and _same(entry, entries[at]):
            if entries[at] is not entry and entry.nested is not None:
                pending.append((prefix + own, entry.nested, entries[at].nested or entry.nested))
            at += 1
            continue
        group: list[LayerEntry] = []
        while at < len(entries) and (entries[at].name == own or entries[at].name not in old.layers):
            group.append(entries[at])
            at += 1
        found.append((own, group))
    return found


def _same(old: LayerEntry, new: LayerEntry) -> bool:
    """Whether an entry stays: itself, or itself around another network."""
    if new is old:
        return True
    return (
        old.nested is not None
        and new.nested is not None
        and new.nested is not old.nested
        and (new.name, new.type, new.properties, new.ignore) == (old.name, old.type, old.properties, old.ignore)
    )


def _written(body: Body) -> list[tuple[str, str, str, str]]:
    return sorted((c.source.layer, c.source.port, c.target.layer, c.target.port) for c in body.connections)
