from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from qlint.transforms.described.registry import load
from tests.transforms.described.describing import computed, described, shown

RNG = np.random.default_rng(0)


def numbers(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape).astype(np.float32)


GATED = """
    layers:
      - {name: in, type: featureInputLayer, InputSize: 3, Normalization: none}
      - {name: a, type: tanhLayer}
      - {name: b, type: sigmoidLayer}
      - {name: c, type: reluLayer}
      - {name: gate, type: multiplicationLayer, NumInputs: 4}
      - {name: out, type: tanhLayer}
    connections:
      - [in, a]
      - [in, b]
      - [in, c]
      - [a, gate/in1]
      - [b, gate/in2]
      - [in, gate/in3]
      - [c, gate/in4]
      - [gate, out]
"""


def test_a_product_of_four_becomes_a_cascade() -> None:
    before = described(GATED)
    outcome = load("split-multiplication").run(before)
    layers, wires = shown(outcome.description.body)
    assert layers[4:7] == ["gate_1:multiplicationLayer", "gate_2:multiplicationLayer", "gate:multiplicationLayer"]
    assert wires is not None
    assert {
        "a>gate_1/in1",
        "b>gate_1/in2",
        "gate_1>gate_2/in1",
        "in>gate_2/in2",
        "gate_2>gate/in1",
        "c>gate/in2",
        "gate>out",
    } < set(wires)
    x = numbers(5, 3)
    np.testing.assert_array_equal(computed(before, **{"in": x})[0], computed(outcome.description, **{"in": x})[0])
    assert [(one.klass, one.id) for one in outcome.applied] == [("exact", "gate")]
    again = load("split-multiplication").run(outcome.description)
    assert again.description is outcome.description


def test_a_name_that_is_taken_is_not_given_again() -> None:
    before = described(
        GATED.replace("name: c,", "name: gate_1,").replace("[c,", "[gate_1,").replace("in, c]", "in, gate_1]")
    )
    layers, _ = shown(load("split-multiplication").run(before).description.body)
    assert layers[4:7] == ["gate_1_2:multiplicationLayer", "gate_2:multiplicationLayer", "gate:multiplicationLayer"]


@pytest.mark.parametrize("kind", ["SeriesNetwork", "DAGNetwork", "LayerGraph"])
def test_conversion_drops_the_output_layer_and_stays_sequential(kind: str) -> None:
    before = described(f"""
        network: {{class: {kind}}}
        layers:
          - {{name: in, type: featureInputLayer, InputSize: 3, Normalization: none}}
          - {{name: soft, type: softmaxLayer}}
          - {{name: class, type: classificationLayer}}
    """)
    outcome = load("convert-to-dlnetwork").run(before)
    assert outcome.description.network_class == "dlnetwork"
    assert shown(outcome.description.body) == (["in:featureInputLayer", "soft:softmaxLayer"], None)
    assert [one.id for one in outcome.applied] == ["", "class"]
    assert load("convert-to-dlnetwork").run(outcome.description).applied == ()


def test_an_output_layer_amid_connections_goes_with_its_connection() -> None:
    before = described("""
        network: {class: DAGNetwork}
        layers:
          - {name: in, type: featureInputLayer, InputSize: 3, Normalization: none}
          - {name: out, type: regressionLayer}
          - {name: soft, type: softmaxLayer}
        connections: [[in, soft], [soft, out]]
    """)
    assert shown(load("convert-to-dlnetwork").run(before).description.body)[1] == ["in>soft"]


def test_a_projected_layer_becomes_its_two_layers(tmp_path: Path) -> None:
    before = described(
        """
        layers:
          - {name: in, type: featureInputLayer, InputSize: 5, Normalization: none}
          - name: fc
            type: projectedLayer
            OriginalClass: nnet.cnn.layer.FullyConnectedLayer
            Network:
              layers:
                - {name: one, type: fullyConnectedLayer, OutputSize: 2}
                - {name: two, type: fullyConnectedLayer, OutputSize: 4}
          - {name: relu, type: reluLayer}
        """,
        tmp_path,
        fc__one__Weights=numbers(2, 5),
        fc__one__Bias=numbers(2, 1),
        fc__two__Weights=numbers(4, 2),
        fc__two__Bias=numbers(4, 1),
    )
    outcome = load("unpack-projected-layers").run(before)
    after = outcome.description
    assert shown(after.body) == (
        ["in:featureInputLayer", "fc_proj_in:fullyConnectedLayer", "fc_proj_out:fullyConnectedLayer", "relu:reluLayer"],
        None,
    )
    assert after.arrays.names() == ("fc_proj_in/Bias", "fc_proj_in/Weights", "fc_proj_out/Bias", "fc_proj_out/Weights")
    x = numbers(3, 5)
    np.testing.assert_array_equal(computed(before, **{"in": x})[0], computed(after, **{"in": x})[0])
    assert [one.klass for one in outcome.applied] == ["exact"]


def test_a_projected_layer_without_its_network_is_declined() -> None:
    before = described("""
        layers:
          - {name: in, type: featureInputLayer, InputSize: 5, Normalization: none}
          - {name: fc, type: projectedLayer}
    """)
    outcome = load("unpack-projected-layers").run(before)
    assert outcome.description is before
    assert "Network" in outcome.declined[0].reason


@pytest.mark.parametrize(("kind", "gates"), [("lstm", 4), ("gru", 3)])
def test_a_projected_recurrent_layer_becomes_a_plain_one(tmp_path: Path, kind: str, gates: int) -> None:
    before = described(
        f"""
        layers:
          - {{name: in, type: sequenceInputLayer, InputSize: 5, Normalization: none}}
          - {{name: r, type: {kind}ProjectedLayer, NumHiddenUnits: 4, OutputProjectorSize: 2, InputProjectorSize: 3, OutputMode: last}}
        """,
        tmp_path,
        r__InputWeights=numbers(gates * 4, 3),
        r__InputProjector=numbers(5, 3),
        r__RecurrentWeights=numbers(gates * 4, 2),
        r__OutputProjector=numbers(4, 2),
        r__Bias=numbers(gates * 4, 1),
    )
    outcome = load("unpack-projected-layers").run(before)
    after = outcome.description
    assert shown(after.body)[0][1] == f"r:{kind}Layer"
    assert after.arrays.names() == ("r/Bias", "r/InputWeights", "r/RecurrentWeights")
    x = numbers(2, 5, 6)
    np.testing.assert_allclose(computed(before, **{"in": x})[0], computed(after, **{"in": x})[0], rtol=1e-5, atol=1e-6)
    assert outcome.applied[0].klass == "equivalent"


def test_transforms_reach_into_nested_networks() -> None:
    before = described("""
        network: {class: dlnetwork}
        layers:
          - {name: in, type: featureInputLayer, InputSize: 3, Normalization: none}
          - name: net
            type: networkLayer
            Network:
              layers:
                - {name: a, type: tanhLayer}
                - {name: b, type: sigmoidLayer}
                - {name: m, type: multiplicationLayer, NumInputs: 3}
              connections: [[a, m/in1], [b, m/in2], [b, m/in3]]
        connections: [[in, net/in1], [in, net/in2]]
    """)
    outcome = load("split-multiplication").run(before)
    nested = outcome.description.body.layers["net"].nested
    assert nested is not None
    assert shown(nested)[0][2:] == ["m_1:multiplicationLayer", "m:multiplicationLayer"]
    assert [one.id for one in outcome.applied] == ["net/m"]
    x = numbers(4, 3)
    np.testing.assert_array_equal(computed(before, **{"in": x})[0], computed(outcome.description, **{"in": x})[0])
