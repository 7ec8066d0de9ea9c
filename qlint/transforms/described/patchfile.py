"""Patches of network descriptions in a file: `qlint.patch/v1`, with layers and connections where others have nodes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qlint.errors import QlintError, StalePatchError
from qlint.files import jsonfile
from qlint.files.description.difference import changes_between
from qlint.files.description.edit import Changes
from qlint.files.description.read import SORT
from qlint.files.description.records import SCHEMA, Body, Connection, Description, End, LayerEntry
from qlint.files.description.structure import parts
from qlint.files.description.text import layer_data
from qlint.files.quoting import quoted
from qlint.files.tensors import Tensor
from qlint.transforms.described.base import Rewrite
from qlint.transforms.encoding import DAMAGED, Decoder, Encoder, Json, digest
from qlint.transforms.patchfile import decoder, read_document, save_document
from qlint.tristate import Unknown

if TYPE_CHECKING:
    from qlint.transforms.patch import Patch

_STALE = "make the patch again with qlint fix --patch on this description"


def save(
    path: Path, before: Description, after: Description, applied: Sequence[Rewrite | Patch], verification: Json
) -> None:
    """Write the patch that leads from one description to another. The bytes are always the same.

    Args:
        path: of the JSON file; large arrays go into an `.npz` beside it.
        before: as read.
        after: prepared.
        applied: what was done, in order.
        verification: how it was proven, as JSON; None where there was nothing to prove.

    Raises:
        OutputError: a file cannot be written.
    """
    encoder = Encoder()
    rewrites = [
        {"transform": each.transform, "class": each.klass, "id": each.id, "type": each.type, "title": each.title}
        for each in applied
    ]
    changes = [*_changes(before, after), *_arrays(before, after, encoder)]
    document = {"rewrites": rewrites, "changes": changes, "verification": verification}
    save_document(path, before.digest, document, encoder)


def _changes(before: Description, after: Description) -> Iterator[Json]:
    found = changes_between(before, after)
    entries, bodies = _listed(before.body)
    for name, replacing in found.layers.items():
        yield {
            "op": "replace-layer",
            "layer": name,
            "expect": layer_data(entries[name]),
            "entries": [layer_data(entry) for entry in replacing],
        }
    for name, wires in found.connections.items():
        body = bodies[name]
        expect = None if body.sequential else [_ends(wire) for wire in body.connections]
        yield {
            "op": "set-connections",
            "network": name,
            "expect": expect,
            "connections": [_ends(wire) for wire in wires],
        }
    if found.network_class is not None:
        yield {"op": "set-class", "expect": before.network_class, "class": found.network_class}


def _arrays(before: Description, after: Description, encoder: Encoder) -> Iterator[Json]:
    for name in sorted({*before.arrays.names(), *after.arrays.names()}):
        old, new = (_array(description, name) for description in (before, after))
        if old is new:
            continue
        yield {
            "op": "set-array",
            "name": name,
            "expect": None if old is None else digest(old.values()),
            "tensor": None if new is None else encoder.tensor(_values(new)),
        }


def _values(tensor: Tensor) -> Any:
    values = tensor.values()
    if isinstance(values, Unknown):
        raise QlintError(f"{values.missing} is not known", values.remedy)
    return values


def _array(description: Description, name: str) -> Tensor | None:
    layer, _, learnable = name.rpartition("/")
    return description.arrays.find(layer, learnable)


def _ends(wire: Connection) -> list[list[str]]:
    return [[wire.source.layer, wire.source.port], [wire.target.layer, wire.target.port]]


def _listed(body: Body) -> tuple[dict[str, LayerEntry], dict[str, Body]]:
    """All entries, and all networks within networks, by full name."""
    entries: dict[str, LayerEntry] = {}
    bodies = {"": body}
    pending = [("", body)]
    while pending:
        name, current = pending.pop()
        prefix = f"{name}/" if name else ""
        for entry in current.layers.values():
            entries[prefix + entry.name] = entry
            if entry.nested is not None:
                bodies[prefix + entry.name] = entry.nested
                pending.append((prefix + entry.name, entry.nested))
    return entries, bodies


def load(path: Path, description: Description) -> tuple[Changes, dict[str, Tensor], list[Rewrite]]:
    """Read the patch of a description.

    Args:
        path: of the patch file.
        description: that it is to be applied to.

    Returns:
        The changes, all arrays as they are to be, and what was done.

    Raises:
        StalePatchError: the description, an entry or an array is not what the patch expects.
        QlintError: the patch cannot be read.
    """
    try:
        document = read_document(path)
        if "changes" not in document:
            raise StalePatchError("the patch was made for an ONNX model", "apply it to that model")
        if document["model"]["digest"] != description.digest:
            raise StalePatchError(f"the patch was made for another description than {description.path}", _STALE)
        with decoder(path, document) as found:
            return _applied(document, description, found)
    except OSError as error:
        raise QlintError(f"it cannot be read: {error.strerror}", "check the path", path=path.as_posix()) from error
    except QlintError as error:
        error.at(path.as_posix())
        raise


def _applied(
    document: Json, description: Description, found: Decoder
) -> tuple[Changes, dict[str, Tensor], list[Rewrite]]:
    entries, bodies = _listed(description.body)
    arrays = {name: tensor for name in description.arrays.names() if (tensor := _array(description, name)) is not None}
    layers: dict[str, list[LayerEntry]] = {}
    connections: dict[str, list[Connection]] = {}
    network_class: str | None = None
    for change in document["changes"]:
        op = change["op"]
        if op == "replace-layer":
            old = entries.get(change["layer"])
            _expect(old is not None and _plain(layer_data(old)) == change["expect"], f"layer {quoted(change['layer'])}")
            layers[change["layer"]] = _entries(change["entries"])
        elif op == "set-connections":
            body = bodies.get(change["network"])
            wires = None if body is None or body.sequential else [_ends(wire) for wire in body.connections]
            _expect(body is not None and wires == change["expect"], "the list of connections")
            connections[change["network"]] = [
                Connection(End(*source), End(*target)) for source, target in change["connections"]
            ]
        elif op == "set-class":
            _expect(description.network_class == change["expect"], "the network's class")
            network_class = change["class"]
        else:
            _set_array(change, arrays, found)
    rewrites = [
        Rewrite(each["transform"], each["class"], each["id"], each["type"], each["title"])
        for each in document["rewrites"]
    ]
    return Changes(layers, connections, network_class), arrays, rewrites


def _set_array(change: Json, arrays: dict[str, Tensor], found: Decoder) -> None:
    name = change["name"]
    old = arrays.pop(name, None)
    _expect((None if old is None else digest(old.values())) == change["expect"], f"the learnable {quoted(name)}")
    if change["tensor"] is not None:
        arrays[name] = Tensor.from_array(name, found.tensor(change["tensor"]))


def _expect(holds: bool, what: str) -> None:
    if not holds:
        raise StalePatchError(f"{what} is not what the patch expects", _STALE)


def _plain(data: Any) -> Json:
    """Data as JSON has it."""
    return json.loads(json.dumps(data))


def _entries(data: list[Json]) -> list[LayerEntry]:
    """Entries from their data, read as a description's are."""
    if not data:
        return []
    text = json.dumps({"schema": SCHEMA, "layers": data})
    try:
        return list(parts(jsonfile.parse(text, "the patch", SORT)).body.layers.values())
    except QlintError as error:
        raise QlintError(f"it holds layers that are none: {error.problem}", DAMAGED) from error
