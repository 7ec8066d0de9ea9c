"""Writing network descriptions, with their arrays beside them."""

from __future__ import annotations

import os
from collections.abc import Container, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from qlint.errors import OutputError
from qlint.files.atomic import replaced
from qlint.files.description.dump import dump
from qlint.files.description.edit import Changes, rewrite
from qlint.files.description.records import Body, Description, LayerEntry
from qlint.files.description.savez import content_hash, write_npz
from qlint.files.suffixes import DESCRIPTIONS
from qlint.files.tensors import Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Draft:
    """A new description.

    Attributes:
        body: layers and connections; paths in it mean nothing.
        network_class: `SeriesNetwork`, `DAGNetwork`, `dlnetwork` or `LayerGraph`.
        release: `R2025b`, or None.
        arrays: learnables in MATLAB's order, by `<layer>/<learnable>`.
    """

    body: Body
    network_class: str = "dlnetwork"
    release: str | None = None
    arrays: Mapping[str, Tensor] = field(default_factory=dict)


def write_description(draft: Draft, out: Path) -> None:
    """Write a new description: YAML, or JSON if its name ends in `.json`.

    The arrays go to `<stem>.<8 hex of their content>.npz` beside it and are there, whole, before the description is:
    whatever happens, a description never names arrays of another one.

    Raises:
        OutputError: it cannot be written, or says what descriptions cannot.
    """
    network = {"class": draft.network_class, **({"release": draft.release} if draft.release else {})}
    weights = _write_arrays(draft.arrays, out)
    text = dump(draft.body, network=network, weights=weights, as_json=out.suffix.lower() == ".json")
    _write_text(text, out)


def write_edited(description: Description, changes: Changes, arrays: Mapping[str, Tensor], out: Path) -> None:
    """Write a description with changes; the text of what did not change stays as it is.

    Learnables that stand in the text of layers which did not change stay there; all others are in the array file,
    which is written anew, or named as before where nothing in it changed.

    Args:
        description: as read.
        changes: to its layers, connections and class; `weights` is set here.
        arrays: all learnables as they are to be, by `<layer>/<learnable>`: the description's own where unchanged.
        out: where it goes; its name must have the description's ending.

    Raises:
        OutputError: it cannot be written, or says what descriptions cannot.
    """
    layers = dict(changes.layers)
    entries = _entries(description.body, "")
    for name in description.arrays.names():
        layer, _, learnable = name.rpartition("/")
        is_inline = description.arrays.place(layer, learnable) != ("weights",)
        if (
            is_inline
            and not _within(layer, layers)
            and arrays.get(name) is not description.arrays.find(layer, learnable)
        ):
            layers[layer] = [entries[layer]]
    inline = {
        name
        for name in description.arrays.names()
        for layer, _, learnable in [name.rpartition("/")]
        if not _within(layer, layers) and description.arrays.place(layer, learnable) != ("weights",)
    }
    filed = {name: tensor for name, tensor in arrays.items() if name not in inline}
    weights = None
    if not _as_before(description, filed, inline, out):
        weights = _write_arrays(filed, out) or ""
    text = rewrite(description, replace(changes, layers=layers, weights=weights))
    _write_text(text, out)


def _as_before(description: Description, filed: Mapping[str, Tensor], inline: set[str], out: Path) -> bool:
    """Whether the array file that the description names, which must be in the same folder, can stay."""
    before = [name for name in description.arrays.names() if name not in inline]
    same_folder = os.path.realpath(out.parent) == os.path.realpath(Path(description.path).parent)
    if sorted(filed) != before or not (same_folder or description.weights is None):
        return False
    return all(tensor is description.arrays.find(*_split(name)) for name, tensor in filed.items())


def _split(name: str) -> tuple[str, str]:
    layer, _, learnable = name.rpartition("/")
    return layer, learnable


def _within(layer: str, layers: Container[str]) -> bool:
    """Whether a layer, or a networkLayer around it, is one of these."""
    while layer:
        if layer in layers:
            return True
        layer = layer.rpartition("/")[0]
    return False


def _entries(body: Body, prefix: str) -> dict[str, LayerEntry]:
    found: dict[str, LayerEntry] = {}
    for entry in body.layers.values():
        found[prefix + entry.name] = entry
        if entry.nested is not None:
            found.update(_entries(entry.nested, f"{prefix}{entry.name}/"))
    return found


def _write_arrays(arrays: Mapping[str, Tensor], out: Path) -> str | None:
    """Write the array file of a description, and return its name; None where there are no arrays."""
    if not arrays:
        return None
    name = f"{stem(out)}.{content_hash(arrays)}.npz"
    try:
        name.encode()
    except UnicodeEncodeError as error:  # Python's stand-ins for bytes that the system's encoding does not have
        problem = "the description could not tell the name of its array file, which is no UTF-8"
        raise OutputError(problem, "name OUT in ASCII, or set a UTF-8 locale", path=out.as_posix()) from error
    write_npz(arrays, out.with_name(name))
    return name


def stem(out: Path) -> str:
    """A description's file name without its ending."""
    ending = next((ending for ending in DESCRIPTIONS if out.name.lower().endswith(ending)), out.suffix)
    return out.name[: len(out.name) - len(ending)] or "network"


def _write_text(text: str, out: Path) -> None:
    with replaced(out) as write:
        write([text.encode("utf-8")], None)
