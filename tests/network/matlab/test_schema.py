"""The JSON Schema of descriptions says what reading says, as far as a schema can."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qlint.errors import DescriptionError
from qlint.files.description.records import SCHEMA
from qlint.network.matlab.normal import normal
from qlint.network.matlab.registry import TYPES
from qlint.network.matlab.schema import schema
from tests.files.description.describing import described

SHIPPED = json.loads(
    files("qlint.files.description").joinpath("schema/qlint.network.v1.schema.json").read_text("utf-8")
)
VALIDATOR = jsonschema.Draft202012Validator(SHIPPED)
FIXTURES = sorted((Path(__file__).parents[3] / "fixtures").glob("**/*.qnet.*"))


def network(*layers: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"schema": SCHEMA, "layers": list(layers), **more}


def test_the_shipped_schema_is_made_from_the_tables() -> None:
    assert schema() == SHIPPED, "run python tools/generate_docs.py"
    jsonschema.Draft202012Validator.check_schema(SHIPPED)


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.name)
def test_every_fixture_is_valid(path: Path) -> None:
    from qlint.files.description.read import read_description

    VALIDATOR.validate(read_description(path).document.data)


@pytest.mark.parametrize(
    "data",
    [
        network(),
        {"schema": SCHEMA},
        {**network({"name": "a", "type": "reluLayer"}), "schema": "qlint.network/v2"},
        network({"name": "a", "type": "reluLayer"}, extra=1),
        network({"name": "a", "type": "reluLayer"}, network={"class": "Network"}),
        network({"name": "a", "type": "reluLayer"}, network={"release": "2025b"}),
        network({"name": "a", "type": "reluLayer"}, connections=[["a"]]),
        network({"name": "a", "type": "reluLayer", "Scale": 1}),
        network({"name": "a", "type": "reluLayer", "ignore": {"MAT201": ""}}),
        network({"name": "a", "type": "convolution2dLayer", "FilterSize": [3, 3, 3]}),
        network({"name": "a", "type": "convolution2dLayer", "Weights": [1]}),
        network({"name": "a", "type": "convolution2dLayer", "learnables": {"Wieghts": [1]}}),
        network({"name": "a", "type": "networkLayer", "Network": {"layers": [{"name": "x"}]}}),
        network({"name": "a", "type": "reluLayer", "Network": {"layers": [{"name": "x", "type": "reluLayer"}]}}),
    ],
)
def test_what_is_invalid(data: dict[str, Any]) -> None:
    assert not VALIDATOR.is_valid(data)
    with pytest.raises(DescriptionError):
        _read(data)


def _read(data: dict[str, Any]) -> None:
    from qlint.network.matlab.typed import typed

    typed(described(json.dumps(data), "net.qnet.json"))


def _written(schema: dict[str, Any]) -> Iterator[Any]:
    """Some values that a part of the schema allows, from its own words."""
    for choice in schema.get("anyOf", ()):
        yield from _written(choice)
    yield from schema.get("enum", ())
    if schema.get("type") == "boolean":
        yield True
    if schema.get("type") in ("integer", "number"):
        low = schema.get("minimum", schema.get("exclusiveMinimum", 0) + 1)
        yield min(low, schema.get("maximum", low))
    if schema.get("type") == "array":
        items = list(_written(schema.get("items", {}))) or [1]
        yield [items[0]] * schema.get("minItems", 1)
    if schema.get("type") == "null":
        yield None


@pytest.mark.parametrize("name", TYPES)
def test_values_that_the_schema_allows_are_read(name: str) -> None:
    for key, part in SHIPPED["$defs"][name]["properties"].items():
        kind = TYPES[name].properties.get(key) or TYPES[name].shorthands.get(key)
        for value in _written(part) if kind is not None else ():
            data = network({"name": "a", "type": name, key: value})
            VALIDATOR.validate(data)
            net = described(json.dumps(data), "net.qnet.json")
            assert normal(net.body.layers["a"], net) is not None


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 5)
    | st.floats(-2, 2)
    | st.sampled_from(["auto", "same", "mean", "x", "@f"]),
    lambda inner: st.lists(inner, max_size=4),
    max_leaves=5,
)


@settings(max_examples=400, deadline=None)
@given(data=st.data())
def test_any_value_is_judged_alike(data: st.DataObject) -> None:
    """What reading accepts the schema accepts; where it refuses a value, reading does too, with a DescriptionError.

    The schema's one freedom: how lists of numbers nest, and texts whose case differs.
    """
    layer = TYPES[data.draw(st.sampled_from(sorted(TYPES)))]
    names = sorted({*layer.properties, *layer.shorthands})
    if not names:
        return
    name, value = data.draw(st.sampled_from(names)), data.draw(plain)
    document = network({"name": "a", "type": layer.name, name: value})
    net = described(json.dumps(document), "net.qnet.json")
    try:
        normal(net.body.layers["a"], net)
    except DescriptionError:
        return
    VALIDATOR.validate(document)
