"""Described networks: what they mean, and that what is misspelt is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from qlint.errors import ModelError
from qlint.network.from_description import network_from_description
from qlint.tristate import Unknown


def ids(items: Any) -> list[Any]:
    return [None if item is None else item.id for item in items]


def test_a_list_is_a_chain() -> None:
    net = network_from_description(
        [{"type": "in", "shape": [1, "C"]}, {"type": "relu"}, {"type": "relu", "name": "last"}]
    )
    assert list(net.layers) == ["in_1", "relu_1", "last"]
    first, second, last = net
    assert (first.sources, ids(second.sources), ids(net.consumers(second))) == ((), ["in_1"], ["last"])
    assert (first.is_output, second.is_output, last.is_output) == (False, False, True)
    assert net.shape(second, second.inputs[0]) == (1, "C")
    assert net.shape(last, last.inputs[0]) is None
    assert net.properties == {"Class": "dlnetwork", "Format": "description"}
    assert last.location.id == "last"


def test_connections_ports_and_topological_order() -> None:
    layers = [{"name": name, "type": "t", "output": name == "b"} for name in ("sum", "b", "a", "end")]
    edges = [["b", "sum/in2"], ["a/out2", "sum/hidden"], ["a", "sum/in1"], ["a", "b/in"], ["sum/out1", "end"]]
    net = network_from_description({"layers": layers, "connections": edges})
    assert list(net.layers) == ["a", "b", "sum", "end"]
    total = net.layers["sum"]
    assert total.inputs == ("a", "b", "a/out2")
    assert ids(total.sources) == ["a", "b", "a"]
    assert net.layers["a"].outputs == ("a", "a/out2")
    assert [layer.is_output for layer in net] == [False, True, False, True]
    assert net.graph.number_of_edges() == 4


def test_null_is_unknown() -> None:
    net = network_from_description(
        {"layers": [{"type": "t", "P": None, "Q": [1, None]}], "network": {"Quantized": None}}
    )
    (layer,) = net
    assert isinstance(layer.property("P"), Unknown)
    assert layer.property("Q")[0] == 1
    assert isinstance(layer.property("Q")[1], Unknown)
    assert isinstance(net.properties["Quantized"], Unknown)
    assert isinstance(layer.property("NeverMentioned"), Unknown)


def test_learnables() -> None:
    described = {
        "W": [[1, 2], [3, 4]],
        "S": 0.5,
        "V": {"shape": [2, 3], "value": 7, "type": "float16", "name": "shared"},
        "U": {"shape": [2]},
        "C": {"constant": False},
        "N": {"shape": [2], "value": None},
    }
    (layer,) = network_from_description([{"type": "t", "name": "x", "learnables": described}])
    found = layer.learnables
    assert found["W"].shape == (2, 2)
    assert np.array_equal(found["W"].values(), [[1, 2], [3, 4]])
    assert (found["S"].shape, found["S"].values().item(), found["S"].name) == ((), 0.5, "x/S")
    assert (found["V"].type, found["V"].values().dtype, found["V"].values().shape) == ("float16", np.float16, (2, 3))
    assert found["V"].name == "shared"
    assert all(isinstance(found[name].values(), Unknown) for name in "UCN")
    assert (found["C"].constant, found["C"].shape) == (False, None)


BAD = [
    (None, "must be a mapping"),
    (7, "must be a mapping"),
    ([], "list of layers"),
    ({"layers": "x"}, "list of layers"),
    ({"layers": [], "layer": []}, "no key 'layer'"),
    ({"layers": [{"type": "t"}], "schema": "v9"}, "the schema is 'v9'"),
    ([3], "a layer must be a mapping"),
    ([{}], "has no type"),
    ([{"type": ""}], "type of a layer"),
    ([{"type": 3}], "type of a layer"),
    ([{"type": "t", "name": None}], "name of a layer"),
    ([{"type": "t", "size": 3}], "no key 'size'"),
    ([{"type": "t", 3: 3}], "no key 3"),
    ([{"type": "t", "name": "a"}, {"type": "t", "name": "a"}], "two layers are called 'a'"),
    ([{"type": "t", "P": {"x": 1}}], "P of layer"),
    ([{"type": "t", "P": [[{}]]}], "P of layer"),
    ([{"type": "t", "shape": 4}], "shape of layer"),
    ([{"type": "t", "shape": [-1]}], "axis of -1"),
    ([{"type": "t", "shape": [1.5]}], "axis of 1.5"),
    ([{"type": "t", "output": "yes"}], "output of layer"),
    ([{"type": "t", "learnables": [1]}], "learnables of layer"),
    ([{"type": "t", "learnables": {"w": 1}}], "no key 'w'"),
    ([{"type": "t", "learnables": {"W": "x"}}], "no number"),
    ([{"type": "t", "learnables": {"W": None}}], "no number"),
    ([{"type": "t", "learnables": {"W": [[1], [2, 3]]}}], "ragged"),
    ([{"type": "t", "learnables": {"W": [1, [2]]}}], "ragged"),
    ([{"type": "t", "learnables": {"W": {"shap": [1]}}}], "no key 'shap'"),
    ([{"type": "t", "learnables": {"W": {"shape": [-1]}}}], "list of sizes"),
    ([{"type": "t", "learnables": {"W": {"shape": [10**9, 10**9], "value": 1}}}], "more than"),
    ([{"type": "t", "learnables": {"W": {"shape": [1], "value": "x"}}}], "is no number"),
    ([{"type": "t", "learnables": {"W": {"shape": [1], "type": "flout"}}}], "element type"),
    ([{"type": "t", "learnables": {"W": {"shape": [1], "type": []}}}], "element type"),
    ([{"type": "t", "learnables": {"W": {"shape": [1], "constant": 1}}}], "constant"),
    ([{"type": "t", "learnables": {"W": {"shape": [1], "type": "int8", "value": 128}}}], "no int8"),
    ([{"type": "t", "learnables": {"W": {"shape": [1], "type": "uint8", "value": -1}}}], "no uint8"),
    ([{"type": "t", "learnables": {"W": {"shape": [1], "type": "int64", "value": float("nan")}}}], "no int64"),
    ([{"type": "t", "learnables": {"W": [10**400]}}], "no number"),
    ({"layers": [{"type": "t"}], "network": 3}, "network must be a mapping"),
    ({"layers": [{"type": "t"}], "network": {"clas": "x"}}, "no key 'clas'"),
    ({"layers": [{"type": "t"}], "network": {"class": "x", "Class": "y"}}, "both"),
    ({"layers": [{"type": "t"}], "connections": {}}, "connections is"),
    ({"layers": [{"type": "t"}], "connections": [["a"]]}, "a connection is"),
    ({"layers": [{"type": "t"}], "connections": [["t_1", "b"]]}, "names 'b'"),
    ({"layers": [{"type": "t"}], "connections": [["t_1/", "t_1"]]}, "names 't_1/'"),
    ({"layers": [{"type": "t"}], "connections": [["t_1", "t_1"]]}, "cycle"),
    ({"layers": [{"type": "t"}, {"type": "t"}], "connections": [["t_1", "t_2"], ["t_2", "t_1"]]}, "cycle"),
    ({"layers": [{"type": "t"}, {"type": "t"}], "connections": [["t_1", "t_2"], ["t_1", "t_2/in1"]]}, "twice"),
]


@pytest.mark.parametrize(("data", "words"), BAD)
def test_mistakes_are_refused_with_a_remedy(data: Any, words: str) -> None:
    with pytest.raises(ModelError) as caught:
        network_from_description(data)
    assert words in caught.value.problem
    assert caught.value.remedy
    assert len(str(caught.value)) < 400
