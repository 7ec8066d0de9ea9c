"""Real networks in every environment: every `single` has a reason, and nothing is unknown that a known shape decides."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from qlint.network.network import Layer, Network
from qlint.plan.model import Outcome
from qlint.planning import plan
from qlint.rules import library
from qlint.session import read_network

FOLDER = os.environ.get("QLINT_MODELS")
FIXTURES = sorted((Path(__file__).resolve().parents[2] / "fixtures").glob("*.onnx"))
ALL = [*FIXTURES, *(sorted(Path(FOLDER).rglob("*.onnx")) if FOLDER else [])]
RESNET_50 = 4_089_184_256
"""Multiply-accumulates at 224 x 224: 53 convolutions and one fully connected layer, 4.09 G as the literature has it."""


def is_open(network: Network, layer: Layer) -> bool:
    """Whether a size of what the layer reads or makes is not known."""
    tensors = (*layer.inputs, *layer.outputs)
    shapes = [network.shape(layer, tensor) for tensor in tensors if tensor]
    return any(shape is None or not all(isinstance(size, int) for size in shape) for shape in shapes)


def before(layer: Layer) -> Iterator[Layer]:
    """The layer and all its ancestors."""
    seen, pending = set(), [layer]
    while pending:
        found = pending.pop()
        if found not in seen:
            seen.add(found)
            yield found
            pending += [source for source in found.sources if source is not None]


@pytest.mark.parametrize("path", ALL, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_every_model_in_every_environment(path: Path) -> None:
    network, _ = read_network(str(path))
    environments = [library.load(id, None) for id in library.environments()]
    for planning in plan(str(path), environments):
        found = planning.plan
        assert [layer.id for layer in found.layers] == list(network.layers)
        for planned in found.layers:
            layer = network.layers[planned.id]
            assert planned.reason
            if planned.cause is not None:
                assert planned.cause in network.layers
            if planned.outcome is Outcome.UNKNOWN and found.environment.table.groups:
                assert any(is_open(network, other) for other in before(layer))
            if planned.macs is None and planned.parameters is not None:
                assert is_open(network, layer)
        singles = {layer.id for layer in found.layers if layer.outcome is Outcome.SINGLE}
        assert all(set(island.layers) <= singles and island.causes for island in found.islands)


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.stem)
def test_preparation_never_makes_fewer_layers_quantized(path: Path) -> None:
    for planning in plan(str(path), [library.load(id, None) for id in library.environments()], prepared=True):
        assert planning.prepared is not None
        before, after = planning.plan.summary()["layers"], planning.prepared.plan.summary()["layers"]
        assert after.percent >= before.percent


def test_resnet_50_does_what_the_literature_says() -> None:
    path = Path(FOLDER or "") / "resnet50.onnx"
    if not FOLDER or not path.exists():
        pytest.skip("QLINT_MODELS is not set, or holds no resnet50.onnx")
    summary = plan(str(path), [library.load("matlab", None)])[0].plan.summary()
    assert summary["macs"].total == summary["macs"].quantized == RESNET_50
