"""Input layers: data formats, and normalizations against their formulas."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from qlint.errors import DescriptionError
from qlint.network.lift import lift
from qlint.network.lower.assemble import Lowered
from qlint.tristate import Unknown
from tests.network.lower.describing import Array, close, computed, lowered, random

MEAN, DEVIATION = 0.75, 1.5
LOW, HIGH = -0.25, 2.0


def formula(kind: str, x: Array, statistics: dict[str, Any]) -> Array:
    told = {name: np.asarray(value, float) for name, value in statistics.items()}
    if kind == "zerocenter":
        return x - told["Mean"]
    if kind == "zscore":
        return (x - told["Mean"]) / told["StandardDeviation"]
    ratio = (x - told["Min"]) / (told["Max"] - told["Min"])
    return ratio if kind == "rescale-zero-one" else 2 * ratio - 1


def statistics(kind: str, shape: tuple[int, ...]) -> dict[str, Array]:
    """Those a normalization needs, different everywhere."""
    spread = random(*shape).astype(np.float64) / 10
    if kind.startswith("rescale"):
        return {"Min": (LOW + spread).astype(np.float32), "Max": (HIGH - spread).astype(np.float32)}
    found = {"Mean": (MEAN + spread).astype(np.float32)}
    return {**found, "StandardDeviation": (DEVIATION + spread).astype(np.float32)} if kind == "zscore" else found


def only(network: Lowered, format: str, x: Array) -> Array:
    """The output of a network with the one input "in", whose format stays."""
    ((found, y),) = computed(network, {"in": (format, x)}).values()
    assert found == format
    return y


LAYERS: list[tuple[str, Any, str, tuple[int, ...]]] = [
    ("imageInputLayer", [4, 5, 3], "SSCB", (4, 5, 3, 2)),
    ("image3dInputLayer", [4, 5, 2, 3], "SSSCB", (4, 5, 2, 3, 2)),
    ("featureInputLayer", 6, "CB", (6, 2)),
    ("sequenceInputLayer", 6, "CBT", (6, 2, 7)),
    ("sequenceInputLayer", [4, 3], "SCBT", (4, 3, 2, 7)),
    ("sequenceInputLayer", [4, 5, 3], "SSCBT", (4, 5, 3, 2, 7)),
    ("sequenceInputLayer", [4, 5, 2, 3], "SSSCBT", (4, 5, 2, 3, 2, 7)),
]


@pytest.mark.parametrize(("type", "size", "format", "shape"), LAYERS)
@pytest.mark.parametrize("kind", ["zerocenter", "zscore", "rescale-symmetric", "rescale-zero-one"])
@pytest.mark.parametrize("form", ["scalar", "channel", "vector", "element"])
def test_normalization(type: str, size: Any, format: str, shape: tuple[int, ...], kind: str, form: str) -> None:
    x = random(*shape)
    channel = format.index("C")
    observed = shape[: channel + 1]
    array_shape = {
        "scalar": (1, 1),
        "channel": (*[1] * channel, shape[channel]),
        "vector": (shape[channel], 1),
        "element": observed,
    }[form]
    told = statistics(kind, array_shape)
    spread = {
        name: values.reshape(
            (*values.shape, *[1] * (len(shape) - values.ndim))
            if form in ("channel", "element")
            else [1] * len(shape)
            if form == "scalar"
            else [shape[channel] if axis == channel else 1 for axis in range(len(shape))]
        )
        for name, values in told.items()
    }
    layer = {"name": "in", "type": type, "InputSize": size, "Normalization": kind}
    wanted = formula(kind, x.astype(float), spread)
    close(only(lowered([layer], {f"in/{name}": values for name, values in told.items()}), format, x), wanted)
    if type == "imageInputLayer":
        inline = lowered([{**layer, **{name: values.tolist() for name, values in told.items()}}])
        close(only(inline, format, x), wanted)


@pytest.mark.parametrize(("type", "size", "format", "shape"), LAYERS)
def test_none_passes_the_data(type: str, size: Any, format: str, shape: tuple[int, ...]) -> None:
    x = random(*shape)
    network = lowered([{"name": "in", "type": type, "InputSize": size, "Normalization": "none"}])
    np.testing.assert_array_equal(only(network, format, x), x)
    assert not network.layers["in"].nodes


def test_statistics_may_come_in_two_ways_at_once() -> None:
    x = random(3, 2)
    layer = {"name": "in", "type": "featureInputLayer", "InputSize": 3, "Normalization": "rescale-symmetric", "Min": -1}
    high = np.float32([[2], [3], [4]])
    close(only(lowered([layer], {"in/Max": high}), "CB", x), formula("rescale-symmetric", x, {"Min": -1, "Max": high}))


def test_a_deviation_of_zero_divides() -> None:
    layer = {
        "name": "in",
        "type": "featureInputLayer",
        "InputSize": 2,
        "Normalization": "zscore",
        "Mean": [1, 1],
        "StandardDeviation": [0, 2],
    }
    found = only(lowered([layer]), "CB", np.float32([[3, 1], [3, 1]]))
    assert np.isposinf(found[0, 0])
    assert np.isnan(found[0, 1])
    assert found[1].tolist() == [1, 0]


def test_without_statistics_shapes_are_known_and_values_are_not() -> None:
    network = lowered([{"name": "in", "type": "imageInputLayer", "InputSize": [4, 5, 3]}])
    assert network.outputs[0].shape == ("N", 3, 4, 5)
    missing = network.learnables["in/Mean"].values()
    assert isinstance(missing, Unknown)
    assert missing.missing == "Mean of layer 'in', which the description does not give"


@pytest.mark.parametrize("shape", [(2,), (4, 5), (5, 4, 3), (3, 4, 5)])
def test_statistics_that_fit_nothing(shape: tuple[int, ...]) -> None:
    with pytest.raises(DescriptionError, match=r"Mean is \[.*; give one number, .* 3 channels, or \[4 5 3\]"):
        lowered([{"name": "in", "type": "imageInputLayer", "InputSize": [4, 5, 3]}], {"in/Mean": random(*shape)})


@pytest.mark.parametrize("kind", ["zerocenter", "zscore", "rescale-zero-one", "rescale-symmetric"])
def test_qlint_reads_the_nodes_as_the_same_normalization(kind: str) -> None:
    numbers = {"Mean": 0.5, "StandardDeviation": 2.0, "Min": 0.0, "Max": 4.0}
    layer = {"name": "in", "type": "imageInputLayer", "InputSize": [4, 5, 3], "Normalization": kind}
    needed = list(statistics(kind, (1,)))
    network = lift(lowered([{**layer, **{name: numbers[name] for name in needed}}]).model)
    (found,) = network
    assert found.type == "imageInputLayer"
    assert {name: found.properties[name] for name in ("Normalization", *needed)} == {
        "Normalization": kind,
        **{name: numbers[name] for name in needed},
    }


@pytest.mark.parametrize(
    ("further", "channels"), [({"Normalization": "@(x) x / 255"}, 3), ({"SplitComplexInputs": True}, 6)]
)
def test_what_cannot_be_computed_has_its_size(further: dict[str, Any], channels: int) -> None:
    network = lowered([{"name": "in", "type": "imageInputLayer", "InputSize": [4, 5, 3], **further}])
    assert network.outputs[0].shape == ("N", channels, 4, 5)
    (node,) = network.layers["in"].nodes
    assert (node.domain, node.op_type) == ("qlint.layer", "imageInputLayer")


class TestInputLayer:
    @pytest.mark.parametrize(
        ("letters", "size", "format", "shape"),
        [
            ("SSCB", [4, 5, 3, None], "SSCB", ("N", 3, 4, 5)),
            ("SSC", [4, 5, 3], "SSCB", (1, 3, 4, 5)),
            ("CBT", [3, 2, None], "CBT", (2, 3, "T")),
            ("CT", [3, None], "CBT", (1, 3, "T")),
            ("BC", [None, 3], "CB", ("N", 3)),
            ("BCSS", [None, 3, 4, None], "SSCB", ("N", 3, 4, None)),
            ("C", 3, "CB", (1, 3)),
        ],
    )
    def test_sizes_follow_the_letters(self, letters: str, size: Any, format: str, shape: Any) -> None:
        network = lowered([{"name": "in", "type": "inputLayer", "InputSize": size, "InputFormat": letters}])
        assert network.layers["in"].outputs["out"].format == format
        assert network.layers["in"].outputs["out"].shape == shape

    @pytest.mark.parametrize(("letters", "size"), [("UU", [2, 3]), ("SSB", [4, 5, None])])
    def test_formats_that_qlint_does_not_follow_are_unknown(self, letters: str, size: Any) -> None:
        network = lowered([{"name": "in", "type": "inputLayer", "InputSize": size, "InputFormat": letters}])
        assert network.inputs[0].shape is None

    def test_refused(self) -> None:
        with pytest.raises(DescriptionError, match="InputSize has 2 elements, but InputFormat SSCB has 4"):
            lowered([{"name": "in", "type": "inputLayer", "InputSize": [4, 5], "InputFormat": "SSCB"}])
        with pytest.raises(DescriptionError, match="InputFormat CCB has a dimension twice"):
            lowered([{"name": "in", "type": "inputLayer", "InputSize": [4, 5, 1], "InputFormat": "CCB"}])
