"""Writing prepared descriptions: the text that is edited, learnables beside it, copies, differences, saved patches."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qlint.errors import OutputError, UsageError
from qlint.files.suffixes import split_suffix

if TYPE_CHECKING:
    from qlint.files.description.edit import Changes
    from qlint.files.description.records import Body, Description, End
    from qlint.files.tensors import Tensor
    from qlint.preparing_described import PreparedDescription
    from qlint.transforms.described.base import Rewrite


def write_prepared(prepared: PreparedDescription, out: str) -> None:
    """Write a prepared description: what did not change keeps its text, learnables go beside it.

    Raises:
        UsageError: `out` has another ending than the description.
        OutputError: it cannot be written.
    """
    from qlint.files.description.difference import changes_between

    changes = changes_between(prepared.before, prepared.after)
    _expect_said(prepared, changes)
    _write(prepared.before, changes, arrays_of(prepared.after), out)


def _expect_said(prepared: PreparedDescription, changes: Changes) -> None:
    """Refuse an edited text that, read again, says something else than what was prepared and proven."""
    from qlint.files import jsonfile, yamlfile
    from qlint.files.description.edit import rewrite
    from qlint.files.description.read import SORT
    from qlint.files.description.structure import parts

    path = prepared.before.path
    parse = jsonfile.parse if path.lower().endswith(".json") else yamlfile.parse
    found = parts(parse(rewrite(prepared.before, changes), path, SORT))
    after = prepared.after
    if _said(found.body) != _said(after.body) or found.network_class != after.network_class:
        problem = "the edited text does not say what was prepared"
        raise OutputError(problem, "write the description anew with qlint convert, and report this", path=path)


def _said(body: Body) -> Any:
    """What a body says, without how it says it."""
    from qlint.files.description.text import layer_data

    layers = [
        (layer_data(replace(entry, nested=None)), entry.nested and _said(entry.nested))
        for entry in body.layers.values()
    ]
    return layers, sorted((_plain(wire.source), _plain(wire.target)) for wire in body.connections)


def _plain(end: End) -> tuple[str, str]:
    return end.layer, "" if end.port in ("in", "in1", "out", "out1") else end.port


def apply_to_description(path: str, patch: str, out: str) -> list[Rewrite]:
    """Apply a saved patch to the description it was made of; see `qlint.preparing.apply_patch`."""
    from qlint.files.description.read import read_description
    from qlint.transforms.described.patchfile import load

    description = read_description(Path(path))
    changes, arrays, rewrites = load(Path(patch), description)
    if rewrites:
        _write(description, changes, arrays, out)
    else:
        copy_description(description, out)
    return rewrites


def _write(description: Description, changes: Changes, arrays: Mapping[str, Tensor], out: str) -> None:
    from qlint.files.description.write import write_edited

    if split_suffix(out)[1].lower() != split_suffix(description.path)[1].lower():
        ending = split_suffix(description.path)[1]
        raise UsageError(f"{out} does not end as the description does", f"name it {ending}, or use qlint convert")
    write_edited(description, changes, arrays, Path(out))


def arrays_of(description: Description) -> dict[str, Tensor]:
    """All learnables of a description, by `<layer>/<learnable>`."""
    found = {name: description.arrays.find(*_split(name)) for name in description.arrays.names()}
    return {name: tensor for name, tensor in found.items() if tensor is not None}


def _split(name: str) -> tuple[str, str]:
    layer, _, learnable = name.rpartition("/")
    return layer, learnable


def text_difference(prepared: PreparedDescription, environment: str) -> str:
    """The change of the description's text as a unified diff; "" where it does not change."""
    from difflib import unified_diff

    from qlint.files.description.difference import changes_between
    from qlint.files.description.edit import rewrite

    before = prepared.before.document.text
    after = rewrite(prepared.before, changes_between(prepared.before, prepared.after))
    path = prepared.before.path
    lines = unified_diff(
        before.splitlines(keepends=True), after.splitlines(keepends=True), path, f"{path}, prepared for {environment}"
    )
    text = "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)
    return text + "".join(f"# new learnable {name}\n" for name in _changed_arrays(prepared))


def _changed_arrays(prepared: PreparedDescription) -> list[str]:
    before = prepared.before.arrays
    return [name for name, tensor in arrays_of(prepared.after).items() if before.find(*_split(name)) is not tensor]


def copy_description(description: Description, out: str) -> None:
    """Copy a description byte for byte, with its array file where OUT is in another folder.

    Raises:
        OutputError: it cannot be written.
    """
    from qlint.files.atomic import replaced
    from qlint.files.beside import Beside
    from qlint.files.write import copy_beside

    source, target = Path(description.path), Path(out)
    if description.weights is not None and os.path.realpath(source.parent) != os.path.realpath(target.parent):
        copy_beside({description.weights: Beside(source).find(description.weights)}, target)
    content = source.read_bytes()
    with replaced(target) as write:
        write([content], None)


def record(prepared: PreparedDescription) -> dict[str, Any] | None:
    """How a preparation was proven, as patches record it; None where there was nothing to prove."""
    found = prepared.verification
    return None if found is None else {key: getattr(found, key) for key in ("scope", "bound", "error", "inputs")}
