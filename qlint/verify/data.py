"""Inputs from the user's files: `.npz` by name, `.npy` for a network with one input."""

from __future__ import annotations

import io
import os
import zipfile
from typing import Any

import numpy as np

from qlint.errors import ExecutionError, QlintError
from qlint.files.model import Graph, Shape
from qlint.numeric.feeds import checked

LARGEST = 1 << 32
"""Most bytes of values that are read from one file, however well it is compressed."""


def load(path: str, graph: Graph) -> dict[str, np.ndarray[Any, Any]]:
    """The values of a graph's inputs.

    Args:
        path: an `.npz` whose arrays have the names of inputs (any names where one array fits the only input).
        graph: whose inputs they are. Arrays of other names are left out; numbers are converted to an input's type.

    Raises:
        QlintError: it cannot be read, is too large, lacks an input, or holds what does not fit one.
    """
    try:
        arrays = _arrays(path)
    except QlintError as error:
        raise error.at(path) from error.__cause__
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, NotImplementedError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "it holds no plain numpy arrays"
        raise QlintError(
            f"the data cannot be read: {reason}", "write it with numpy.savez(FILE, name=array, ...)", path=path
        ) from error
    wanted = list(graph.inputs)
    if len(wanted) == 1 and wanted[0] not in arrays:
        fitting = [array for array in arrays.values() if _fits(array.shape, graph.inputs[wanted[0]].shape)]
        if len(fitting) == 1:
            arrays = {wanted[0]: fitting[0]}
    lacking = [name for name in wanted if name not in arrays]
    if lacking:
        found = ", ".join(arrays) or "none"
        problem = f"there is no array for input {lacking[0]!r} among {found}"
        raise QlintError(problem, f"name its arrays {', '.join(wanted)}", path=path)
    names = [name for name in arrays if name in graph.inputs or name in graph.overridable]
    values = {name: _typed(arrays[name], graph.types[name].type) for name in names}
    try:
        checked(graph, values, ())
    except ExecutionError as error:
        raise QlintError(error.problem, error.remedy, path=path) from error
    return values


def _arrays(path: str) -> dict[str, np.ndarray[Any, Any]]:
    if not zipfile.is_zipfile(path):
        size = os.path.getsize(path)
        if size > LARGEST:
            raise _too_large(size)
        with open(path, "rb") as file:
            return {"": np.lib.format.read_array(file, allow_pickle=False)}
    arrays = {}
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        size = sum(member.file_size for member in members)
        if size > LARGEST:
            raise _too_large(size)
        for member in members:
            with archive.open(member) as file:
                content = io.BytesIO(file.read(member.file_size))
            arrays[member.filename.removesuffix(".npy")] = np.lib.format.read_array(content, allow_pickle=False)
    return arrays


def _too_large(size: int) -> QlintError:
    return QlintError(f"it holds {size} bytes, more than the {LARGEST} that are read", "give fewer samples")


def _fits(found: tuple[int, ...], shape: Shape) -> bool:
    """Whether an array may be an input's: of its rank, and of its sizes where they are known."""
    if shape is None:
        return True
    return len(found) == len(shape) and all(
        size == wanted for size, wanted in zip(found, shape, strict=True) if isinstance(wanted, int)
    )


def _typed(array: np.ndarray[Any, Any], type: str | None) -> np.ndarray[Any, Any]:
    """The array in an input's type, where both are numbers; what does not fit stays as it is, to be refused."""
    from onnx import TensorProto, helper

    number = TensorProto.DataType.Value(type.upper()) if type else 0
    if not number or array.dtype.kind not in "biuf":
        return array
    wanted = helper.tensor_dtype_to_np_dtype(number)
    if wanted == array.dtype or (array.dtype.kind == "f" and wanted.kind in "iub"):
        return array
    return array.astype(wanted)
