"""The public API of the plan: what becomes of each layer of a model, as it is and as `qlint fix` would make it.

plans = plan("model.onnx", [library.load("matlab", None)], prepared=True)
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from qlint import session
from qlint.errors import QlintError
from qlint.files.binding import unmatched

if TYPE_CHECKING:
    from qlint.files.model import Model
    from qlint.network.network import Network
    from qlint.network.reading import Loaded
    from qlint.plan.model import Plan
    from qlint.rules.model import Environment
    from qlint.session import Bind


@dataclass(frozen=True, slots=True)
class Prepared:
    """A model's plan after preparation.

    Attributes:
        plan: of the network as `qlint fix` would make it.
        applied: names of the environment's transforms and how often each found something to do, in their order.
    """

    plan: Plan
    applied: dict[str, int]


@dataclass(frozen=True, slots=True)
class Planning:
    """A model's plan in one environment.

    Attributes:
        plan: of the network as it is.
        prepared: of the network after preparation; None where that was not asked for.
        bind: sizes that the plan relies on, since they were given (`--bind`).
    """

    plan: Plan
    prepared: Prepared | None = None
    bind: Bind = field(default_factory=dict)


def plan(
    path: str, environments: Sequence[Environment], *, bind: Bind | None = None, prepared: bool = False
) -> list[Planning]:
    """Plan a model.

    Args:
        path: of the model.
        environments: what to plan for.
        bind: sizes of symbolic dimensions and shapes of inputs.
        prepared: also plan the network that the environment's transforms make of it. Nothing is written.

    Returns:
        A plan for each environment, in their order.

    Raises:
        UsageError: a name of `bind` is none of the model's.
        ModelError: the model cannot be read, or its facts contradict each other.
        QlintError: weights that a rule asks for cannot be read.
    """
    try:
        from qlint.plan.planner import plan_network

        with session.undisturbed():
            loaded, network = session.load(path, bind=bind)
            for error in unmatched(bind, loaded.model.bindable):
                raise error
            return [
                Planning(
                    plan_network(network, environment),
                    _prepared(loaded, environment, bind) if prepared else None,
                    dict(bind or {}),
                )
                for environment in environments
            ]
    except QlintError as exc:
        exc.at(path.replace(os.sep, "/"))
        raise


def _prepared(loaded: Loaded, environment: Environment, bind: Bind | None) -> Prepared:
    from qlint.plan.planner import plan_network
    from qlint.preparing import chosen

    steps = chosen(environment)
    network, transforms = _described(loaded, steps, bind) if loaded.described else _nodes(loaded.model, steps)
    counts = Counter(transforms)
    return Prepared(plan_network(network, environment), {name: counts[name] for name in steps if counts[name]})


def _nodes(model: Model, steps: Sequence[str]) -> tuple[Network, list[str]]:
    """A prepared ONNX model, and the transforms that made it."""
    from qlint.network.lift import lift
    from qlint.transforms import registry
    from qlint.transforms.run import prepare

    found = prepare(model, [registry.load(name) for name in steps])
    return lift(found.model), [entry.patch.transform for entry in found.applied]


def _described(loaded: Loaded, steps: Sequence[str], bind: Bind | None) -> tuple[Network, list[str]]:
    """A prepared description, and the transforms that made it; as it is where `qlint fix` would refuse."""
    from qlint.network.described import describe
    from qlint.network.lower.assemble import lower
    from qlint.preparing_described import Settings, prepare_description

    assert loaded.described is not None
    found = prepare_description(*loaded.described, Settings(steps, bind))
    if found.verification is not None and found.verification.refusal:
        return loaded.network(), []
    return describe(found.after, lower(found.after, bind=bind)), [entry.transform for entry in found.applied]
