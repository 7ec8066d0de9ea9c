"""Description to ONNX to description, for every layer type: onnxruntime and the kernel must agree on all three."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

from qlint.converting import convert
from qlint.network.reading import Loaded, read
from qlint.numeric.executor import Executor
from tests.network.raising.layers import INPUTS, ONE

SIZES = {"N": 2, "T": 7}

VANISHING = {"classificationLayer": "identityLayer", "lstmProjectedLayer": "lstmLayer", "gruProjectedLayer": "gruLayer"}
"""What ONNX has no layer for, and what it is then."""

BEYOND_NODES = {
    ("convolution2dLayer", "symmetric-include-edge"),
    ("selfAttentionLayer", None),
    ("resize2dLayer", "onnx-10"),
    ("depthToSpace2dLayer", "crd"),
    ("spaceToDepthLayer", None),
    ("reshapeLayer", None),
}
"""Layers that the nodes alone do not tell, by what is special about them."""


def described(folder: Path, format: str, layers: list[dict[str, Any]], shapes: dict[str, tuple[int, ...]]) -> Path:
    random = np.random.default_rng(7)
    names = ["it", *(f"it_{number}" for number in range(2, len(layers) + 1))]
    document: dict[str, Any] = {
        "schema": "qlint.network/v1",
        "layers": [{"name": "in", **INPUTS[format]}, *({"name": n, **e} for n, e in zip(names, layers, strict=True))],
    }
    if shapes:
        arrays = {name: random.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}
        if "TrainedVariance" in arrays:
            arrays["TrainedVariance"] = np.abs(arrays["TrainedVariance"]) + np.float32(0.1)
        np.savez(folder / "w.npz", **{f"it/{name}": array for name, array in arrays.items()})
        document["weights"] = "w.npz"
    path = folder / "a.qnet.json"
    path.write_text(json.dumps(document))
    return path


def feeds(loaded: Loaded) -> dict[str, np.ndarray]:
    random = np.random.default_rng(3)
    return {
        name: random.standard_normal([s if isinstance(s, int) else SIZES[str(s)] for s in known.shape or ()]).astype(
            "f4"
        )
        for name, known in loaded.model.graph.inputs.items()
    }


def computed(loaded: Loaded, given: dict[str, np.ndarray]) -> list[np.ndarray]:
    inputs = dict(zip(loaded.model.graph.inputs, given.values(), strict=True))
    return [*Executor(loaded.model).run(inputs).values()]


def types(path: Path) -> list[str]:
    loaded = read(path)
    assert loaded.described is not None
    return [entry.type for entry in loaded.described[0].body.layers.values()]


def case(value: Any) -> str:
    format, layers, _ = value
    return f"{format}-{layers[0]['type']}"


@pytest.mark.parametrize(("format", "layers", "shapes"), ONE, ids=[case(one) for one in ONE])
def test_a_description_survives_onnx(
    format: str, layers: list[dict[str, Any]], shapes: dict[str, tuple[int, ...]], tmp_path: Path
) -> None:
    source, model, back = described(tmp_path, format, layers, shapes), tmp_path / "b.onnx", tmp_path / "c.qnet.yaml"
    out, again = convert(str(source), str(model)), convert(str(model), str(back))
    assert not out.beyond and not out.reason and not again.beyond and not again.reason
    given = feeds(read(source))
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    expected = session.run(None, given)
    before, after = computed(read(source), given), computed(read(back), given)
    assert len(expected) == len(before) == len(after)
    for one, two, three in zip(expected, before, after, strict=True):
        np.testing.assert_allclose(two, one, rtol=2e-4, atol=2e-5)
        np.testing.assert_allclose(three, two, rtol=1e-5, atol=1e-6)
    kind = layers[0]["type"]
    assert VANISHING.get(kind, kind) in types(back)


@pytest.mark.parametrize(("format", "layers", "shapes"), ONE, ids=[case(one) for one in ONE])
def test_nodes_alone_tell_the_function_or_are_listed(
    format: str, layers: list[dict[str, Any]], shapes: dict[str, tuple[int, ...]], tmp_path: Path
) -> None:
    source, model, back = described(tmp_path, format, layers, shapes), tmp_path / "b.onnx", tmp_path / "c.qnet.yaml"
    convert(str(source), str(model))
    proto = onnx.load(model)
    for node in proto.graph.node:
        del node.metadata_props[:]
    onnx.save(proto, model)
    converted = convert(str(model), str(back))
    layer = layers[0]
    special = (layer["type"], layer.get("PaddingValue", layer.get("NearestRoundingMode", layer.get("Mode"))))
    assert bool(converted.beyond) is (special in BEYOND_NODES)
    if not converted.beyond and not converted.layouts:
        given = feeds(read(source))
        for one, two in zip(computed(read(source), given), computed(read(back), given), strict=True):
            np.testing.assert_allclose(two.reshape(one.shape), one, rtol=1e-5, atol=1e-6)


def test_edited_nodes_are_not_taken_for_the_layer_they_were(tmp_path: Path) -> None:
    layer = {"type": "scalingLayer", "Scale": 2, "Offset": 0.5}
    source, model, back = described(tmp_path, "SSCB", [layer], {}), tmp_path / "b.onnx", tmp_path / "c.qnet.yaml"
    convert(str(source), str(model))
    proto = onnx.load(model)
    (scale,) = (tensor for tensor in proto.graph.initializer if tensor.name == "it/Scale")
    scale.CopyFrom(onnx.numpy_helper.from_array(np.asarray(3, np.float32), "it/Scale"))
    onnx.save(proto, model)
    convert(str(model), str(back))
    given = feeds(read(source))
    (found,) = computed(read(back), given)
    np.testing.assert_allclose(found, 3 * given["in"] + 0.5, rtol=1e-6)


@pytest.mark.parametrize(
    "said", ["[]", "{", '{"type": "reluLayer"}', '{"type": 3, "properties": 4, "inputs": 5}', "null"]
)
def test_metadata_that_anyone_wrote_do_no_harm(said: str, tmp_path: Path) -> None:
    layer = {"type": "scalingLayer", "Scale": 2, "Offset": 0.5}
    source, model, back = described(tmp_path, "SSCB", [layer], {}), tmp_path / "b.onnx", tmp_path / "c.qnet.yaml"
    convert(str(source), str(model))
    proto = onnx.load(model)
    for node in proto.graph.node:
        for item in node.metadata_props:
            item.value = said if item.key == "pkg.qlint.entry" else item.value
    onnx.save(proto, model)
    assert not convert(str(model), str(back)).beyond
