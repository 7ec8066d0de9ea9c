"""Patches in a file: `qlint.patch/v1`, JSON with large tensors in one `.npz` beside it."""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from qlint.errors import QlintError, StalePatchError
from qlint.files.atomic import replaced
from qlint.files.model import Model
from qlint.files.quoting import quoted
from qlint.files.source import LFS_HEAD
from qlint.transforms.apply import AppliedPatch, apply, editable
from qlint.transforms.encoding import DAMAGED, Array, Decoder, Encoder, Json, expectation, preconditions
from qlint.transforms.patch import Patch, SetMetadata
from qlint.transforms.run import Prepared

SCHEMA = "qlint.patch/v1"
SCHEMA_FILE = os.path.join(os.path.dirname(__file__), "schema", "qlint.patch.v1.schema.json")

DESCRIBED_SCHEMA_FILE = os.path.join(os.path.dirname(SCHEMA_FILE), "qlint.patch.v1.description.schema.json")
"""Of patches of network descriptions."""

JSON_LIMIT = 256 << 20
"""Largest patch that is read, without its tensors."""

_HEADER_LIMIT = 1 << 10
"""Most bytes that an array in an `.npz` takes beside its data."""

_STALE = "make the patch again with qlint fix --patch on this model"


def save(path: Path, model: Model, applied: Sequence[AppliedPatch], verification: Json = None) -> None:
    """Write patches, and an `.npz` of large tensors if there are any. The bytes are always the same.

    Args:
        path: of the JSON file.
        model: the model they were made for, as read.
        applied: in the order in which they were applied.
        verification: how they were proven, as JSON; None if they were not.

    Raises:
        OutputError: if a file cannot be written.
    """
    encoder = Encoder()
    patches = [encoder.patch(entry) for entry in applied]
    save_document(path, model.digest, {"patches": patches, "verification": verification}, encoder)


def store_of(path: Path) -> Path:
    """Where the tensors of a patch file go: `<name>.npz` beside it, as `<stem>.npz` may be a network's weights."""
    return path.with_name(f"{path.name}.npz")


def save_document(path: Path, digest: str, parts: dict[str, Json], encoder: Encoder) -> None:
    """Write a patch file, and the tensors that do not stand in it.

    Args:
        path: of the JSON file.
        digest: of what the patch is for.
        parts: what the document holds besides.
        encoder: what encoded the tensors of these.

    Raises:
        OutputError: if a file cannot be written.
    """
    store = store_of(path)
    document = {
        "schema": SCHEMA,
        "model": {"digest": digest},
        "tensors": store.name if encoder.store else None,
        **parts,
    }
    content = json.dumps(document, indent=1, ensure_ascii=True, allow_nan=False).encode() + b"\n"
    if encoder.store:
        buffer = io.BytesIO()
        np.savez(buffer, **encoder.store)  # type: ignore[arg-type]
        with replaced(store) as write:
            write([buffer.getvalue()], None)
    with replaced(path) as write:
        write([content], None)


def load(path: Path) -> tuple[Json, list[Patch]]:
    """Read a patch file.

    Returns:
        The document, and its patches.

    Raises:
        QlintError: if it cannot be read, is no patch, or its tensors are missing or not the ones that belong to it.
    """
    try:
        return _load(path)
    except OSError as error:
        raise QlintError(f"it cannot be read: {error.strerror}", "check the path", path=path.as_posix()) from error
    except QlintError as error:
        error.at(path.as_posix())
        raise


def apply_file(path: Path, model: Model) -> Prepared:
    """Apply a patch file to the model it was made for.

    Args:
        path: of the patch file.
        model: as read; it is not changed.

    Raises:
        StalePatchError: if the model, a node's operator, attribute or wire, or a weight is not what the patch expects.
        QlintError: if the file cannot be read.
    """
    document, patches = load(path)
    try:
        if document["model"]["digest"] != model.digest:
            raise StalePatchError(f"the patch was made for another model than {model.path}", _STALE)
        prepared = Prepared(editable(model))
        for data, patch in zip(document["patches"], patches, strict=True):
            applied = apply(prepared.model, patch)
            _compare(data, applied)
            prepared.applied.append(applied)
    except QlintError as error:
        error.at(path.as_posix())
        raise
    return prepared


def _compare(data: Json, applied: AppliedPatch) -> None:
    """Refuse where the model did not hold what the patch expects."""
    for operation, before in zip(data["operations"], applied.before, strict=True):
        if before is None:
            continue
        found, expected = expectation(before), operation["expect"]
        for fact, value in found.items():
            if value != expected[fact]:
                what = (
                    f"the metadata {quoted(before.key)}"
                    if isinstance(before, SetMetadata)
                    else f"{_fact(fact, value, expected[fact])} of the node {quoted(before.id)}"
                )
                raise StalePatchError(f"{what} is not what the patch expects", _STALE)
    if preconditions(applied) != data["preconditions"]:
        raise StalePatchError(
            f"constants around {quoted(applied.patch.id)} are not those that the patch expects", _STALE
        )


def _fact(fact: str, found: Json, expected: Json) -> str:
    """The fact that differs, in words."""
    if not isinstance(found, dict):
        return {"op_type": "the operator", "domain": "the operator's domain"}.get(fact, f"one of the {fact}")
    name = next((key for key in sorted({*found, *expected}) if found.get(key) != expected.get(key)), "")
    return f"the {'attribute' if fact == 'attributes' else 'constant'} {quoted(name)}"


def _load(path: Path) -> tuple[Json, list[Patch]]:
    document = read_document(path)
    if "patches" not in document:
        raise QlintError("the patch was made for a network description", "apply it to that description")
    with decoder(path, document) as found:
        return document, [found.patch(data) for data in document["patches"]]


def read_document(path: Path) -> Json:
    """The JSON of a patch file, checked against its schema.

    Raises:
        QlintError: if it cannot be read, or is no patch.
        OSError: if reading fails.
    """
    if not path.exists():
        raise QlintError("there is no such patch file", "check the path")
    if not path.is_file():
        raise QlintError("this is not a file", "give a patch that qlint fix --patch made")
    if path.stat().st_size > JSON_LIMIT:
        raise QlintError("the patch is too large to be read", DAMAGED)
    content = path.read_bytes()
    if content.startswith(LFS_HEAD):
        raise QlintError("it is a Git-LFS pointer, not the patch itself", "run git lfs pull")
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise QlintError("it is not a patch, or it is damaged", DAMAGED) from error
    _check(document)
    return document


@contextmanager
def decoder(path: Path, document: Json) -> Iterator[Decoder]:
    """What reads a document's records, with the tensors beside it.

    Raises:
        QlintError: if these are missing or damaged.
    """
    store = document["tensors"]
    if store is None:
        yield Decoder(_no_store)
        return
    beside = path.parent / store
    if not beside.is_file():
        raise QlintError(f"the patch's tensors are missing: {store}", "copy the file beside the patch")
    try:
        with zipfile.ZipFile(beside) as archive:
            yield Decoder(lambda key, length: _stored(archive, key, length))
    except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError, RuntimeError) as error:
        raise QlintError(f"{store} is damaged", DAMAGED) from error


def _check(document: Json) -> None:
    from jsonschema.exceptions import best_match

    described = isinstance(document, dict) and "changes" in document
    error = best_match(_validator(DESCRIBED_SCHEMA_FILE if described else SCHEMA_FILE).iter_errors(document))
    if error is not None:
        place = "/".join(map(str, error.absolute_path)) or "the document"
        raise QlintError(f"it is not a patch ({SCHEMA}): {place}: {error.message[:160]}", DAMAGED)


@cache
def _validator(path: str) -> Any:
    from jsonschema import Draft202012Validator

    with open(path, encoding="utf-8") as file:
        return Draft202012Validator(json.load(file))


def _no_store(key: str, length: int) -> Array:
    raise QlintError("the patch names a tensor and no file that holds it", DAMAGED)


def _stored(archive: zipfile.ZipFile, key: str, length: int) -> Array:
    """A tensor's bytes; what an archive holds beyond its length is not unpacked."""
    try:
        entry = archive.getinfo(f"{key}.npy")
    except KeyError as error:
        raise QlintError(f"the tensor {quoted(key)} is missing beside the patch", DAMAGED) from error
    if entry.file_size > length + _HEADER_LIMIT:
        raise QlintError(f"the tensor {quoted(key)} is larger than the patch says", DAMAGED)
    with archive.open(entry) as file:
        values: Array = np.lib.format.read_array(file, allow_pickle=False)
    if values.dtype != np.uint8 or values.ndim != 1:
        raise QlintError(f"the tensor {quoted(key)} is not stored as bytes", DAMAGED)
    return values
