"""What a model asks not to be told of: `ignore` of a description's layers, metadata of an ONNX file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeAlias

from qlint.diagnostics import Suppression

if TYPE_CHECKING:
    from qlint.files.description.records import Body, Description

KEY = "pkg.qlint.ignore"
"""Metadata of an ONNX model: lines of `MAT201: reason`."""

Suppressions: TypeAlias = Mapping[str, tuple[Suppression, ...]]
"""By layer id; under "" those that hold everywhere."""


def of_metadata(metadata: Mapping[str, str]) -> Suppressions:
    """Those of an ONNX model, which hold everywhere."""
    found = []
    for line in metadata.get(KEY, "").splitlines():
        code, _, reason = line.partition(":")
        if code.strip():
            found.append(Suppression(code.strip(), reason.strip()))
    return {"": tuple(found)} if found else {}


def of_description(description: Description) -> Suppressions:
    """Those of a description's layers; what stands at a networkLayer holds for the layers inside it too."""
    found: dict[str, tuple[Suppression, ...]] = {}
    pending: list[tuple[Body, str, tuple[Suppression, ...]]] = [(description.body, "", ())]
    while pending:
        body, prefix, around = pending.pop()
        for entry in body.layers.values():
            own = around
            for code, reason in entry.ignore.items():
                line, column = description.document.place((*entry.path, "ignore", code), key=True) or (None, None)
                own += (Suppression(code, reason, line, column),)
            if own:
                found[prefix + entry.name] = own
            if entry.nested is not None:
                pending.append((entry.nested, f"{prefix}{entry.name}/", own))
    return found
