"""From the plain data of a description to its layers and connections."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NoReturn

from qlint.errors import DescriptionError
from qlint.files.description.records import SCHEMA, Body, Connection, End, LayerEntry
from qlint.files.document import Document, Path
from qlint.files.quoting import quoted
from qlint.suggest import did_you_mean

CLASSES = ("SeriesNetwork", "DAGNetwork", "dlnetwork", "LayerGraph")
"""What MATLAB has for networks."""

TOP_KEYS = ("schema", "network", "weights", "layers", "connections")
NETWORK_KEYS = ("class", "release")
BODY_KEYS = ("layers", "connections")
ENTRY_KEYS = ("name", "type", "learnables", "ignore", "Network", "custom")
"""Keys of a layer that are no properties."""


@dataclass(slots=True)
class Parts:
    """What a description's data say.

    Attributes:
        network_class: MATLAB's class; a dlnetwork where nothing is said.
        release: of MATLAB, or None.
        weights: the array file as written, or None.
        body: the layers.
        inline: learnables that stand in the text, by `<layer>/<learnable>`: what is written, and where.
        names: full names of all layers.
    """

    network_class: str
    release: str | None
    weights: str | None
    body: Body = field(init=False)
    inline: dict[str, tuple[Any, Path]] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)


def parts(document: Document) -> Parts:
    """Take a description's data apart.

    Raises:
        DescriptionError: something is missing, misspelt, doubled or of the wrong kind, at its place.
    """
    return _Structure(document).parts()


class _Structure:
    def __init__(self, document: Document) -> None:
        self.document = document

    def refuse(self, path: Path, problem: str, remedy: str, *, key: bool = False) -> NoReturn:
        line, column = self.document.place(path, key=key) or (1, 1)
        raise DescriptionError(problem, remedy, path=self.document.path, line=line, column=column)

    def parts(self) -> Parts:
        data = self.document.data
        if not isinstance(data, dict):
            self.refuse((), "this is no network description", f"begin with schema: {SCHEMA}")
        schema = data.get("schema")
        if schema is None:
            self.refuse((), "the description has no schema", f"begin with schema: {SCHEMA}")
        if schema != SCHEMA:
            self.refuse(("schema",), f"the schema is {_shown(schema)}", f"this qlint reads {SCHEMA}")
        self.check_keys(data, TOP_KEYS, (), "a description")
        network = data.get("network")
        network = {} if network is None else network
        if not isinstance(network, dict):
            self.refuse(("network",), f"network is {_shown(network)}", "write {class: dlnetwork, release: R2025b}")
        self.check_keys(network, NETWORK_KEYS, ("network",), "network")
        found = Parts(self.network_class(network), self.release(network), self.weights(data))
        found.body = self.body(data, (), "", found)
        return found

    def network_class(self, network: dict[str, Any]) -> str:
        written = network.get("class", "dlnetwork")
        if written not in CLASSES:
            remedy = "write one of " + ", ".join(CLASSES)
            if isinstance(written, str):
                remedy = did_you_mean(written, CLASSES, remedy)
            self.refuse(("network", "class"), f"the network's class is {_shown(written)}", remedy)
        return str(written)

    def release(self, network: dict[str, Any]) -> str | None:
        written = network.get("release")
        if written is None:
            return None
        if not isinstance(written, str) or not _is_release(written):
            self.refuse(("network", "release"), f"the release is {_shown(written)}", "write it as MATLAB does: R2025b")
        return written

    def weights(self, data: dict[str, Any]) -> str | None:
        written = data.get("weights")
        if written is not None and (not isinstance(written, str) or not written):
            self.refuse(("weights",), f"weights is {_shown(written)}", "write the name of an .npz file beside this one")
        return written

    def body(self, data: dict[str, Any], path: Path, prefix: str, found: Parts) -> Body:
        entries = data.get("layers")
        if not isinstance(entries, list) or not entries:
            where: Path = (*path, "layers") if "layers" in data else path
            self.refuse(where, "a network needs a list of layers", "write at least one under layers")
        layers: dict[str, LayerEntry] = {}
        for index, written in enumerate(entries):
            entry = self.entry(written, (*path, "layers", index), prefix, found)
            if entry.name in layers or prefix + entry.name in found.names:
                first = f"line {line[0]}" if (line := self.document.place(self.first(layers, entry))) else "above"
                problem = f"two layers are called {quoted(prefix + entry.name)}, the first at {first}"
                self.refuse((*path, "layers", index, "name"), problem, "rename one of them")
            layers[entry.name] = entry
            found.names.add(prefix + entry.name)
        written = data.get("connections")
        if written is None:
            names = list(layers)
            ends = [End(name) for name in names]
            chain = tuple(Connection(ends[i], ends[i + 1]) for i in range(len(ends) - 1))
            return Body(layers, chain, sequential=True)
        return Body(layers, self.connections(written, (*path, "connections"), layers), sequential=False)

    @staticmethod
    def first(layers: dict[str, LayerEntry], entry: LayerEntry) -> Path:
        return layers[entry.name].path if entry.name in layers else ()

    def entry(self, written: Any, path: Path, prefix: str, found: Parts) -> LayerEntry:
        if not isinstance(written, dict):
            self.refuse(path, f"a layer is {_shown(written)}", "write {name: relu_1, type: reluLayer}")
        name, type = (self.word(written, key, path) for key in ("name", "type"))
        custom = written.get("custom", False)
        if not isinstance(custom, bool):
            self.refuse((*path, "custom"), f"custom is {_shown(custom)}", "write true or false")
        full = prefix + name
        for learnable, values in self.mapping(written, "learnables", path).items():
            if values is not None:
                found.inline[f"{full}/{learnable}"] = (values, (*path, "learnables", learnable))
        ignore = self.mapping(written, "ignore", path)
        for code, reason in ignore.items():
            if not isinstance(reason, str) or not reason.strip():
                problem = f"{code} is ignored without a reason"
                self.refuse((*path, "ignore", code), problem, f"write why: {{{code}: reason}}")
        nested = None
        if written.get("Network") is not None:
            inner, below = written["Network"], (*path, "Network")
            if not isinstance(inner, dict):
                self.refuse(below, f"Network is {_shown(inner)}", "write {layers: [...], connections: [...]}")
            self.check_keys(inner, BODY_KEYS, below, "Network")
            nested = self.body(inner, below, f"{full}/", found)
        properties = {key: value for key, value in written.items() if key not in ENTRY_KEYS}
        return LayerEntry(name, type, properties, ignore, path, nested, custom)

    def word(self, written: dict[str, Any], key: str, path: Path) -> str:
        value = written.get(key)
        if key not in written:
            example = "reluLayer" if key == "type" else "relu_1"
            self.refuse(path, f"a layer has no {key}", f"add {key}: {example}, say")
        if not isinstance(value, str) or not value.strip() or not value.isprintable():
            self.refuse((*path, key), f"the {key} of a layer is {_shown(value)}", "write a text, in quotes if need be")
        return value

    def mapping(self, written: dict[str, Any], key: str, path: Path) -> dict[str, Any]:
        value = written.get(key)
        if value is None:
            return {}
        if not isinstance(value, dict):
            what = "{Weights: [...]}" if key == "learnables" else "{MAT201: reason}"
            self.refuse((*path, key), f"{key} is {_shown(value)}", f"write {what}")
        return value

    def connections(self, written: Any, path: Path, layers: dict[str, LayerEntry]) -> tuple[Connection, ...]:
        if not isinstance(written, list):
            self.refuse(path, f"connections is {_shown(written)}", "write a list of [from, to] pairs")
        found = []
        for index, pair in enumerate(written):
            where = (*path, index)
            if not isinstance(pair, list) or len(pair) != 2 or not all(isinstance(end, str) for end in pair):
                self.refuse(where, f"a connection is {_shown(pair)}", "write [from, to], both texts")
            source, target = (self.end(word, (*where, side), layers) for side, word in enumerate(pair))
            found.append(Connection(source, target, where))
        return tuple(found)

    def end(self, word: str, path: Path, layers: dict[str, LayerEntry]) -> End:
        """The layer and port that one end of a connection names; names may themselves contain slashes."""
        if word in layers:
            return End(word)
        name, _, port = word.rpartition("/")
        if name in layers and port:
            return End(name, port)
        near = did_you_mean(name or word, layers)
        if near and port and name:
            near += f" A port is written {next(iter(layers))}/{port}"
        otherwise = "write a layer's name, with /in2 or /out2 for a further port"
        self.refuse(path, f"there is no layer {quoted(word)}", near or otherwise)

    def check_keys(self, data: dict[str, Any], known: tuple[str, ...], path: Path, what: str) -> None:
        for key in data:
            if key not in known:
                remedy = did_you_mean(key, known, "it may have " + ", ".join(known))
                self.refuse((*path, key), f"{what} has no key {quoted(key)}", remedy, key=True)


def _is_release(word: str) -> bool:
    return len(word) == 6 and word[:3] == "R20" and word[3:5].isdecimal() and word[5] in "ab"


def _shown(value: Any) -> str:
    """A value as a message shows it, on one line and never long."""
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, dict | list):
        return ("an empty " if not value else "a ") + ("mapping" if isinstance(value, dict) else "list")
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
