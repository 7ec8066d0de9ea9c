"""Writing an edited model: what was not touched stays as it is, weights are copied as byte ranges.

The weight-free copy of the file is edited as a protobuf message; the data that was left out of it is put back while the
result is written, so that the whole model is never in memory.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qlint.errors import ModelError, OutputError
from qlint.files.atomic import Piece, copied, replaced, unwritable
from qlint.files.external import ExternalFiles
from qlint.files.model import Model
from qlint.files.protos import Editor, raw_data
from qlint.files.quoting import quoted, text
from qlint.files.source import FileOnDisk, Source
from qlint.files.splice import splice
from qlint.files.tensors import Tensor
from qlint.files.wire import strip

if TYPE_CHECKING:
    from onnx import ModelProto, TensorProto

ALIGNMENT = 4096
"""Tensors in an external file begin at multiples of this, so that they can be mapped."""


def write_model(original: Path, model: Model, out: Path, *, data: bytes | None = None) -> None:
    """Write an edited model to `out`, atomically: the old file or the new one is there, whole, at any moment.

    External data stays external. Files of unchanged tensors are copied where `out` is in another folder; what changed
    goes into a file of its own beside `out`, named by its content. A model without edits is copied byte for byte.

    Args:
        original: the file that the model was read from.
        model: an edited copy of what was read.
        out: may be `original`.
        data: the file's bytes, if they were not read from `original`.

    Raises:
        ModelError: if the original cannot be read, or is not what it was.
        OutputError: if a file cannot be written, or another one is in the way.
    """
    from onnx import ModelProto

    with Source.open(original, data) as source:
        stripped = strip(source.buffer)
        source.close()
        if stripped.digest != model.digest:
            raise ModelError("it changed since it was read", "run again", path=original.as_posix())
        proto = ModelProto()
        proto.ParseFromString(stripped.content)
        before = {location: None for location, _ in _locations(proto, stripped.mark)}
        editor = Editor(proto, model, stripped.mark, len(stripped.payloads))
        try:
            changed = editor.edit()
        except (TypeError, ValueError) as error:
            problem = f"an edit cannot be written to an ONNX file: {str(error)[:160]}"
            raise OutputError(problem, "make the patch again", path=out.as_posix()) from error
        files = dict(_external_files(proto, source, stripped.mark))
        copy_beside(files, out)
        if not changed:
            _copy(source, out)
            return
        if before and editor.new:
            _externalize(proto, editor.new, stripped.mark, len(stripped.payloads), out)
            editor.new.clear()
        pieces = splice(proto.SerializeToString(deterministic=True), stripped.mark, stripped.payloads, editor.new)
        with replaced(out) as write:
            write(pieces, source)


def copy_model(original: Path, out: Path) -> None:
    """Copy a model byte for byte, with its external data where `out` is in another folder; atomically.

    Raises:
        ModelError: if the original cannot be read.
        OutputError: if a file cannot be written, or another one is in the way.
    """
    from onnx import ModelProto

    with Source.open(original) as source:
        stripped = strip(source.buffer)
        source.close()
        proto = ModelProto()
        proto.ParseFromString(stripped.content)
        copy_beside(dict(_external_files(proto, source, stripped.mark)), out)
        _copy(source, out)


def _copy(source: Source, out: Path) -> None:
    with replaced(out) as write:
        write([(0, source.size)], source)


def _tensors(message: Any) -> Iterator[TensorProto]:
    """Every tensor below a message, wherever it stands."""
    from onnx import TensorProto

    pending = [message]
    while pending:
        current = pending.pop()
        if isinstance(current, TensorProto):
            yield current
            continue
        for descriptor, value in current.ListFields():
            if descriptor.message_type is not None and descriptor.message_type.name in _HOLDERS:
                pending.extend(reversed(value) if descriptor.is_repeated else (value,))


_HOLDERS = {
    "AttributeProto", "FunctionProto", "GraphProto", "NodeProto", "SparseTensorProto", "TensorProto",
    "TrainingInfoProto",
}  # fmt: skip


def _locations(proto: ModelProto, mark: str) -> Iterator[tuple[str, str]]:
    """(location, tensor's name) of each tensor with data in another file."""
    for tensor in _tensors(proto):
        if tensor.data_location == tensor.EXTERNAL and not any(entry.key == mark for entry in tensor.external_data):
            for entry in tensor.external_data:
                if entry.key == "location":
                    yield text(entry.value), text(tensor.name)


def _external_files(proto: ModelProto, source: Source, mark: str) -> Iterator[tuple[str, FileOnDisk]]:
    external, seen = ExternalFiles(source), set()
    for location, name in _locations(proto, mark):
        if location not in seen:
            seen.add(location)
            yield location, external.locate(name, location, 0, None, 0).file


def copy_beside(files: dict[str, FileOnDisk], out: Path) -> None:
    """Bring files that a model or description names beside `out`, unless they are there.

    Args:
        files: by location, relative to the folder.
        out: where the model or description goes.

    Raises:
        OutputError: another file of that name is in the way, or one cannot be written.
    """
    for location, file in files.items():
        target = out.parent / location
        try:
            if target.exists():
                if os.path.samefile(target, file.path) or _same(target, file):
                    continue
                raise OutputError(
                    f"its data {quoted(location)} would overwrite another file of that name",
                    "choose a folder without it, or move it away",
                    path=out.as_posix(),
                )
            target.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise unwritable(target, error) from error
        copied(file, target)


def _same(target: Path, file: FileOnDisk) -> bool:
    """Whether two files hold the same bytes."""
    if not target.is_file() or target.stat().st_size != file.size:
        return False
    descriptor = file.open()
    with open(target, "rb") as one, os.fdopen(descriptor, "rb") as other:
        while block := one.read(1 << 22):
            if block != other.read(1 << 22):
                return False
    return True


def _holds(path: Path, digest: bytes) -> bool:
    """Whether a file holds the bytes with this SHA-256."""
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").digest() == digest
    except OSError:
        return False


def _externalize(proto: ModelProto, new: list[Tensor], mark: str, first: int, out: Path) -> None:
    """Write new tensors, marked from `first` on, into a data file beside `out`, and let their protos name it."""
    digest = hashlib.sha256()
    pieces: list[Piece] = []
    places: list[tuple[int, int]] = []
    end = 0
    for item in new:
        content = raw_data(item)
        padding = -end % ALIGNMENT
        places.append((end + padding, len(content)))
        pieces += [bytes(padding), content]
        digest.update(bytes(padding))
        digest.update(content)
        end += padding + len(content)
    location = f"{out.stem}.{digest.hexdigest()[:8]}.data"
    target = out.parent / location
    if not target.exists():
        with replaced(target) as write:
            write(pieces, None)
    elif not _holds(target, digest.digest()):
        raise OutputError("there is another file of this name", "move it away", path=target.as_posix())
    for tensor in _tensors(proto):
        index = next((int(entry.value) for entry in tensor.external_data if entry.key == mark), -1)
        if index >= first:
            del tensor.external_data[:]
            offset, length = places[index - first]
            for key, value in (("location", location), ("offset", str(offset)), ("length", str(length))):
                tensor.external_data.add(key=key, value=value)
