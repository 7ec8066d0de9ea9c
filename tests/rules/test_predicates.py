"""The vocabulary of rule files, each word with known and unknown facts.

Every case is a rule's `require` asked of the layer `x` of a small network: "passes" where it holds, "violation"
where it does not, "undecided" where it is unknown.
"""

from __future__ import annotations

from typing import Any

import pytest

from qlint.rules.predicates.core import Facts
from tests.rules.making import environment, network, outcome, rule

PASSES, VIOLATION, UNDECIDED = "passes", "violation", "undecided"


def ask(asked: str, layer: dict[str, Any], *before: dict[str, Any] | str, **properties: Any) -> str:
    return outcome(
        f"layers: [x]\nrequire: {asked}", network(*before, {"name": "x", "type": "x", **layer}, **properties)
    )


@pytest.mark.parametrize(
    ("asked", "value", "expected"),
    [
        ("{P: 0}", 0, PASSES),
        ("{P: 0}", 0.0, PASSES),
        ("{P: 0}", [0], PASSES),
        ("{P: 1}", True, PASSES),
        ("{P: 0}", [0, 0], VIOLATION),
        ("{P: 0}", "0", VIOLATION),
        ("{P: 0}", None, UNDECIDED),
        ("{P: Same}", "sAME", PASSES),
        ("{P: [1, 2]}", [1, 2.0], PASSES),
        ("{P: [1, 2]}", [1, None], UNDECIDED),
        ("{P: [1, 2]}", [3, None], VIOLATION),  # the known element decides
        ("{P: {is-not: 0}}", 1, PASSES),
        ("{P: {is-not: 0}}", 0, VIOLATION),
        ("{P: {in: [a, b]}}", "B", PASSES),
        ("{P: {in: [1, 2]}}", [1, 2, 2], PASSES),
        ("{P: {in: [1, 2]}}", [1, 3], VIOLATION),
        ("{P: {in: [[1, 2]]}}", [1, 2], PASSES),
        ("{P: {not-in: [a, b]}}", "c", PASSES),
        ("{P: {not-in: [a, b]}}", "a", VIOLATION),
        ("{P: {min: 1, max: 3}}", 3, PASSES),
        ("{P: {min: 1, max: 3}}", [1, 4], VIOLATION),
        ("{P: {above: 1}}", 1, VIOLATION),
        ("{P: {below: 1}}", 0.5, PASSES),
        ("{P: {min: 1}}", "text", VIOLATION),
        ("{P: {min: 1}}", [2, None], UNDECIDED),
        ("{P: {multiple-of: 4}}", [0, 8], PASSES),
        ("{P: {multiple-of: 4}}", 6, VIOLATION),
        ("{P: {length: 2}}", [7, 7], PASSES),
        ("{P: {length: {max: 3}}}", "four", VIOLATION),
        ("{P: {every: 1}}", [1, [1, 1]], PASSES),
        ("{P: {every: 1}}", [1, 2], VIOLATION),
        ("{P: {some: 1}}", [0, 1], PASSES),
        ("{P: {some: 1}}", [0, None], UNDECIDED),
        ("{P: {some: 1}}", [0, 0], VIOLATION),
        ("{P: {ascii: true}}", "name", PASSES),
        ("{P: {ascii: true}}", "n\u00e4me", VIOLATION),
        ("{P: {starts-with: Re}}", "rescale", PASSES),
        ("{P: {starts-with: re}}", 3, VIOLATION),
        ("{P: {equals-property: Q}}", [2, 2], PASSES),
        ("{P: {equals-property: Q}}", [2, 3], VIOLATION),
        ("{P: {differs-from-property: Q}}", 1, PASSES),
        ("{P: {differs-from-property: Q}}", [1, 2], VIOLATION),
        ("{P: {equals-property: R}}", 1, UNDECIDED),
        ("{P: {equals-property: Many}}", [1, 2, 3], UNDECIDED),  # three elements against two
    ],
)
def test_values(asked: str, value: Any, expected: str) -> None:
    assert ask(asked, {"P": value, "Q": 2, "R": None, "Many": [1, 2]}) == expected


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("{all: [{A: 1}, {B: 2}]}", PASSES),
        ("{all: [{A: 1}, {U: 2}]}", UNDECIDED),
        ("{all: [{U: 1}, {B: 3}]}", VIOLATION),
        ("{any: [{A: 2}, {B: 2}]}", PASSES),
        ("{any: [{U: 1}, {B: 2}]}", PASSES),
        ("{any: [{U: 1}, {B: 3}]}", UNDECIDED),
        ("{any: [{A: 2}, {B: 3}]}", VIOLATION),
        ("{not: {A: 2}}", PASSES),
        ("{not: {A: 1, B: 2}}", VIOLATION),
        ("{not: {U: 1}}", UNDECIDED),
        ("{A: 1, B: 2}", PASSES),
        ("{A: 1, U: 2}", UNDECIDED),
        ("{type: x}", PASSES),
        ("{type: [a, x]}", PASSES),
        ("{type: [a, b]}", VIOLATION),
        ("{type: {starts-with: y}}", VIOLATION),
        ("{name: x}", PASSES),
        ("{network: {Class: dlnetwork}}", PASSES),
        ("{network: {Format: onnx}}", VIOLATION),
        ("{network: {Nothing: 1}}", UNDECIDED),
        ("{count: {layers: [x, 'a*'], is: 2}}", PASSES),
        ("{count: {layers: ['*', '!x'], is: {max: 0}}}", VIOLATION),
    ],
)
def test_logic_and_the_layer_itself(asked: str, expected: str) -> None:
    assert ask(asked, {"A": 1, "B": 2, "U": None}, "addLayer") == expected


def branches() -> Any:
    """in -> a -> d -> x (in1), in -> b -> x (in2), x -> y; a also feeds z."""
    layers = [{"name": name, "type": name} for name in ("in", "a", "d", "b", "x", "y", "z")]
    edges = [["in", "a"], ["a", "d"], ["d", "x/in1"], ["in", "b"], ["b", "x/in2"], ["x", "y"], ["a", "z"]]
    return network(*layers, connections=edges)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("{inputs: 2}", PASSES),
        ("{inputs: {count: {max: 1}}}", VIOLATION),
        ("{inputs: {every: {type: [d, b]}}}", PASSES),
        ("{inputs: {every: {type: d}}}", VIOLATION),
        ("{inputs: {some: {type: b}}}", PASSES),
        ("{inputs: {every: {P: 1}}}", UNDECIDED),
        ("{inputs: {some: {type: q}}}", VIOLATION),
        ("{consumers: 1}", PASSES),
        ("{consumers: {every: {type: y}}}", PASSES),
        ("{predecessor: {type: d}}", PASSES),
        ("{predecessor: {type: d, sole-consumer: true}}", PASSES),
        ("{predecessor: {type: a, through: [d]}}", PASSES),
        ("{predecessor: {type: a, through: [d], sole-consumer: true}}", VIOLATION),  # a feeds z as well
        ("{predecessor: {type: none, through: ['*']}}", PASSES),
        ("{predecessor: {type: in, through: ['*', '!in']}}", PASSES),
        ("{successor: {type: y}}", PASSES),
        ("{successor: {type: none, through: [y]}}", PASSES),
        ("{successor: {type: y, P: 1}}", UNDECIDED),
    ],
)
def test_neighbours(asked: str, expected: str) -> None:
    assert outcome(f"layers: [x]\nrequire: {asked}", branches()) == expected


def test_an_output_of_the_network_is_read_by_more_than_its_consumer() -> None:
    asked = "layers: [x]\nrequire: {predecessor: {type: a, sole-consumer: true}}"
    assert outcome(asked, network("a", "x")) == PASSES
    assert outcome(asked, network({"name": "a", "type": "a", "output": True}, "x")) == VIOLATION


@pytest.mark.parametrize("count", [3, 30])
def test_many_consumers_are_decided_by_one(count: int) -> None:
    layers = [
        {"name": "x", "type": "x"},
        *({"name": f"c{n}", "type": "c"} for n in range(count)),
        {"name": "last", "type": "e"},
    ]
    net = network(*layers, connections=[["x", layer["name"]] for layer in layers[1:]])
    assert outcome("layers: [x]\nrequire: {consumers: {every: {type: [c, e]}}}", net) == PASSES
    assert outcome("layers: [x]\nrequire: {consumers: {every: {type: c}}}", net) == VIOLATION
    assert outcome("layers: [x]\nrequire: {consumers: {some: {type: e}}}", net) == PASSES
    assert outcome("layers: [x]\nrequire: {successor: {type: c}}", net) == VIOLATION


@pytest.mark.parametrize(
    ("asked", "shapes", "expected"),
    [
        ("{input-shape: {rank: 4}}", [[1, 3, 8, 8]], PASSES),
        ("{input-shape: {rank: {min: 3}}}", [None], UNDECIDED),
        ("{input-shape: {axes: {1: {multiple-of: 3}}}}", [["N", 3]], PASSES),
        ("{input-shape: {axes: {0: 1, 1: 4}}}", [["N", 3]], VIOLATION),
        ("{input-shape: {axes: {-1: 3}}}", [["N", None]], UNDECIDED),
        ("{input-shape: {axes: {5: 1}}}", [[1, 1]], VIOLATION),
        ("{same-input-shapes: true}", [[1, "H"], [1, "H"]], PASSES),
        ("{same-input-shapes: true}", [[1, "H"], [1, "W"]], UNDECIDED),
        ("{same-input-shapes: true}", [["N", 2], [1, 3]], VIOLATION),
        ("{same-input-shapes: true}", [[1], [1, 1]], VIOLATION),
        ("{same-input-shapes: true}", [[1], None], UNDECIDED),
        ("{same-input-shapes: false}", [[1], [2]], PASSES),
    ],
)
def test_shapes(asked: str, shapes: list[Any], expected: str) -> None:
    sources = [{"name": f"s{n}", "type": "in", "shape": shape} for n, shape in enumerate(shapes)]
    edges = [[source["name"], f"x/in{n}"] for n, source in enumerate(sources, start=1)]
    net = network(*sources, {"name": "x", "type": "x"}, connections=edges)
    assert outcome(f"layers: [x]\nrequire: {asked}", net) == expected


def test_output_shape() -> None:
    assert ask("{output-shape: {rank: 2}}", {"shape": [1, 2]}) == PASSES
    assert ask("{output-shape: {rank: 2}}", {}) == UNDECIDED


NAN = float("nan")


@pytest.mark.parametrize(
    ("asked", "learnable", "expected"),
    [
        ("present: true", [1.0], PASSES),
        ("present: false", [1.0], VIOLATION),
        ("present: false", None, PASSES),
        ("present: true", None, VIOLATION),
        ("constant: true", [1.0], PASSES),
        ("constant: true", {"shape": [1], "constant": False}, VIOLATION),
        ("constant: false", {"shape": [1], "constant": False}, PASSES),
        ("constant: true", None, VIOLATION),
        ("shared: true", [1.0], VIOLATION),
        ("shared: true", {"shape": [1], "name": "w"}, PASSES),
        ("type: float16", {"shape": [1], "type": "float16"}, PASSES),
        ("type: {is-not: float}", [1.0], VIOLATION),
        ("size: {max: 4}", [[1, 2], [3, 4]], PASSES),
        ("size: {max: 3}", {"shape": [2, 2]}, VIOLATION),
        ("size: 1", {"value": 1}, UNDECIDED),
        ("finite: true", [1.0, 2.0], PASSES),
        ("finite: true", [1.0, NAN], VIOLATION),
        ("finite: true", {"shape": [2]}, UNDECIDED),
        ("every: {above: 0}", [1, 2], PASSES),
        ("every: {above: 0}", [1, 0], VIOLATION),
        ("every: {above: 0}", [1, NAN], VIOLATION),
        ("every: {plus: Epsilon, above: 0}", [1, 0], PASSES),
        ("every: {plus: Epsilon, above: 0}", [1, -1], VIOLATION),
        ("every: {plus: Unknown, above: 0}", [1], UNDECIDED),
        ("every: {min: 1, max: 2}", [1, 3], VIOLATION),
        ("every: 1", {"shape": [3], "value": 1}, PASSES),
        ("every: {in: [1, 2]}", [1, 2, 1], PASSES),
        ("some: {is: 0}", [1, 0], PASSES),
        ("some: {is: 0}", [1, 1], VIOLATION),
        ("some: {not-in: [1]}", [1, 2], PASSES),
        ("channel-spread: {axis: 0, max: 10}", [[1.0, -20.0], [2.0, 3.0]], PASSES),
        ("channel-spread: {axis: 0, max: 10}", [[1.0, -40.0], [2.0, 3.0]], VIOLATION),
        ("channel-spread: {max: 10}", [[0.0], [3.0]], PASSES),  # a channel of zeros has no range
        ("channel-spread: {max: 10}", [[NAN], [3.0]], UNDECIDED),
    ],
)
def test_learnables(asked: str, learnable: Any, expected: str) -> None:
    layer = {"name": "x", "type": "x", "Epsilon": 0.5}
    if learnable is not None:
        layer["learnables"] = {"Bias": learnable}
    other = {"name": "other", "type": "o", "learnables": {"Bias": {"shape": [1], "name": "w"}}}
    assert outcome(f"layers: [x]\nrequire: {{learnables: {{Bias: {{{asked}}}}}}}", network(layer, other)) == expected


def test_walks_through_long_chains_are_remembered() -> None:
    """60 layers deep, with each layer asking: without memory the number of steps is quadratic."""
    env = environment(rule("layers: [x]\nrequire: {predecessor: {type: in, through: [x], sole-consumer: true}}"))
    net = network("in", *({"name": f"x{n}", "type": "x"} for n in range(60)))
    facts = Facts(net, env)
    body = env.rules[0].body
    steps = 0
    original = type(body).next

    def counted(*arguments: Any) -> Any:
        nonlocal steps
        steps += 1
        return original(*arguments)

    type(body).next = counted  # type: ignore[method-assign]
    try:
        assert all(body.holds(layer, facts) for layer in list(net)[1:])
    finally:
        type(body).next = original  # type: ignore[method-assign]
    assert steps < 200
