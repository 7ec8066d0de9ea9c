"""Properties of the propagation, on random networks and tables."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from qlint.plan.model import Outcome
from tests.plan.making import environment, planned
from tests.rules.making import network

TYPES = [f"t{number}" for number in range(6)]
ROLES = ["always", "conditionally", "fused", "transparent", "never", None]
RANK = {Outcome.SINGLE: 0, Outcome.UNKNOWN: 1} | dict.fromkeys(
    (Outcome.INT8, Outcome.FIXED_POINT, Outcome.FUSED, Outcome.REMOVED), 2
)
LIMIT = """\
  - code: TST201
    name: limit
    severity: error
    layers: ["*"]
    require: {Good: true}
    message: "not good"
    hint: Be good.
    why: Because.
    outcome: single
    evidence: {kind: documented, source: A page}
    examples: {fires: [[{type: x}]], passes: [[{type: x}]]}
"""


def table(roles: dict[str, str | None]) -> Any:
    """An environment that gives types their roles, and whose one rule makes a layer single unless it is `Good`."""
    rows = [
        f"    {role}:\n      - layers: [{', '.join(types)}]\n        evidence: {{kind: documented, source: A page}}"
        for role in ROLES
        if role is not None and (types := [type for type, given in roles.items() if given == role])
    ]
    head = "schema: qlint.rules/v1\nenvironment:\n  id: test\n  prefix: TST\n  title: T\n  summary: T.\n  releases: ['R1']\n"
    # A type that no network has keeps the table from being empty.
    rows.append("    # the end") if rows else rows.append(
        "    never: [{layers: [z], evidence: {kind: documented, source: P}}]"
    )
    return environment(head + "  quantization:\n" + "\n".join(rows) + "\nrules:\n" + LIMIT)


@st.composite
def networks(draw: st.DrawFn) -> tuple[list[dict[str, Any]], list[list[str]]]:
    count = draw(st.integers(1, 9))
    layers: list[dict[str, Any]] = []
    edges: list[list[str]] = []
    for number in range(count):
        good = draw(st.sampled_from([True, True, True, False, None]))
        layers.append({"name": f"n{number}", "type": draw(st.sampled_from(TYPES)), "Good": good})
        before = draw(st.lists(st.integers(0, number - 1), max_size=3, unique=True)) if number else []
        edges += [[f"n{source}", f"n{number}/in{port}"] for port, source in enumerate(before, start=1)]
    return layers, edges


tables = st.fixed_dictionaries({type: st.sampled_from(ROLES) for type in TYPES})


def expected(layers: list[dict[str, Any]], edges: list[list[str]], roles: dict[str, str | None]) -> dict[str, Any]:
    """Whether each layer makes fixed-point data, straight from the definition: True, False or None for unknown."""
    made: dict[str, Any] = {}
    for layer in layers:
        sources = [made[a] for a, b in edges if b.partition("/")[0] == layer["name"]]
        fed = False if not sources or False in sources else None if None in sources else True
        role, own = roles[layer["type"]], layer["Good"]
        if role in ("never", None):
            made[layer["name"]] = False
        elif role in ("conditionally", "transparent"):
            made[layer["name"]] = False if False in (fed, own) else None if None in (fed, own) else True
        else:
            made[layer["name"]] = own
    return made


@settings(deadline=None, max_examples=150)
@given(networks(), tables)
def test_outcomes_follow_the_definition(net: tuple[Any, Any], roles: dict[str, str | None]) -> None:
    layers, edges = net
    plan = planned(network(*layers, connections=edges), table(roles))
    made = expected(layers, edges, roles)
    removable = {layer["name"]: layer["Good"] for layer in layers if roles[layer["type"]] == "transparent"}
    for layer in plan.layers:
        if layer.id in removable:
            gone = {True: Outcome.REMOVED, False: Outcome.SINGLE, None: Outcome.UNKNOWN}
            assert layer.outcome is gone[removable[layer.id]]
        else:
            assert RANK[layer.outcome] == {False: 0, None: 1, True: 2}[made[layer.id]]
        if layer.cause is not None:
            cause = next(other for other in plan.layers if other.id == layer.cause)
            assert cause.outcome is layer.outcome and cause.cause is None
        assert layer.reason


@settings(deadline=None, max_examples=150)
@given(networks(), tables, st.sampled_from(TYPES), st.sampled_from(["always", "conditionally", "fused"]))
def test_quantizing_one_type_more_makes_nothing_single(
    net: tuple[Any, Any], roles: dict[str, str | None], type: str, role: str
) -> None:
    """And nothing unknown that was quantized."""
    layers, edges = net
    if roles[type] not in ("never", None, "conditionally" if role != "conditionally" else None):
        return
    before = planned(network(*layers, connections=edges), table(roles))
    after = planned(network(*layers, connections=edges), table(roles | {type: role}))
    for was, now in zip(before.layers, after.layers, strict=True):
        if was.outcome is not Outcome.REMOVED:
            assert RANK[now.outcome] >= RANK[was.outcome]


@settings(deadline=None, max_examples=100)
@given(networks(), tables)
def test_healing_one_layer_makes_nothing_single(net: tuple[Any, Any], roles: dict[str, str | None]) -> None:
    layers, edges = net
    env = table(roles)
    before = planned(network(*layers, connections=edges), env)
    for number, layer in enumerate(layers):
        healed = [*layers[:number], {**layer, "Good": True}, *layers[number + 1 :]]
        after = planned(network(*healed, connections=edges), env)
        for was, now in zip(before.layers, after.layers, strict=True):
            assert RANK[now.outcome] >= RANK[was.outcome]
