"""Writing a model that was built in memory, with its weights read one at a time."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qlint.errors import OutputError
from qlint.files.atomic import replaced
from qlint.files.quoting import quoted
from qlint.files.tensors import Tensor
from qlint.files.write import ALIGNMENT
from qlint.tristate import Unknown

if TYPE_CHECKING:
    from onnx import ModelProto, TensorProto

LARGEST = (1 << 31) - (1 << 24)
"""Bytes of weights from which on they go into a file beside the model, as a message can hold no more than 2 GB."""


def write_export(proto: ModelProto, weights: Mapping[str, Tensor], out: Path, *, largest: int = LARGEST) -> None:
    """Write a model whose weights stand as graph inputs in its message; they become initializers.

    Args:
        proto: the model; it is not changed.
        weights: what becomes an initializer, by name.
        out: where it goes. Large weights go to `<stem>.<8 hex of their content>.data` beside it.
        largest: bytes of weights that the model's own file may hold.

    Raises:
        OutputError: values are not known, or a file cannot be written.
    """
    from onnx import ModelProto

    made = ModelProto()
    made.CopyFrom(proto)
    inputs = [given for given in made.graph.input if given.name not in weights]
    del made.graph.input[:]
    made.graph.input.extend(inputs)
    tensors = [_header(made, name, tensor) for name, tensor in weights.items()]
    if sum(tensor.nbytes for tensor in weights.values()) < largest:
        for target, tensor in zip(tensors, weights.values(), strict=True):
            target.raw_data = content(tensor)
    else:
        _beside(tensors, list(weights.values()), out)
    with replaced(out) as write:
        write([made.SerializeToString(deterministic=True)], None)


def _header(proto: ModelProto, name: str, tensor: Tensor) -> TensorProto:
    found: TensorProto = proto.graph.initializer.add(name=name, data_type=tensor.number)
    found.dims.extend(tensor.shape)
    return found


def content(tensor: Tensor) -> bytes:
    """A tensor's values as raw data.

    Raises:
        OutputError: they are not known.
    """
    from onnx import numpy_helper

    values = tensor.values()
    if isinstance(values, Unknown):
        raise OutputError(f"{quoted(tensor.name)} has no values", values.remedy or f"give {values.missing}")
    data: bytes = numpy_helper.from_array(values).raw_data
    return data


def _beside(tensors: list[TensorProto], weights: list[Tensor], out: Path) -> None:
    """Write tensors into a data file beside the model; their content is read twice, first for its name."""
    digest = hashlib.sha256()
    places: list[tuple[int, int]] = []
    end = 0
    for padding, data in _pieces(weights):
        digest.update(padding)
        digest.update(data)
        places.append((end + len(padding), len(data)))
        end += len(padding) + len(data)
    location = f"{out.stem}.{digest.hexdigest()[:8]}.data"
    with replaced(out.with_name(location)) as write:
        for padding, data in _pieces(weights):
            write([padding, data], None)
    for target, (offset, length) in zip(tensors, places, strict=True):
        target.data_location = target.EXTERNAL
        entries: dict[str, Any] = {"location": location, "offset": offset, "length": length}
        for key, value in entries.items():
            target.external_data.add(key=key, value=str(value))


def _pieces(weights: list[Tensor]) -> Iterator[tuple[bytes, bytes]]:
    end = 0
    for tensor in weights:
        data = content(tensor)
        padding = bytes(-end % ALIGNMENT)
        end += len(padding) + len(data)
        yield padding, data
