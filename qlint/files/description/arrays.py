"""The learnables of a description: what stands in its text, and what stands in the file beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import NoReturn

from qlint.errors import DescriptionError, LfsPointerError, ModelError
from qlint.files.beside import Beside, UnreachableError
from qlint.files.description import matfile, npz
from qlint.files.description.arrayfile import ArrayFileError
from qlint.files.description.inline import inline_tensor
from qlint.files.description.structure import Parts
from qlint.files.document import Document, Path
from qlint.files.quoting import quoted
from qlint.files.source import LFS_HEAD, LFS_LARGEST
from qlint.files.tensors import Tensor
from qlint.suggest import did_you_mean

_READERS = {".npz": npz.tensors, ".mat": matfile.tensors}


@dataclass(frozen=True, slots=True, eq=False)
class DescribedArrays:
    """The arrays of a description, by `<layer>/<learnable>`.

    Attributes:
        tensors: all of them.
        paths: where in the document those stand that are inline.
    """

    tensors: Mapping[str, Tensor]
    paths: Mapping[str, Path]

    def find(self, layer: str, learnable: str) -> Tensor | None:
        """A learnable in MATLAB's order, its values cast to float32 when they are asked for; None if there is none."""
        return self.tensors.get(f"{layer}/{learnable}")

    def names(self) -> tuple[str, ...]:
        """Names of all arrays, sorted."""
        return tuple(sorted(self.tensors))

    def place(self, layer: str, learnable: str) -> Path:
        """Where an array comes from: its own path in the document, or that of `weights`."""
        return self.paths.get(f"{layer}/{learnable}", ("weights",))

    def summary(self) -> Iterator[str]:
        """A line for each array that is in a file: its name, type and shape."""
        for name in self.names():
            if name not in self.paths:
                tensor = self.tensors[name]
                yield f"{name} {tensor.type} {list(tensor.shape)}"


def arrays_of(document: Document, path: FilePath, parts: Parts) -> DescribedArrays:
    """Find a description's arrays without reading more than where they lie.

    Args:
        document: the description's text.
        path: the description's path; the array file lies beside it.
        parts: what the text says.

    Raises:
        LfsPointerError: a Git-LFS pointer stands in the array file's place.
        DescriptionError: the array file cannot be read, must not be, or holds what fits nowhere; or lists are ragged.
    """

    def refuse(path: Path, problem: str, remedy: str) -> NoReturn:
        line, column = document.place(path) or (1, 1)
        raise DescriptionError(problem, remedy, path=document.path, line=line, column=column)

    tensors: dict[str, Tensor] = {}
    if parts.weights is not None:
        tensors.update(_from_file(parts.weights, path, document, refuse))
    for name, (values, place) in parts.inline.items():
        if name in tensors:
            refuse(place, f"{quoted(name)} is also in {quoted(parts.weights or '')}", "keep one of the two")
        tensor = inline_tensor(name, values)
        if tensor is None:
            refuse(place, f"{quoted(name)} is no array", "write (nested) lists of numbers of equal lengths")
        if _holds_nan(tensor):
            refuse(place, f"{quoted(name)} holds a NaN", "write numbers, or null where the array is not known")
        tensors[name] = tensor
    for name in tensors:
        layer, _, learnable = name.rpartition("/")
        if layer not in parts.names or not learnable:
            problem = f"the array {quoted(name)} belongs to no layer"
            otherwise = "arrays are named <layer>/<learnable>; rename it, or leave it out"
            near = did_you_mean(layer, parts.names)
            refuse(("weights",), problem, near or otherwise)
    return DescribedArrays(tensors, {name: place for name, (_, place) in parts.inline.items()})


def _holds_nan(tensor: Tensor) -> bool:
    import numpy as np

    values = tensor.values()
    return isinstance(values, np.ndarray) and bool(np.isnan(values).any())


def _from_file(
    location: str, path: FilePath, document: Document, refuse: Callable[[Path, str, str], NoReturn]
) -> Mapping[str, Tensor]:
    """The arrays of the file that `weights` names."""
    where = ("weights",)
    reader = _READERS.get(FilePath(location).suffix.lower())
    if reader is None:
        refuse(where, f"{quoted(location)} is neither an .npz nor a .mat file", "save the arrays as .npz")
    try:
        file = Beside(path).find(location)
        if file.size < LFS_LARGEST and file.read(0, min(file.size, len(LFS_HEAD))) == LFS_HEAD:
            line, column = document.place(where) or (1, 1)
            raise LfsPointerError(
                f"{quoted(location)} is a Git-LFS pointer, not the arrays themselves",
                "run git lfs pull",
                path=document.path,
                line=line,
                column=column,
            )
        return reader(file)
    except UnreachableError as error:
        remedy = error.remedy or "the array file must lie beside the description, in its folder or below"
        refuse(where, f"the array file {quoted(location)} {error.what}", remedy)
    except ArrayFileError as error:
        refuse(where, f"the array file {quoted(location)} {error.what}", error.remedy)
    except LfsPointerError:
        raise
    except ModelError as error:
        refuse(where, error.problem, error.remedy)
