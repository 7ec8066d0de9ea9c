"""One described layer run on random data of any format, in MATLAB's order: [h w c n] for "SSCB"."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from qlint.network.lower.assemble import Lowered
from qlint.network.matlab import ports
from qlint.numeric.executor import Executor
from tests.network.lower import describing
from tests.network.lower.describing import Array, onnx_order, random, source

SIZES = {"SSCB": (2, 5, 4, 3), "SSSCB": (2, 5, 3, 4, 6), "CB": (4, 3), "CBT": (4, 3, 6), "SCBT": (5, 4, 3, 2)}
SIZES |= {"SCB": (5, 4, 3), "SSCBT": (2, 5, 4, 3, 6)}
FORMATS = list(SIZES)


def lowered(layer: Mapping[str, Any], *inputs: tuple[str, Array], arrays: Mapping[str, Array] | None = None) -> Lowered:
    """A layer called `it` whose inputs, x1 on, have these formats and sizes.

    The numbers of observations and of time steps are left open, the latter only where all inputs have the same.
    """
    steps = {x.shape[format.index("T")] for format, x in inputs if "T" in format}
    left_open = "BT" if len(steps) < 2 else "B"
    sources = [source(format, x, f"x{at}", open=left_open) for at, (format, x) in enumerate(inputs, start=1)]
    names, _ = ports(layer["type"], {"NumInputs": len(inputs), **layer})
    return describing.lowered(
        [*sources, {"name": "it", **layer}],
        {f"it/{name}": array for name, array in (arrays or {}).items()},
        [(entry["name"], f"it/{port}") for entry, port in zip(sources, names, strict=False)],
    )


def run(
    layer: Mapping[str, Any], *inputs: tuple[str, Array], arrays: Mapping[str, Array] | None = None
) -> list[tuple[str, Array]]:
    """Format and values of each of a layer's outputs, from formats and values of its inputs."""
    made = lowered(layer, *inputs, arrays=arrays)
    outputs = [*made.layers["it"].outputs.values()]
    feeds = {f"x{at}": x.transpose(onnx_order(format)) for at, (format, x) in enumerate(inputs, start=1)}
    computed = Executor(made.model).run(feeds, outputs=[signal.tensor for signal in outputs])
    for signal in outputs:
        value = computed[signal.tensor]
        assert value.dtype == np.float32
        assert signal.shape is not None and value.ndim == len(signal.shape)
        for size, found in zip(signal.shape, value.shape, strict=True):
            assert not isinstance(size, int) or size == found, (signal, value.shape)
    orders = [np.argsort(onnx_order(signal.format)) for signal in outputs]
    return [
        (signal.format, computed[signal.tensor].transpose(order)) for signal, order in zip(outputs, orders, strict=True)
    ]


def one(
    layer: Mapping[str, Any],
    *inputs: tuple[str, Array],
    arrays: Mapping[str, Array] | None = None,
    format: str | None = None,
) -> Array:
    """The one output of a layer, which has the first input's format or `format`."""
    ((found, value),) = run(layer, *inputs, arrays=arrays)
    assert found == (format or inputs[0][0])
    return value


def data(format: str, seed: int = 0) -> Array:
    """Random data of a format, no two axes of equal size."""
    return random(*SIZES[format], seed=seed)
