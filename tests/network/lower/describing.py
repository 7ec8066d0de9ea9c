"""Described networks from plain data, and what they compute, in MATLAB's layout.

Arrays stand as MATLAB has them: axes in the order of their format's letters ("SSCB": height, width, channels,
observations).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import onnx
import onnxruntime

from qlint.files.description.records import Body, Connection, Description, End, LayerEntry
from qlint.files.tensors import Tensor
from qlint.files.yamlfile import parse
from qlint.network.lower.assemble import Lowered, lower
from qlint.numeric.executor import Executor

Array = np.ndarray[Any, Any]


class Held:
    """Arrays at hand, as a description's file has them."""

    def __init__(self, arrays: Mapping[str, Array]) -> None:
        self._arrays = arrays

    def find(self, layer: str, learnable: str) -> Tensor | None:
        found = self._arrays.get(f"{layer}/{learnable}")
        return None if found is None else Tensor.from_array(f"{layer}/{learnable}", np.asarray(found))

    def names(self) -> tuple[str, ...]:
        return tuple(sorted(self._arrays))

    def place(self, layer: str, learnable: str) -> tuple[str, ...]:
        return ("weights",)


def lowered(
    layers: Sequence[Mapping[str, Any]],
    arrays: Mapping[str, Array] | None = None,
    connections: Sequence[tuple[str, str]] | None = None,
) -> Lowered:
    """The nodes of a network; `connections` as in a description, each layer to the next where there are none."""
    text = json.dumps({"layers": layers, "connections": connections})
    entries = {
        str(layer["name"]): LayerEntry(
            layer["name"],
            layer["type"],
            {key: value for key, value in layer.items() if key not in ("name", "type")},
            {},
            ("layers", index),
        )
        for index, layer in enumerate(layers)
    }
    names = list(entries)
    pairs = connections if connections is not None else list(pairwise(names))
    ends = [[End(*end.split("/")) for end in pair] for pair in pairs]
    return lower(
        Description(
            "net.qnet.json",
            "sha256:0",
            parse(text, "net.qnet.json"),
            "dlnetwork",
            None,
            Body(entries, tuple(Connection(*pair) for pair in ends), connections is None),
            Held(arrays or {}),
        )
    )


def onnx_order(format: str) -> list[int]:
    """MATLAB's axes in the order B, C, S..., T."""
    spatial = [axis for axis, letter in enumerate(format) if letter == "S"]
    rest = [format.index("T")] if "T" in format else []
    return [format.index("B"), format.index("C"), *spatial, *rest]


def computed(
    network: Lowered, inputs: Mapping[str, tuple[str, Array]], *, portable: bool = True
) -> dict[str, tuple[str, Array]]:
    """Every output's format and values, by tensor name; of an output without a format as it is.

    What is known of the outputs' sizes must be true. With `portable` the nodes must be valid ONNX, and onnxruntime must
    compute the same from them.
    """
    feeds = {name: x.astype(np.float32).transpose(onnx_order(format)) for name, (format, x) in inputs.items()}
    found = Executor(network.model).run(feeds)
    if portable:
        _agrees(network, feeds, found)
    results = {}
    for signal in network.outputs:
        values = found[signal.tensor]
        for shape in (signal.shape, network.model.graph.types[signal.tensor].shape):
            if shape is not None:
                assert len(shape) == values.ndim
                for size, wanted in zip(values.shape, shape, strict=True):
                    assert size == wanted or not isinstance(wanted, int), (values.shape, shape)
        if signal.format:
            values = values.transpose(np.argsort(onnx_order(signal.format)))
        results[signal.tensor] = (signal.format, values)
    return results


def _agrees(network: Lowered, feeds: Mapping[str, Array], found: Mapping[str, Array]) -> None:
    onnx.checker.check_model(network.proto, full_check=True)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(network.proto.SerializeToString(), options, ["CPUExecutionProvider"])
    learnables = {name: tensor.values() for name, tensor in network.learnables.items()}
    names = [signal.tensor for signal in network.outputs]
    for name, values in zip(names, session.run(names, {**feeds, **learnables}), strict=True):
        assert values.dtype == found[name].dtype
        np.testing.assert_allclose(found[name], values, rtol=1e-4, atol=1e-4)


def source(format: str, x: Array, name: str = "x", *, open: str = "BT") -> dict[str, Any]:
    """An inputLayer for an array; dimensions in `open` are not told their size."""
    size = [None if letter in open else n for letter, n in zip(format, x.shape, strict=True)]
    return {"name": name, "type": "inputLayer", "InputSize": size, "InputFormat": format}


def apply(
    layer: Mapping[str, Any],
    format: str,
    x: Array,
    arrays: Mapping[str, Array] | None = None,
    *,
    open: str = "BT",
    portable: bool = True,
) -> tuple[str, Array]:
    """What one layer makes of an array: format and values. Learnables are named without the layer."""
    named = {f"y/{name}": values for name, values in (arrays or {}).items()}
    network = lowered([source(format, x, open=open), {"name": "y", **layer}], named)
    return computed(network, {"x": (format, x)}, portable=portable)[network.outputs[0].tensor]


def random(*shape: int, seed: int = 0) -> Array:
    """Numbers that differ, the same for the same arguments."""
    return np.random.default_rng([seed, *shape]).standard_normal(shape).astype(np.float32)


def close(found: Array, wanted: Array) -> None:
    """Equal up to the rounding of float32 sums."""
    assert found.shape == wanted.shape
    np.testing.assert_allclose(found, wanted, rtol=2e-5, atol=2e-5 * max(1.0, float(np.abs(wanted).max(initial=0))))
