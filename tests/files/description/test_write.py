"""Writing descriptions: what is read back is what was written, and what is edited keeps the rest."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qlint.errors import OutputError
from qlint.files.description import write
from qlint.files.description.read import read_description
from qlint.files.description.records import Body, Connection, Description, End, LayerEntry
from qlint.files.description.text import json_line, yaml_line
from qlint.files.description.write import Changes, Draft, write_description, write_edited
from qlint.files.tensors import Tensor
from qlint.files.yamlfile import parse
from qlint.tristate import Unknown
from tests.files.description.describing import HEAD, described

printable = st.characters(exclude_categories=("C", "Z"), include_characters=" ")
names = st.text(printable, min_size=1, max_size=8).filter(str.strip)
numbers = st.integers(-(10**6), 10**6) | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | st.text(st.characters(exclude_categories=("Cs",)), max_size=8),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=6,
)
properties = st.dictionaries(
    st.from_regex(r"[A-Z][A-Za-z]{0,8}", fullmatch=True).filter(lambda key: key != "Network"), values, max_size=3
)


@st.composite
def entries(draw: st.DrawFn, depth: int) -> LayerEntry:
    nested = draw(st.none() | bodies(depth - 1)) if depth else None
    ignore = draw(st.dictionaries(st.from_regex(r"MAT[0-9]{3}", fullmatch=True), names, max_size=1))
    return LayerEntry(draw(names), draw(names), draw(properties), ignore, (), nested, draw(st.booleans()))


@st.composite
def bodies(draw: st.DrawFn, depth: int = 1) -> Body:
    found = draw(st.lists(entries(depth), min_size=1, max_size=4, unique_by=lambda entry: entry.name.replace("/", "")))
    layers = {entry.name: entry for entry in found}
    if draw(st.booleans()):
        return Body(layers, (), sequential=True)
    ports = st.sampled_from(["", "in", "in2", "hidden"])
    ends = st.builds(End, st.sampled_from(sorted(layers)), ports).filter(
        lambda end: not end.port or f"{end.layer}/{end.port}" not in layers
    )
    pairs = draw(st.lists(st.builds(Connection, ends, ends), max_size=4))
    return Body(layers, tuple(pairs), sequential=False)


def plain(body: Body) -> Any:
    """A body without places."""
    layers = [
        (
            entry.name,
            entry.type,
            dict(entry.properties),
            dict(entry.ignore),
            entry.custom,
            None if entry.nested is None else plain(entry.nested),
        )
        for entry in body.layers.values()
    ]
    if body.sequential:
        return layers
    return layers, [(connection.source, connection.target) for connection in body.connections]


def tensors(arrays: Mapping[str, Any]) -> dict[str, Tensor]:
    return {name: Tensor.from_array(name, np.asarray(array, np.float32)) for name, array in arrays.items()}


def all_of(description: Description) -> dict[str, Tensor]:
    found = {name: description.arrays.find(*name.rsplit("/", 1)) for name in description.arrays.names()}
    return {name: tensor for name, tensor in found.items() if tensor is not None}


@pytest.mark.parametrize("ending", [".qnet.yaml", ".qnet.json"])
@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(body=bodies(), release=st.sampled_from([None, "R2024a"]))
def test_what_was_written_is_read_back(tmp_path: Path, ending: str, body: Body, release: str | None) -> None:
    out = tmp_path / f"net{ending}"
    first = next(iter(body.layers))
    arrays = tensors({f"{first}/Weights": [[1.5, 2], [3, 4]], f"{first}/Bias": []})
    write_description(Draft(body, "DAGNetwork", release, arrays), out)
    once = out.read_bytes()
    found = read_description(out)
    assert plain(found.body) == plain(body)
    assert (found.network_class, found.release) == ("DAGNetwork", release)
    assert found.arrays.names() == tuple(sorted(arrays))
    for name, tensor in all_of(found).items():
        assert np.array_equal(tensor.values(), arrays[name].values())  # type: ignore[arg-type]
    write_description(Draft(found.body, "DAGNetwork", release, all_of(found)), out)
    assert out.read_bytes() == once


@settings(max_examples=100, deadline=None)
@given(value=values)
def test_a_line_means_the_same_to_every_reader(value: Any) -> None:
    assert parse(f"x: {yaml_line(value)}").data == {"x": value}
    assert yaml.safe_load(f"x: {yaml_line(value)}") == {"x": value}
    import json

    assert json.loads(json_line(value)) == value


def test_numbers_that_are_none() -> None:
    assert yaml_line([math.inf, -math.inf, math.nan, 1e-5]) == "[.inf, -.inf, null, 1.0e-05]"
    assert json_line(math.nan) == "null"
    with pytest.raises(OutputError, match="infinite"):
        json_line([math.inf])


def test_a_port_that_could_not_be_read_back(tmp_path: Path) -> None:
    layers = {name: LayerEntry(name, "reluLayer", {}, {}, ()) for name in ("a", "a/in2", "b")}
    body = Body(layers, (Connection(End("b"), End("a", "in2")),), sequential=False)
    with pytest.raises(OutputError, match="rename that layer"):
        write_description(Draft(body), tmp_path / "net.qnet.yaml")


def test_the_text_is_as_people_write_it(tmp_path: Path) -> None:
    inner = Body({"x": LayerEntry("x", "reluLayer", {}, {}, ())}, (), sequential=True)
    layers = {
        "in": LayerEntry("in", "imageInputLayer", {"InputSize": [28, 28, 1], "Mean": 0.5}, {}, ()),
        "sub": LayerEntry("sub", "networkLayer", {}, {"MAT201": "no: 'x'"}, (), inner),
    }
    out = tmp_path / "net.qnet.yaml"
    write_description(Draft(Body(layers, (Connection(End("in"), End("sub", "in")),), sequential=False)), out)
    assert out.read_text() == (
        "schema: qlint.network/v1\n"
        "network: {class: dlnetwork}\n"
        "layers:\n"
        "  - {name: in, type: imageInputLayer, InputSize: [28, 28, 1], Mean: 0.5}\n"
        "  - name: sub\n"
        "    type: networkLayer\n"
        "    ignore: {MAT201: \"no: 'x'\"}\n"
        "    Network:\n"
        "      layers:\n"
        "        - {name: x, type: reluLayer}\n"
        "connections:\n"
        "  - [in, sub/in]\n"
    )
    assert os.listdir(tmp_path) == ["net.qnet.yaml"]


def test_arrays_are_written_alike_and_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    body = Body({"a": LayerEntry("a", "preluLayer", {}, {}, ())}, (), sequential=True)
    out = tmp_path / "net.qnet.yaml"
    write_description(Draft(body, arrays=tensors({"a/Alpha": [1, 2]})), out)
    first = read_description(out)
    assert first.weights is not None
    content = (tmp_path / first.weights).read_bytes()
    assert dict(np.load(tmp_path / first.weights))["a/Alpha"].tolist() == [1, 2]
    write_description(Draft(body, arrays=tensors({"a/Alpha": [1, 2]})), out)
    assert (tmp_path / first.weights).read_bytes() == content

    def killed(text: str, out: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(write, "_write_text", killed)
    with pytest.raises(KeyboardInterrupt):
        write_description(Draft(body, arrays=tensors({"a/Alpha": [3, 4]})), out)
    kept = read_description(out).arrays.find("a", "Alpha")
    assert kept is not None and kept.values().tolist() == [1, 2]


def test_values_that_are_not_known(tmp_path: Path) -> None:
    body = Body({"a": LayerEntry("a", "preluLayer", {}, {}, ())}, (), sequential=True)
    missing = Tensor.lazy("a/Alpha", "float", (2,), lambda: Unknown("value of Alpha"))
    with pytest.raises(OutputError, match="not known"):
        write_description(Draft(body, arrays={"a/Alpha": missing}), tmp_path / "net.qnet.yaml")
    assert os.listdir(tmp_path) == []


LAYERS = (
    "layers: # what there is\n"
    "  # first\n"
    "  - {name: a, type: preluLayer, learnables: {Alpha: [0.5]}} # - of a\n"
    "  - name: b   # of b\n"
    "    type: fullyConnectedLayer\n"
    "    OutputSize: 3\n"
    "  # before c\n"
    "  - {name: c, type: reluLayer}\n"
)


@pytest.fixture
def net(tmp_path: Path) -> Description:
    np.savez(tmp_path / "w.npz", **{"b/Weights": np.ones((3, 3)), "b/Bias": np.zeros((3, 1))})
    path = tmp_path / "net.qnet.yaml"
    path.write_text(HEAD + "weights: w.npz  # arrays\n" + LAYERS)
    return read_description(path)


def test_an_edit_keeps_what_it_does_not_touch(net: Description, tmp_path: Path) -> None:
    out = tmp_path / "out.qnet.yaml"
    b = net.body.layers["b"]
    changes = Changes({"b": [replace(b, properties={"OutputSize": 4}), replace(b, name="b2")], "c": []})
    arrays = {**all_of(net), **tensors({"b2/Weights": np.eye(3)})}
    write_edited(net, changes, arrays, out)
    found = read_description(out)
    assert out.read_text() == HEAD + (
        f"weights: {found.weights}  # arrays\n"
        "layers: # what there is\n"
        "  # first\n"
        "  - {name: a, type: preluLayer, learnables: {Alpha: [0.5]}} # - of a\n"
        "  - {name: b, type: fullyConnectedLayer, OutputSize: 4}\n"
        "  - {name: b2, type: fullyConnectedLayer, OutputSize: 3}\n"
        "  # before c\n"
    )
    assert found.weights != "w.npz" and found.arrays.names() == ("a/Alpha", "b/Bias", "b/Weights", "b2/Weights")


def test_nothing_to_do_changes_nothing(net: Description, tmp_path: Path) -> None:
    before = sorted(os.listdir(tmp_path))
    write_edited(net, Changes(), all_of(net), tmp_path / "net.qnet.yaml")
    assert read_description(tmp_path / "net.qnet.yaml").document.text == net.document.text
    assert sorted(os.listdir(tmp_path)) == before


def test_another_folder_gets_the_arrays_too(net: Description, tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    write_edited(net, Changes(), all_of(net), tmp_path / "far" / "net.qnet.yaml")
    found = read_description(tmp_path / "far" / "net.qnet.yaml")
    assert found.arrays.names() == net.arrays.names()


def test_an_inline_learnable_that_changed_moves_to_the_file(net: Description, tmp_path: Path) -> None:
    out = tmp_path / "out.qnet.yaml"
    write_edited(net, Changes(), {**all_of(net), **tensors({"a/Alpha": [0.25]})}, out)
    found = read_description(out)
    assert "  - {name: a, type: preluLayer} # - of a\n" in out.read_text()
    alpha = found.arrays.find("a", "Alpha")
    assert alpha is not None and alpha.values().tolist() == [0.25]


def test_arrays_that_are_gone(net: Description, tmp_path: Path) -> None:
    out = tmp_path / "out.qnet.yaml"
    left = {"a/Alpha": all_of(net)["a/Alpha"]}
    write_edited(net, Changes({"b": []}), left, out)
    assert "weights: null  # arrays" in out.read_text()
    assert read_description(out).arrays.names() == ("a/Alpha",)


CHAIN = "layers:\n  - {name: a, type: r}\n  - {name: b, type: r}\n  - {name: c, type: r}\n"


def rewritten(text: str, changes: Changes, path: str = "net.qnet.yaml") -> str:
    from qlint.files.description.edit import rewrite

    return rewrite(described(text, path), changes)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("network: {class: SeriesNetwork} # x\n", "network: {class: dlnetwork} # x\n"),
        ("network: {release: R2024a}\n", "network: {release: R2024a, class: dlnetwork}\n"),
        ("network:\n  release: R2024a # x\n", "network:\n  release: R2024a # x\n  class: dlnetwork\n"),
        ("network:\n  class: SeriesNetwork # x\n", "network:\n  class: dlnetwork # x\n"),
        ("network: ~ # x\n", "network: {class: dlnetwork} # x\n"),
        ("network: # x\n", "network: {class: dlnetwork} # x\n"),
        ("", "network: {class: dlnetwork}\n"),
    ],
)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_the_class_changes(before: str, after: str, newline: str) -> None:
    found = rewritten((HEAD + before + CHAIN).replace("\n", newline), Changes(network_class="dlnetwork"))
    assert found == (HEAD + after + CHAIN).replace("\n", newline)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("connections:\n  - [a, b] # ab\n  - [b, c]\n", "connections:\n  - [a, b] # ab\n  - [a, c]\n"),
        ("connections:\n- - a\n  - b\n- [b, c]", "connections:\n- - a\n  - b\n- [a, c]\n"),
        ("connections: [[a, b], [b, c]]\n", "connections: [[a, b], [a, c]]\n"),
        ("connections: [[b, c], [a, b]] # x\n", "connections: [[a, b], [a, c]] # x\n"),
        ("connections:\n  - [b, c]\n  # x\n", "connections: [[a, b], [a, c]]\n  # x\n"),
        ("connections: []\n", "connections: [[a, b], [a, c]]\n"),
        ("", "connections: [[a, b], [a, c]]\n"),
    ],
)
def test_connections_change(before: str, after: str) -> None:
    wanted = [Connection(End("a"), End("b")), Connection(End("a"), End("c"))]
    found = rewritten(HEAD + CHAIN + before, Changes(connections={"": wanted}))
    assert found.rstrip("\n") == (HEAD + CHAIN + after).rstrip("\n")
    assert {(c.source.layer, c.target.layer) for c in described(found).body.connections} == {("a", "b"), ("a", "c")}


def test_a_text_without_a_last_newline() -> None:
    found = rewritten((HEAD + CHAIN).rstrip("\n"), Changes(connections={"": [Connection(End("a"), End("b"))]}))
    assert found == HEAD + CHAIN + "connections: [[a, b]]"


def test_inside_a_network() -> None:
    text = (
        HEAD
        + "layers:\n- name: s\n  type: networkLayer\n  Network:\n    layers: [{name: x, type: r}, {name: z, type: r}]\n"
    )
    x = LayerEntry("x", "q", {}, {}, ())
    assert rewritten(text, Changes({"s/x": [x]}, {"s": [Connection(End("x"), End("z"))]})) == (
        HEAD
        + "layers:\n- name: s\n  type: networkLayer\n  Network:\n    layers: [{name: x, type: q}, {name: z, type: r}]\n"
        "    connections: [[x, z]]\n"
    )


def test_json_is_edited_as_json() -> None:
    text = '{\n  "schema": "qlint.network/v1",\n  "layers": [\n    {"name": "a", "type": "r"},\n    {"name": "b", "type": "r"}\n  ]\n}\n'
    b = LayerEntry("b", "r", {}, {}, ())
    changes = Changes(
        {"a": [], "b": [b, replace(b, name="c")]}, {"": [Connection(End("b"), End("c"))]}, "dlnetwork", "w.npz"
    )
    assert rewritten(text, changes, "net.qnet.json") == (
        '{\n  "schema": "qlint.network/v1",\n  "network": {"class": "dlnetwork"},\n  "weights": "w.npz",\n  "layers": [\n'
        '    {"name": "b", "type": "r"},\n    {"name": "c", "type": "r"}\n  ],\n  "connections": [["b", "c"]]\n}\n'
    )


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data(), style=st.sampled_from(["block", "flow", "json"]))
def test_any_edit_means_what_it_says(data: st.DataObject, style: str) -> None:
    """Against the same change made to plain data."""
    import json

    count = data.draw(st.integers(1, 5))
    rows = [{"name": f"l{i}", "type": "r", "Size": [i, i]} for i in range(count)]
    if style == "block":
        text = (
            HEAD
            + "layers:\n"
            + "".join(
                f"  - name: l{i} # - {i}\n    type: r\n    # inside\n    Size: [{i}, {i}]\n  # after\n"
                for i in range(count)
            )
        )
    elif style == "flow":
        text = HEAD + "layers: [" + ", ".join(yaml_line(row) for row in rows) + "]\n"
    else:
        text = json.dumps({"schema": "qlint.network/v1", "layers": rows}, indent=data.draw(st.sampled_from([None, 2])))
    net = described(text, "net.qnet.json" if style == "json" else "net.qnet.yaml")
    changed: dict[str, list[LayerEntry]] = {}
    wanted: list[str] = []
    for name, entry in net.body.layers.items():
        action = data.draw(st.sampled_from(["keep", "remove", "replace", "insert"]))
        new = {"keep": None, "remove": [], "replace": [replace(entry, type="q")]}.get(
            action, [entry, replace(entry, name=f"{name}_2")]
        )
        if new is not None:
            changed[name] = new
        wanted += [f"{e.name} {e.type}" for e in ([entry] if new is None else new)]
    if not wanted:
        with pytest.raises(OutputError, match="all layers"):
            rewritten(text, Changes(changed), net.path)
        return
    found = described(rewritten(text, Changes(changed), net.path), net.path)
    assert [f"{entry.name} {entry.type}" for entry in found.body.layers.values()] == wanted
    assert all(entry.properties == {"Size": [int(name[1]), int(name[1])]} for name, entry in found.body.layers.items())


def test_a_layer_that_is_not_there() -> None:
    with pytest.raises(OutputError, match="no layer 'z'"):
        rewritten(HEAD + CHAIN, Changes({"z": []}))


def test_line_ends_that_are_none_to_an_editor() -> None:
    with pytest.raises(OutputError, match="line ends"):
        rewritten((HEAD + CHAIN).replace("\n", "\r"), Changes(network_class="dlnetwork"))


def test_a_change_inside_a_layer_that_goes() -> None:
    text = HEAD + "layers: [{name: s, type: networkLayer, Network: {layers: [{name: x, type: r}]}}, {name: t, type: r}]"
    with pytest.raises(OutputError, match="no layer 's/x'"):
        rewritten(text, Changes({"s": [], "s/x": []}))
