"""Descriptions from a text, and what they compute."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent
from typing import Any

import numpy as np

from qlint.files.description.read import read_description
from qlint.files.description.records import Body, Description
from qlint.network.lower.assemble import lower
from qlint.numeric.executor import Executor

Array = np.ndarray[Any, Any]


def described(text: str, folder: Path | None = None, **arrays: Array) -> Description:
    """A description; `arrays` go by `layer__learnable` into a file beside it, in `folder`."""
    path = (folder or Path("nowhere")) / "net.qnet.yaml"
    head = "schema: qlint.network/v1\n"
    if arrays:
        assert folder is not None
        np.savez(folder / "net.npz", **{name.replace("__", "/"): values for name, values in arrays.items()})
        head += "weights: net.npz\n"
    content = head + dedent(text)
    path.write_text(content) if folder is not None else None
    return read_description(path, content.encode())


def shown(body: Body) -> tuple[list[str], list[str] | None]:
    """Layers as `name:type`, and connections as `from>to`; None where they are left out."""
    layers = [f"{entry.name}:{entry.type}" for entry in body.layers.values()]
    wires = ["/".join(filter(None, (c.source.layer, c.source.port))) + ">"
             + "/".join(filter(None, (c.target.layer, c.target.port))) for c in body.connections]  # fmt: skip
    return layers, None if body.sequential else wires


def computed(description: Description, **feeds: Array) -> list[Array]:
    """The network's outputs, in order."""
    return list(Executor(lower(description).model).run(feeds).values())
