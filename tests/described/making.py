"""Descriptions with random learnables on disk, and what they compute."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent
from typing import Any

import numpy as np

from qlint.network.reading import read
from qlint.numeric.executor import Executor

Array = np.ndarray[Any, Any]


def written(folder: Path, text: str, shapes: dict[str, tuple[int, ...]], name: str = "net.qnet.yaml") -> Path:
    """Write a description; `shapes` are of its learnables, by `<layer>/<learnable>`."""
    random = np.random.default_rng(11)
    arrays = {key: random.standard_normal(shape).astype(np.float32) for key, shape in shapes.items()}
    for key, array in arrays.items():
        if key.endswith("TrainedVariance"):
            arrays[key] = np.abs(array) + np.float32(0.25)
    head = "schema: qlint.network/v1\n"
    if arrays:
        np.savez(folder / "net.npz", **arrays)
    path = folder / name
    path.write_text(head + dedent(text).replace("weights: net.npz\n", "weights: net.npz\n" if arrays else ""))
    return path


def norm(layer: str, channels: int) -> dict[str, tuple[int, ...]]:
    """Shapes of a batch normalization's learnables."""
    names = ("Offset", "Scale", "TrainedMean", "TrainedVariance")
    return {f"{layer}/{name}": (1, 1, channels) for name in names}


def computed(path: Path, seed: int = 2) -> list[Array]:
    """The outputs of a description or model on random inputs, two observations of seven steps."""
    loaded = read(path)
    random = np.random.default_rng(seed)
    sizes = {"N": 2, "T": 7}
    given = {
        name: random.standard_normal([s if isinstance(s, int) else sizes[str(s)] for s in known.shape or ()]).astype(
            "f4"
        )
        for name, known in loaded.model.graph.inputs.items()
    }
    return [*Executor(loaded.model).run(given).values()]


def same(one: Path, other: Path) -> None:
    """Expect two networks to compute the same."""
    pairs = list(zip(computed(one), computed(other), strict=True))
    assert pairs
    for first, second in pairs:
        np.testing.assert_allclose(second, first, rtol=2e-4, atol=2e-5 * float(np.abs(first).max()))
