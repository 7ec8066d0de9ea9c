"""Random descriptions survive writing, reading, conversion and preparation with equal outputs."""

from __future__ import annotations

import itertools
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from qlint.cli.main import main
from qlint.files.description.records import Body, Connection, End, LayerEntry
from qlint.files.description.write import Draft, write_description
from qlint.files.tensors import Tensor
from tests.described.making import same

Layer = tuple[str, dict[str, Any]]


@st.composite
def networks(draw: st.DrawFn) -> Draft:
    """Chains of random layers on images, some with a shortcut around a few of them, of random sizes."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    height, width, channels = draw(st.integers(4, 7)), draw(st.integers(4, 7)), draw(st.integers(1, 4))
    layers: list[LayerEntry] = []
    wires: list[Connection] = []
    arrays: dict[str, np.ndarray] = {}

    def add(name: str, type: str, *sources: str, **properties: Any) -> str:
        layers.append(LayerEntry(name, type, properties, {}, ()))
        ports = [""] if len(sources) == 1 else [f"in{number}" for number in range(1, len(sources) + 1)]
        wires.extend(Connection(End(source), End(name, port)) for source, port in zip(sources, ports, strict=True))
        return name

    def learn(name: str, **shapes: tuple[int, ...]) -> None:
        for key, shape in shapes.items():
            values = random.standard_normal(shape).astype(np.float32)
            arrays[f"{name}/{key}"] = np.abs(values) + np.float32(0.5) if key == "TrainedVariance" else values

    kind = draw(st.sampled_from(["none", "zerocenter", "zscore"]))
    statistics = {"zerocenter": {"Mean": 0.5}, "zscore": {"Mean": 0.25, "StandardDeviation": 2.0}}.get(kind, {})
    last = add("in", "imageInputLayer", InputSize=[height, width, channels], Normalization=kind, **statistics)
    for number in range(draw(st.integers(1, 6))):
        name = f"l{number}"
        match draw(st.sampled_from(["conv", "grouped", "norm", "act", "pool", "add", "mul", "drop", "scale", "group"])):
            case "conv":
                filters, size = draw(st.integers(1, 4)), [draw(st.integers(1, 3)), draw(st.integers(1, 3))]
                padding = draw(st.sampled_from(["same", [0, 1, 1, 0]]))
                last = add(name, "convolution2dLayer", last, FilterSize=size, NumFilters=filters, Padding=padding)
                learn(name, Weights=(*size, channels, filters), Bias=(1, 1, filters))
                channels = filters
                if padding != "same":
                    height, width = height + 1 - size[0] + 1, width + 1 - size[1] + 1
                if min(height, width) < 3:
                    break
            case "grouped":
                each = draw(st.integers(1, 2))
                last = add(name, "groupedConvolution2dLayer", last, FilterSize=3, NumGroups="channel-wise",
                           NumFiltersPerGroup=each, Padding="same")  # fmt: skip
                learn(name, Weights=(3, 3, 1, each, channels), Bias=(1, 1, each, channels))
                channels *= each
            case "norm":
                last = add(name, "batchNormalizationLayer", last)
                shape = (1, 1, channels)
                learn(name, Offset=shape, Scale=shape, TrainedMean=shape, TrainedVariance=shape)
            case "group":
                last = add(name, "groupNormalizationLayer", last, NumGroups=draw(st.sampled_from(["all-channels", 1])))
                learn(name, Offset=(1, 1, channels), Scale=(1, 1, channels))
            case "act":
                type = draw(st.sampled_from(["relu", "tanh", "leakyRelu", "swish", "elu", "sigmoid", "gelu"]))
                last = add(name, f"{type}Layer", last)
            case "pool":
                type = draw(st.sampled_from(["max", "average"]))
                last = add(name, f"{type}Pooling2dLayer", last, PoolSize=3, Padding="same")
            case "drop":
                last = add(name, "dropoutLayer", last)
            case "scale":
                last = add(name, "scalingLayer", last)
                learn(name, Scale=(1, 1, channels), Offset=(1, 1, channels))
            case "add":
                first = add(f"{name}_a", "reluLayer", last)
                second = add(f"{name}_b", "tanhLayer", last)
                last = add(name, "additionLayer", last, first, second, NumInputs=3)
            case "mul":
                gate = add(f"{name}_a", "sigmoidLayer", last)
                last = add(name, "multiplicationLayer", last, gate, last, NumInputs=3)
    if draw(st.booleans()):
        outputs = draw(st.integers(1, 3))
        last = add("fc", "fullyConnectedLayer", last, OutputSize=outputs)
        learn(last, Weights=(outputs, height * width * channels), Bias=(outputs, 1))
        last = add("prob", "softmaxLayer", last)
    add("out", "regressionLayer", last)
    body = Body({entry.name: entry for entry in layers}, tuple(wires), sequential=False)
    tensors = {name: Tensor.from_array(name, array) for name, array in arrays.items()}
    return Draft(body, "DAGNetwork", "R2025a", tensors)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(networks())
def test_they_survive(draft: Draft) -> None:
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / name for name in ("a.qnet.yaml", "b.onnx", "c.qnet.json", "d.onnx")]
        write_description(draft, files[0])
        for source, out in itertools.pairwise(files):
            assert main(["convert", str(source), str(out), "--output-format", f"json:{folder}/report"]) == 0
        for out in files[1:]:
            same(files[0], out)
        fixed, again = Path(folder) / "e.qnet.yaml", Path(folder) / "f.qnet.yaml"
        assert main(["fix", str(files[0]), "-q", "-o", str(fixed)]) == 0
        same(files[0], fixed)
        assert main(["fix", str(fixed), "-q", "-o", str(again)]) == 0
        assert again.read_bytes() == fixed.read_bytes()
