"""The order in which the layers of a description compute."""

from __future__ import annotations

from typing import NoReturn

from qlint.files.description.records import Body, Connection, Description
from qlint.files.order import in_turn
from qlint.files.quoting import quoted


def in_order(body: Body, description: Description) -> list[str]:
    """Names of the layers, each after those it reads from, otherwise in the order of the file.

    Raises:
        DescriptionError: the connections form a cycle.
    """
    names = list(body.layers)
    position = {name: index for index, name in enumerate(names)}
    into: dict[str, list[Connection]] = {name: [] for name in names}
    readers: list[list[int]] = [[] for _ in names]
    for connection in body.connections:
        into[connection.target.layer].append(connection)
        readers[position[connection.source.layer]].append(position[connection.target.layer])
    waiting = [len(into[name]) for name in names]
    ordered = [names[index] for index in in_turn(waiting, readers)]
    if len(ordered) < len(names):
        _refuse_cycle({name for name, count in zip(names, waiting, strict=True) if count}, into, description)
    return ordered


def _refuse_cycle(stuck: set[str], into: dict[str, list[Connection]], description: Description) -> NoReturn:
    """Walk back from any layer that waits until one comes again: it is on a cycle."""
    seen: dict[str, Connection] = {}
    name = min(stuck)
    while name not in seen:
        seen[name] = next(connection for connection in into[name] if connection.source.layer in stuck)
        name = seen[name].source.layer
    problem = f"the connections form a cycle through layer {quoted(name)}"
    description.wrong(seen[name].path, problem, "remove one of its connections")
