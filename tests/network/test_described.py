from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import numpy as np
import pytest

from qlint.errors import DescriptionError
from qlint.network.network import Network
from qlint.network.reading import read
from qlint.numeric.executor import Executor
from qlint.tristate import Unknown


def network(text: str, folder: Path | None = None) -> Network:
    path = (folder or Path("nowhere")) / "net.qnet.yaml"
    return read(path, data=("schema: qlint.network/v1\n" + dedent(text)).encode()).network()


RESIDUAL = """
    network: {class: DAGNetwork, release: R2025b}
    weights: net.npz
    layers:
      - {name: in, type: imageInputLayer, InputSize: [6, 5, 2], Normalization: none}
      - {name: conv, type: convolution2dLayer, FilterSize: [3, 2], NumFilters: 4, Stride: [2, 1]}
      - name: norm
        type: batchNormalizationLayer
      - {name: pool, type: averagePooling2dLayer, PoolSize: 1}
      - {name: add, type: additionLayer, NumInputs: 2}
      - {name: class, type: classificationLayer}
    connections: [[in, conv], [conv, norm], [conv, pool], [norm, add/in1], [pool, add/in2], [add, class]]
"""


def saved(folder: Path) -> Path:
    rng = np.random.default_rng(0)
    arrays = {"conv/Weights": rng.standard_normal((3, 2, 2, 4)), "conv/Bias": rng.standard_normal((1, 1, 4))}
    arrays |= {
        f"norm/{name}": np.full((1, 1, 4), 2.0) for name in ("Scale", "Offset", "TrainedMean", "TrainedVariance")
    }
    np.savez(folder / "net.npz", **arrays)
    return folder


def test_layers_are_those_of_the_description_and_their_place_is_known(tmp_path: Path) -> None:
    net = network(RESIDUAL, saved(tmp_path))
    assert list(net.layers) == ["in", "conv", "norm", "pool", "add", "class"]
    norm = net.layers["norm"]
    assert (norm.id, norm.name, norm.type) == ("norm", "norm", "batchNormalizationLayer")
    assert (norm.location.line, norm.location.column, norm.location.pointer) == (8, 5, "/layers/2")
    assert [source.id for source in net.layers["add"].sources if source] == ["norm", "pool"]
    assert [layer.id for layer in net.consumers(net.layers["conv"])] == ["norm", "pool"]
    assert [layer.id for layer in net if layer.is_output] == ["add"]
    assert net.properties["Class"] == "DAGNetwork"
    assert net.properties["Release"] == "R2025b"


def test_rules_see_the_properties_and_shapes_that_they_see_of_an_onnx_file(tmp_path: Path) -> None:
    net = network(RESIDUAL, saved(tmp_path))
    conv = net.layers["conv"]
    assert conv.property("FilterSize") == [3, 2]
    assert conv.property("DilationFactor") == [1, 1]
    assert conv.property("NumChannels") == 2
    assert conv.property("PaddingMode") == "manual"
    assert conv.op == "Conv"
    assert conv.attribute("strides") == [2, 1]
    assert net.shape(conv, conv.outputs[0]) == ("N", 4, 2, 4)
    assert net.element_type(conv, conv.outputs[0]) == "float"
    assert net.layers["pool"].property("PaddingValue") == 0
    assert isinstance(conv.property("Colour"), Unknown)


def test_learnables_stand_in_onnx_order(tmp_path: Path) -> None:
    net = network(RESIDUAL, saved(tmp_path))
    weights = net.layers["conv"].learnables["Weights"]
    assert weights.shape == (4, 2, 3, 2)
    stored = np.load(tmp_path / "net.npz")["conv/Weights"]
    np.testing.assert_allclose(weights.values(), stored.transpose(3, 2, 0, 1), rtol=1e-6)


def test_a_topology_without_learnables_has_their_shapes_but_not_their_values() -> None:
    net = network(RESIDUAL.replace("weights: net.npz", ""))
    weights = net.layers["conv"].learnables["Weights"]
    assert weights.shape == (4, 2, 3, 2)
    missing = weights.values()
    assert isinstance(missing, Unknown)
    assert "conv" in missing.missing


def test_nested_networks_are_opened_and_projected_layers_are_one_layer() -> None:
    net = network("""
        layers:
          - {name: in, type: featureInputLayer, InputSize: 3, Normalization: none}
          - name: net
            type: networkLayer
            Network:
              layers:
                - {name: a, type: tanhLayer}
                - {name: b, type: reluLayer}
          - name: fc
            type: projectedLayer
            Network:
              layers:
                - {name: one, type: fullyConnectedLayer, OutputSize: 2}
                - {name: two, type: fullyConnectedLayer, OutputSize: 4}
          - {name: relu, type: reluLayer}
    """)
    assert list(net.layers) == ["in", "net/a", "net/b", "fc", "relu"]
    assert net.layers["net/b"].location.line == 10
    fc = net.layers["fc"]
    assert [source.id for source in fc.sources if source] == ["net/b"]
    assert {name: learnable.shape for name, learnable in fc.learnables.items()} == {
        "one/Weights": (2, 3),
        "one/Bias": (2,),
        "two/Weights": (4, 2),
        "two/Bias": (4,),
    }
    assert net.shape(fc, fc.outputs[0]) == ("N", 4)


def test_what_a_custom_layer_makes_is_unknown_and_so_is_what_follows() -> None:
    net = network("""
        layers:
          - {name: in, type: featureInputLayer, InputSize: 3, Normalization: none}
          - {name: own, type: myLayer, custom: true}
          - {name: relu, type: reluLayer}
    """)
    assert net.shape(net.layers["own"], net.layers["own"].outputs[0]) is None
    assert net.shape(net.layers["relu"], net.layers["relu"].outputs[0]) is None


def test_statistics_of_an_input_layer_may_be_arrays(tmp_path: Path) -> None:
    np.savez(tmp_path / "net.npz", **{"in/Mean": np.zeros((4, 5, 2), np.float32)})
    net = network(
        """
        weights: net.npz
        layers:
          - {name: in, type: imageInputLayer, InputSize: [4, 5, 2], Normalization: zerocenter}
        """,
        tmp_path,
    )
    assert net.layers["in"].property("Mean") == [0.0] * 40


NESTED = """
    layers:
      - {name: in, type: featureInputLayer, InputSize: 3, Normalization: none}
      - {name: pre, type: tanhLayer}
      - name: net
        type: networkLayer
        Network:
          layers:
            - {name: in, type: featureInputLayer, InputSize: 3, Normalization: zerocenter, Mean: 2}
            - {name: b, type: reluLayer}
"""


def test_an_input_layer_in_a_nested_network_takes_what_comes_to_it() -> None:
    path = Path("net.qnet.yaml")
    model = read(path, data=("schema: qlint.network/v1\n" + dedent(NESTED)).encode()).model
    assert list(model.graph.inputs) == ["in"]
    x = np.array([[-3.0, 0.0, 5.0]], np.float32)
    found = Executor(model).run({"in": x})
    np.testing.assert_allclose(found["net/b"], np.maximum(np.tanh(x) - 2, 0))


def test_an_input_layer_in_a_nested_network_refuses_another_format() -> None:
    text = NESTED.replace("{name: in, type: featureInputLayer, InputSize: 3, Normalization: zerocenter, Mean: 2}", "{name: in, type: imageInputLayer, InputSize: [3, 3, 1]}")  # fmt: skip
    with pytest.raises(DescriptionError, match="is fed CB") as caught:
        network(text)
    assert (caught.value.line, caught.value.column) == (10, 11)
