"""Editing the text of a description: what is not touched stays byte for byte, comments and order included."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from qlint.errors import OutputError
from qlint.files.description.records import Body, Connection, Description, LayerEntry
from qlint.files.description.text import connection_data, json_line, layer_data, yaml_line
from qlint.files.document import Path

_OTHER_ENDS = re.compile("\r(?!\n)|[\x85\u2028\u2029]")
_DASH = re.compile(r"^[ ]*-(?=[ \t\r\n]|$)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Changes:
    """What is to change.

    Attributes:
        layers: by full name, the entries that take a layer's place: none removes it, itself among others inserts them.
        connections: by full name of the networkLayer around them ("" for the whole network), all connections as they
            are to be. A network without written connections, whose layers still feed each other in order, needs none.
        network_class: MATLAB's class of the network, where it changes.
        weights: name of the array file, where it changes; "" removes it.
    """

    layers: Mapping[str, Sequence[LayerEntry]] = field(default_factory=dict)
    connections: Mapping[str, Sequence[Connection]] = field(default_factory=dict)
    network_class: str | None = None
    weights: str | None = None


def rewrite(description: Description, changes: Changes) -> str:
    """The text of a description with changes made.

    Args:
        description: as read.
        changes: to make. Connections that remain keep their text.

    Raises:
        OutputError: there is no layer of a name, all layers are removed, or what a description cannot say.
    """
    editor = _Editor(description)
    bodies = dict(_bodies(description.body, "", (), changes.layers))
    todo = dict(changes.layers)
    for name, (body, path) in bodies.items():
        prefix = f"{name}/" if name else ""
        mine = {own: todo.pop(prefix + own) for own in body.layers if prefix + own in todo}
        if mine:
            editor.layers(body, path, mine)
        if name in changes.connections:
            names = {entry.name for own in body.layers for entry in mine.get(own, (body.layers[own],))}
            editor.connections(body, path, changes.connections[name], dict.fromkeys(names))
    unknown = next(iter({*todo, *(name for name in changes.connections if name not in bodies)}), None)
    if unknown is not None:
        raise OutputError(f"the description has no layer {unknown!r} to change", "read it again")
    if changes.network_class is not None:
        editor.network_class(changes.network_class)
    if changes.weights is not None:
        editor.top("weights", changes.weights or None)
    return editor.text()


def _bodies(body: Body, name: str, path: Path, replaced: Container[str]) -> list[tuple[str, tuple[Body, Path]]]:
    """All networks within networks, by full name, except in layers that are replaced as a whole."""
    found: list[tuple[str, tuple[Body, Path]]] = [(name, (body, path))]
    for entry in body.layers.values():
        full = f"{name}/{entry.name}" if name else entry.name
        if entry.nested is not None and full not in replaced:
            found += _bodies(entry.nested, full, (*entry.path, "Network"), replaced)
    return found


class _Editor:
    """Gathers replacements of ranges of the text, none of which overlap."""

    def __init__(self, description: Description) -> None:
        self.document: Final = description.document
        self.old: Final = description.document.text
        if _OTHER_ENDS.search(self.old):
            raise OutputError("the description has line ends other than LF and CRLF", "save it with LF")
        self.newline = "\r\n" if "\r\n" in self.old else "\n"
        self.line = json_line if description.path.lower().endswith(".json") else yaml_line
        self.edits: list[tuple[int, int, str]] = []

    def text(self) -> str:
        parts, at = [], 0
        for start, end, replacement in sorted(self.edits, key=lambda edit: edit[:2]):
            parts += [self.old[at:start], replacement]
            at = end
        return "".join([*parts, self.old[at:]])

    def replace(self, start: int, end: int, replacement: str) -> None:
        self.edits.append((start, end, replacement))

    def layers(self, body: Body, path: Path, changed: Mapping[str, Sequence[LayerEntry]]) -> None:
        """Put other entries in the place of layers."""
        texts = [
            [self.line(layer_data(entry)) for entry in changed[name]] if name in changed else None
            for name in body.layers
        ]
        if all(text == [] for text in texts):
            raise OutputError("all layers of a network are removed", "keep one")
        self.items((*path, "layers"), texts, [])

    def connections(self, body: Body, path: Path, wanted: Sequence[Connection], names: Mapping[str, Any]) -> None:
        """Remove connections that are not wanted any more and add new ones."""
        pairs = [connection_data(connection, names) for connection in wanted]
        if body.sequential:
            self.key(path, "connections", pairs)
            return
        left = Counter(map(tuple, pairs))
        texts: list[list[str] | None] = []
        for connection in body.connections:
            pair = tuple(self.read(connection.path))
            texts.append(None if left[pair] else [])
            left[pair] -= bool(left[pair])
        where = (*path, "connections")
        if not texts or all(text == [] for text in texts):
            self.value(where, pairs)
        else:
            self.items(where, texts, [self.line(pair) for pair in left.elements()])

    def read(self, path: Path) -> Any:
        here = self.document.data
        for step in path:
            here = here[step]
        return here

    def items(self, path: Path, texts: Sequence[Sequence[str] | None], added: Sequence[str]) -> None:
        """Change the items of a list.

        Args:
            path: of the list.
            texts: for each item None where it stays, else what takes its place.
            added: further items for its end.
        """
        spans = [self.document.span((*path, index)) for index in range(len(texts))]
        change = self.enclosed_items if self.document.enclosed(path) else self.dashed_items
        change(path, spans, texts, added)

    def enclosed_items(
        self, path: Path, spans: list[tuple[int, int]], texts: Sequence[Sequence[str] | None], added: Sequence[str]
    ) -> None:
        last = max(index for index, text in enumerate(texts) if text is None or text)
        between = self.old[spans[0][1] : spans[1][0]] if len(spans) > 1 else ", "
        if between.strip() != ",":
            between = ", "
        for index, text in enumerate(texts):
            start, end = spans[index]
            if text:
                self.replace(start, end, between.join(text))
            elif text is not None and index < last:
                self.replace(start, spans[index + 1][0], "")
        if last + 1 < len(texts):
            self.replace(spans[last][1], spans[-1][1], "")
        if added:
            self.replace(spans[-1][1], spans[-1][1], between + between.join(added))

    def dashed_items(
        self, path: Path, spans: list[tuple[int, int]], texts: Sequence[Sequence[str] | None], added: Sequence[str]
    ) -> None:
        before = self.line_start(self.document.span(path)[0])
        for index, (start, end) in enumerate(spans):
            *_, dash = _DASH.finditer(self.old, before, start)
            text = texts[index]
            lead = dash.group() + " "
            if text:
                self.replace(start, end, f"{self.newline}{lead}".join(text))
            after = [lead + item for item in added] if index == len(spans) - 1 else []
            if text == []:
                lines = "".join(line + self.newline for line in after)
                self.replace(dash.start(), self.line_end(end), lines)
            elif after:
                self.append(self.line_end(end), after)
            before = end

    def append(self, at: int, lines: Sequence[str]) -> None:
        """Insert whole lines at the beginning of a line, or at the end of a text that lacks the last newline."""
        text = "".join(line + self.newline for line in lines)
        if at and self.old[at - 1] != "\n":
            text = self.newline + text.removesuffix(self.newline)
        self.replace(at, at, text)

    def line_start(self, at: int) -> int:
        return self.old.rfind("\n", 0, at) + 1

    def line_end(self, at: int) -> int:
        """The beginning of the line after the one that the character before `at` stands in."""
        if at and self.old[at - 1] == "\n":
            return at
        found = self.old.find("\n", at)
        return len(self.old) if found < 0 else found + 1

    def network_class(self, name: str) -> None:
        network = self.document.data.get("network")
        if network:
            self.key(("network",), "class", name)
        else:
            self.top("network", {"class": name})

    def top(self, key: str, value: Any) -> None:
        """Set, add or (with None) remove a key of the whole description."""
        if key not in self.document.data:
            if value is not None:
                self.key((), key, value, after="network" if "network" in self.document.data else "schema")
        elif value is None:
            self.value((key,), None)
        else:
            self.value((key,), value)

    def value(self, path: Path, value: Any) -> None:
        """Put another value in the place of one that is there."""
        start, end = self.document.span(path)
        text = self.line(value)
        while end > start and self.old[end - 1] in "\r\n \t":
            end -= 1
        key_end = self.document.span(path, key=True)[1]
        if "\n" in self.old[key_end:start] and not self.document.enclosed(path):
            start = key_end + 1 + self.old[key_end:start].index(":")
            text = f" {text}"
        elif start == end:
            text = f" {text}"
        self.replace(start, end, text)

    def key(self, path: Path, key: str, value: Any, *, after: str | None = None) -> None:
        """Set a key of a mapping that has others; a new one goes behind `after`, else to the end."""
        if key in self.read(path):
            self.value((*path, key), value)
            return
        others = list(self.read(path))
        anchor = after if after is not None else others[-1]
        start = self.document.span((*path, anchor), key=True)[0]
        end = self.document.span((*path, anchor))[1]
        name = f'"{key}"' if self.line is json_line else key
        if self.document.enclosed(path):
            gap = ", "
            if len(others) > 1:
                first = self.document.span((*path, others[0]))[1]
                second = self.document.span((*path, others[1]), key=True)[0]
                gap = self.old[first:second] if self.old[first:second].strip() == "," else gap
            self.replace(end, end, f"{gap}{name}: {self.line(value)}")
            return
        column = start - self.line_start(start)
        self.append(self.line_end(end), [" " * column + f"{name}: {self.line(value)}"])
