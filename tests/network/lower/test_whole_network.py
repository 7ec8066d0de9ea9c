"""A description with its file of arrays, read as users' are, against MATLAB's definitions of its layers in a row."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from qlint.files.description.read import read_description
from qlint.network.lower.assemble import lower
from qlint.numeric.executor import Executor
from tests.network.lower.describing import Array, close, random
from tests.network.lower.test_convolution import batched, replicate
from tests.network.lower.test_flattening import columns
from tests.network.lower.test_pooling import POOLS, pooled

TEXT = """\
schema: qlint.network/v1
network: {class: SeriesNetwork, release: R2025b}
weights: digits.npz
layers:
  - {name: in, type: imageInputLayer, InputSize: [14, 10, 2], Normalization: zerocenter, Mean: 0.5}
  - {name: conv, type: convolution2dLayer, FilterSize: [3, 5], NumFilters: 4, Padding: same}
  - {name: norm, type: batchNormalizationLayer}
  - {name: relu, type: reluLayer}
  - {name: pool, type: maxPooling2dLayer, PoolSize: 2, Stride: 2}
  - {name: dw, type: groupedConvolution2dLayer, FilterSize: 3, NumGroups: channel-wise, NumFiltersPerGroup: 1,
     Padding: same, PaddingValue: replicate}
  - {name: avg, type: averagePooling2dLayer, PoolSize: [2, 3], Stride: 2, Padding: [0, 1, 1, 0], PaddingValue: mean}
  - {name: drop, type: dropoutLayer}
  - {name: fc, type: fullyConnectedLayer, OutputSize: 10}
  - {name: prob, type: softmaxLayer}
  - {name: out, type: classificationLayer}
"""

SHAPES = {
    "conv/Weights": (3, 5, 2, 4),
    "conv/Bias": (1, 1, 4),
    "norm/Offset": (1, 1, 4),
    "norm/Scale": (1, 1, 4),
    "norm/TrainedMean": (1, 1, 4),
    "norm/TrainedVariance": (1, 1, 4),
    "dw/Weights": (3, 3, 1, 1, 4),
    "dw/Bias": (1, 1, 1, 4),
    "fc/Weights": (10, 32),
    "fc/Bias": (10, 1),
}


def by_definition(x: Array, arrays: dict[str, Array]) -> Array:
    def channelwise(name: str) -> Array:
        return arrays[f"norm/{name}"][..., None].astype(float)

    y = batched(
        x.astype(float) - 0.5,
        weights=arrays["conv/Weights"],
        bias=arrays["conv/Bias"],
        stride=(1, 1),
        dilation=(1, 1),
        pads=[(1, 1), (2, 2)],
    )
    y = (y - channelwise("TrainedMean")) / np.sqrt(channelwise("TrainedVariance") + 1e-5)
    y = np.maximum(y * channelwise("Scale") + channelwise("Offset"), 0)
    y = pooled(y, POOLS["max", None], (2, 2), (2, 2), [(0, 0), (0, 0)])
    weights, bias = arrays["dw/Weights"], arrays["dw/Bias"]
    each = [
        batched(
            y[:, :, c : c + 1],
            weights=weights[..., c],
            bias=bias[..., c],
            stride=(1, 1),
            dilation=(1, 1),
            pads=[(1, 1), (1, 1)],
            fill=replicate,
        )
        for c in range(4)
    ]
    y = pooled(np.concatenate(each, 2), POOLS["average", "mean"], (2, 3), (2, 2), [(0, 1), (1, 0)])
    z = np.stack([arrays["fc/Weights"].astype(float) @ columns(y[..., b]) for b in range(y.shape[-1])], -1)
    e = np.exp(z + arrays["fc/Bias"])
    return np.asarray(e / e.sum(0))


def test_digits(tmp_path: Path) -> None:
    arrays = {name: random(*shape, seed=number) for number, (name, shape) in enumerate(SHAPES.items())}
    arrays["norm/TrainedVariance"] = np.abs(arrays["norm/TrainedVariance"]) + 1
    arrays["fc/Weights"] /= 4
    np.savez(tmp_path / "digits.npz", **arrays)  # type: ignore[arg-type]
    (tmp_path / "digits.qnet.yaml").write_text(TEXT)
    network = lower(read_description(tmp_path / "digits.qnet.yaml"))
    x = random(14, 10, 2, 3)
    found = Executor(network.model).run({"in": x.transpose(3, 2, 0, 1)})
    close(found["prob"].T, by_definition(x, arrays))
