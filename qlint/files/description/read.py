"""Reading network descriptions."""

from __future__ import annotations

import hashlib
from pathlib import Path

from qlint.errors import DescriptionError
from qlint.files import jsonfile, yamlfile
from qlint.files.description.arrays import arrays_of
from qlint.files.description.records import Description
from qlint.files.description.structure import parts
from qlint.files.document import Document, Sort, check_size, decoded
from qlint.files.source import Source

SORT = Sort("network description", DescriptionError, 32 << 20, 64, placed=True)
"""A hundred thousand layers take about ten MB; larger learnables belong into an array file."""


def read_description(path: Path, data: bytes | None = None) -> Description:
    """Read a description: YAML, or JSON if its name ends in `.json`. Of arrays only names, types and shapes are read.

    Args:
        path: the file; with `data` only a name, and where the array file is looked for.
        data: its content, where it is already at hand (standard input).

    Raises:
        LfsPointerError: a Git-LFS pointer stands in the place of the description or of its arrays.
        DescriptionError: the description, or the arrays it names, cannot be read or make no sense; with line and
            column.
    """
    document = parsed(path, data)
    found = parts(document)
    arrays = arrays_of(document, path, found)
    summary = hashlib.sha256(document.digest.encode())
    for line in arrays.summary():
        summary.update(b"\n" + line.encode("utf-8", "backslashreplace"))
    return Description(
        path=document.path,
        digest=f"sha256:{summary.hexdigest()}",
        document=document,
        network_class=found.network_class,
        release=found.release,
        body=found.body,
        arrays=arrays,
        weights=found.weights,
    )


def parsed(path: Path, data: bytes | None = None) -> Document:
    """The text of a description as plain data.

    Raises:
        LfsPointerError: a Git-LFS pointer stands in its place.
        ModelError: it cannot be read.
        DescriptionError: it is neither YAML nor JSON.
    """
    shown = path.as_posix()
    if data is None and path.is_file() and path.stat().st_size == 0:
        data = b""
    with Source.open(path, data) as source:
        content = bytes(source.buffer[: SORT.size + 1])
    check_size(content, shown, SORT)
    text = decoded(content, shown, SORT)
    return (jsonfile.parse if path.suffix.lower() == ".json" else yamlfile.parse)(text, shown, SORT)
