"""Reading descriptions: what they mean, and every mistake at its place."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from qlint.errors import DescriptionError, LfsPointerError, ModelError
from qlint.files.description.read import SORT, read_description
from qlint.files.description.records import Connection, End
from tests.files.description.describing import HEAD, described, refused

RELU = "layers: [{name: a, type: reluLayer}, {name: b, type: reluLayer}]\n"


def test_what_is_written_is_what_is_read() -> None:
    net = described(
        HEAD + "network: {class: SeriesNetwork, release: R2025b}\n"
        "layers:\n"
        "  - {name: in, type: featureInputLayer, InputSize: 3}\n"
        "  - name: fc/1\n"
        "    type: fullyConnectedLayer\n"
        "    OutputSize: 2\n"
        "    learnables: {Bias: [[1], [2.5]], Weights: ~}\n"
        "    ignore: {MAT201: measured}\n"
        "  - {name: own, type: Mine, custom: true, Depth: 3}\n"
    )
    assert (net.network_class, net.release, net.weights) == ("SeriesNetwork", "R2025b", None)
    assert list(net.body.layers) == ["in", "fc/1", "own"]
    layer = net.body.layers["fc/1"]
    assert (layer.type, layer.properties, layer.ignore) == (
        "fullyConnectedLayer",
        {"OutputSize": 2},
        {"MAT201": "measured"},
    )
    assert net.body.layers["own"].custom
    assert net.body.sequential
    assert net.body.connections == (Connection(End("in"), End("fc/1")), Connection(End("fc/1"), End("own")))
    assert net.arrays.names() == ("fc/1/Bias",)
    bias = net.arrays.find("fc/1", "Bias")
    assert bias is not None and bias.values().tolist() == [[1], [2.5]]
    assert bias.type == "float"
    assert net.arrays.find("fc/1", "Weights") is None
    assert net.document.place(layer.path) == (5, 5)


def test_connections_and_networks_inside() -> None:
    net = described(
        HEAD + "layers:\n"
        "  - {name: a/b, type: reluLayer}\n"
        "  - name: sub\n"
        "    type: networkLayer\n"
        "    Network:\n"
        "      layers: [{name: x, type: reluLayer}, {name: p, type: preluLayer, learnables: {Alpha: 0.5}}]\n"
        "connections:\n"
        "  - [a/b, sub/in1]\n"
    )
    assert net.body.connections == (Connection(End("a/b"), End("sub", "in1"), ("connections", 0)),)
    nested = net.body.layers["sub"].nested
    assert nested is not None and list(nested.layers) == ["x", "p"] and nested.sequential
    assert net.arrays.names() == ("sub/p/Alpha",)
    assert net.document.place(nested.layers["p"].path) == (7, 44)


def test_json_is_read_alike() -> None:
    text = HEAD + RELU + "connections: [[a, b]]"
    data = {
        "schema": "qlint.network/v1",
        "layers": [{"name": "a", "type": "reluLayer"}, {"name": "b", "type": "reluLayer"}],
        "connections": [["a", "b"]],
    }
    yaml, other = described(text), described(json.dumps(data, indent=2), "net.qnet.json")
    assert yaml.document.data == other.document.data == data
    assert other.document.place(("layers", 1, "type")) == (10, 15)
    assert other.document.place(("layers", 1, "type"), key=True) == (10, 7)


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("[]", (1, 1), "no network description"),
        ("layers: []", (1, 1), "no schema"),
        ("schema: qlint.network/v2\n" + RELU, (1, 9), "this qlint reads qlint.network/v1"),
        (HEAD + RELU + "layer: []", (3, 1), "did you mean 'layers'"),
        (HEAD + RELU + "network: dlnetwork", (3, 10), "class: dlnetwork"),
        (HEAD + RELU + "network: {class: DAGnetwork}", (3, 18), "did you mean 'DAGNetwork'"),
        (HEAD + RELU + "network: {class: 3}", (3, 18), "one of SeriesNetwork"),
        (HEAD + RELU + "network: {clas: dlnetwork}", (3, 11), "did you mean 'class'"),
        (HEAD + RELU + "network: {release: 2025b}", (3, 20), "R2025b"),
        (HEAD + RELU + "weights: 3", (3, 10), ".npz"),
        (HEAD, (1, 1), "needs a list of layers"),
        (HEAD + "layers: []", (2, 9), "needs a list of layers"),
        (HEAD + "layers: {a: reluLayer}", (2, 9), "needs a list of layers"),
        (HEAD + "layers:\n  - reluLayer", (3, 5), "a layer is 'reluLayer'"),
        (HEAD + "layers:\n  - {type: reluLayer}", (3, 5), "no name"),
        (HEAD + "layers:\n  - {name: a}", (3, 5), "no type"),
        (HEAD + "layers:\n  - {name: 1, type: reluLayer}", (3, 12), "the name of a layer is 1"),
        (HEAD + 'layers:\n  - {name: "a\\nb", type: reluLayer}', (3, 12), "the name of a layer"),
        (HEAD + "layers:\n  - {name: ' ', type: reluLayer}", (3, 12), "the name of a layer"),
        (HEAD + "layers:\n  - {name: a, type: [x]}", (3, 21), "the type of a layer is a list"),
        (HEAD + "layers:\n  - {name: a, type: r}\n  - {name: a, type: r}", (4, 12), "two layers are called 'a'"),
        (HEAD + "layers:\n  - {name: a, type: r, custom: 1}", (3, 32), "custom is 1"),
        (HEAD + "layers:\n  - {name: a, type: r, learnables: [1]}", (3, 36), "learnables is a list"),
        (HEAD + "layers:\n  - {name: a, type: r, learnables: {W: [[1], [1, 2]]}}", (3, 40), "'a/W' is no array"),
        (HEAD + "layers:\n  - {name: a, type: r, learnables: {W: [1, x]}}", (3, 40), "'a/W' is no array"),
        (HEAD + "layers:\n  - {name: a, type: r, learnables: {W: [true]}}", (3, 40), "'a/W' is no array"),
        (HEAD + "layers:\n  - {name: a, type: r, ignore: MAT201}", (3, 32), "MAT201: reason"),
        (HEAD + "layers:\n  - {name: a, type: r, ignore: {MAT201: ' '}}", (3, 41), "without a reason"),
        (HEAD + "layers:\n  - {name: a, type: r, Network: [1]}", (3, 33), "Network is a list"),
        (HEAD + "layers:\n  - {name: a, type: r, Network: {layers: [], x: 1}}", (3, 46), "no key 'x'"),
        (HEAD + "layers:\n  - {name: a, type: r, Network: {layers: []}}", (3, 42), "needs a list of layers"),
        (HEAD + RELU + "connections: a", (3, 14), "[from, to]"),
        (HEAD + RELU + "connections:\n  - [a, b, c]", (4, 5), "[from, to]"),
        (HEAD + RELU + "connections:\n  - [a, 1]", (4, 5), "[from, to]"),
        (HEAD + RELU + "connections:\n  - [a, c]", (4, 9), "no layer 'c'"),
        (HEAD + RELU + "connections:\n  - [aa/out, b]", (4, 6), "no layer 'aa/out'"),
        (HEAD + RELU + "connections:\n  - ['', b]", (4, 6), "no layer ''"),
        (HEAD + "layers:\n  - {name: a, type: r, name: b}", (3, 24), "occurs twice"),
        (HEAD + "layers:\n  - &x {name: a, type: r}\n  - *x", (4, 5), "aliases are not allowed in a network"),
        (HEAD + "layers: !!seq []", (2, 9), "tag"),
        (HEAD + "layers:\n - a: b: c", (3, 8), "not YAML"),
        (HEAD + "x: " + "[" * 100, (2, 3 + SORT.depth), "nests deeper"),
        (HEAD + "# \u00e9 \x01\n", (2, 5), "control characters"),
        (HEAD + "layers:\n  - {name: a, type: r, learnables: {W: [1, .nan]}}", (3, 40), "'a/W' holds a NaN"),
        ("", (1, 1), "begin with schema"),
    ],
)
def test_a_mistake_is_told_at_its_place(text: str, place: tuple[int, int] | None, words: str) -> None:
    refused(text, place, words)


def test_the_same_name_inside_and_outside() -> None:
    text = HEAD + (
        "layers:\n"
        "  - {name: sub, type: networkLayer, Network: {layers: [{name: x, type: reluLayer}]}}\n"
        "  - {name: sub/x, type: reluLayer}\n"
    )
    refused(text, (4, 12), "two layers are called 'sub/x'")


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ('{"schema": "qlint.network/v1",\n "layers": [{"name": "a", "name": "b"}]}', (2, 27), "occurs twice"),
        ('{"schema": "qlint.network/v1",\n "layers": [{"name": NaN}]}', (2, 22), "null"),
        ('{"schema": "qlint.network/v1",\n "layers": [}', (2, 13), "not JSON"),
        ("[" * 100_000, (1, SORT.depth + 1), "nests deeper"),
        ("[" * 70 + "]" * 70, (1, SORT.depth + 1), "nests deeper"),
        ('{"x": "' + "9" * 5000 + '",\n "schema": -' + "9" * 5000 + "}", (2, 12), "too many digits"),
        ("schema: qlint.network/v1", (1, 1), "not JSON"),
        ('{"schema": "qlint.network/v1"}\n{}', (2, 1), "not JSON"),
        ('{"schema": "qlint.network/v1", "layers": [{"name": "a", "type": 3}]}', (1, 65), "the type of a layer is 3"),
    ],
)
def test_a_mistake_in_json_is_told_at_its_place(text: str, place: tuple[int, int] | None, words: str) -> None:
    refused(text, place, words, "net.qnet.json")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "net.qnet.yaml"
    with pytest.raises(ModelError, match="no such file"):
        read_description(path)
    path.touch()
    with pytest.raises(DescriptionError, match=r":1:1: .*begin with schema"):
        read_description(path)
    path.write_bytes(HEAD.encode() + b"layers: \xe4")
    with pytest.raises(DescriptionError, match=r":2:1: this is not UTF-8"):
        read_description(path)
    path.write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    with pytest.raises(LfsPointerError, match="git lfs pull"):
        read_description(path)
    with path.open("wb") as file:
        file.truncate(SORT.size + 1)
    with pytest.raises(DescriptionError, match="bytes"):
        read_description(path)


def test_the_digest_tells_texts_and_arrays_apart() -> None:
    one = described(HEAD + RELU).digest
    assert one == described(HEAD + RELU).digest
    assert one != described(HEAD + RELU + " ").digest
