"""Arrays of a MAT-file, version 7 or older; they are read whole, as the format has no directory.

Names of MATLAB variables cannot hold a slash. So the file holds one variable, `arrays`: a structure array with the
fields `name` ("conv_1/Weights") and `value`, as `arrays(k).name = ...; arrays(k).value = ...;` makes it.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

from qlint.files.description.arrayfile import ArrayFileError
from qlint.files.quoting import quoted
from qlint.files.source import FileOnDisk
from qlint.files.tensors import Tensor

SIZE_LIMIT = 1 << 31
"""Most bytes of a file that is read."""

VARIABLE = "arrays"
"""The one variable of the file."""

_MAKE = f"save it as a structure array {VARIABLE} with the fields name and value"


def tensors(file: FileOnDisk) -> Mapping[str, Tensor]:
    """The arrays of a MAT-file, by name, cast to float32.

    Raises:
        ArrayFileError: scipy is not installed, it is a MAT-file of version 7.3 or none, or holds something else.
        ModelError: it changed meanwhile, or cannot be read.
    """
    if file.size > SIZE_LIMIT:
        raise ArrayFileError(f"has more than {SIZE_LIMIT} bytes", "save the arrays as .npz")
    if b"MATLAB 7.3" in file.read(0, min(file.size, 128)):
        raise ArrayFileError("is of version 7.3", "save it with the option -v7, or save the arrays as .npz")
    try:
        from scipy.io import loadmat  # type: ignore[import-untyped, unused-ignore]
    except ImportError as error:
        remedy = "install onnx-qlint[matlab], which brings scipy, or save the arrays as .npz"
        raise ArrayFileError("needs scipy, which is not installed", remedy) from error
    try:
        content = loadmat(io.BytesIO(file.read(0, file.size)), variable_names=[VARIABLE])
    except Exception as error:  # scipy's reader raises whatever the damage leads to
        raise ArrayFileError("is no MAT-file, or is damaged", "save it again with the option -v7") from error
    return _named(content.get(VARIABLE))


def _named(table: Any) -> Mapping[str, Tensor]:
    import numpy as np

    fields = getattr(getattr(table, "dtype", None), "names", None) or ()
    if not {"name", "value"} <= set(fields):
        raise ArrayFileError(f"has no structure array {VARIABLE} with the fields name and value", _MAKE)
    found: dict[str, Tensor] = {}
    for record in table.reshape(-1):
        name, value = record["name"], record["value"]
        text = str(name.reshape(-1)[0]) if getattr(name, "size", 0) == 1 and name.dtype.kind == "U" else ""
        if not text:
            raise ArrayFileError("has an array without a name", _MAKE)
        if text in found:
            raise ArrayFileError(f"holds {quoted(text)} twice", "keep one of the two")
        if getattr(value, "dtype", np.dtype(object)).kind not in "fiub":
            raise ArrayFileError(f"holds {quoted(text)}, which is no array of real numbers", "save it as single")
        with np.errstate(over="ignore"):
            found[text] = Tensor.from_array(text, np.ascontiguousarray(value, np.float32))
    return found
