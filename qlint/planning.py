"""The public API of the plan: what becomes of each layer of a model, as it is and as `qlint fix` would make it.

plans = plan("model.onnx", [library.load("matlab", None)], prepared=True)
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qlint import session
from qlint.errors import QlintError
from qlint.files.binding import unmatched

if TYPE_CHECKING:
    from qlint.files.model import Model
    from qlint.network.network import Network
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
    """

    plan: Plan
    prepared: Prepared | None = None


def plan(
    path: str, environments: Sequence[Environment], *, bind: Bind | None = None, prepared: bool = False
) -> list[Planning]:
    """Plan a model.

    Args:
        path: of the model.
        environments: what to plan for.
        bind: sizes of symbolic dimensions and shapes of inputs.
        prepared: also plan the network that the environment's transforms make of it. Nothing is proven or written.

    Returns:
        A plan for each environment, in their order.

    Raises:
        UsageError: a name of `bind` is none of the model's.
        ModelError: the model cannot be read, or its facts contradict each other.
        QlintError: weights that a rule asks for cannot be read.
    """
    try:
        with session.undisturbed():
            loaded, network = session.load(path, bind=bind)
            for error in unmatched(bind, loaded.model.bound):
                raise error
            return [_planning(loaded.model, network, environment, prepared) for environment in environments]
    except QlintError as exc:
        exc.at(path.replace(os.sep, "/"))
        raise


def _planning(model: Model, network: Network, environment: Environment, prepared: bool) -> Planning:
    from qlint.plan.planner import plan_network

    return Planning(plan_network(network, environment), _prepared(model, environment) if prepared else None)


def _prepared(model: Model, environment: Environment) -> Prepared:
    from qlint.network.lift import lift
    from qlint.plan.planner import plan_network
    from qlint.preparing import chosen
    from qlint.transforms import registry
    from qlint.transforms.run import prepare

    steps = chosen(environment)
    found = prepare(model, [registry.load(name) for name in steps])
    counts = Counter(entry.patch.transform for entry in found.applied)
    applied = {name: counts[name] for name in steps if counts[name]}
    return Prepared(plan_network(lift(found.model), environment), applied)
