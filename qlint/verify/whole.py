"""Two networks as a whole: both run on the same inputs, every output compared."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from math import isfinite, sqrt
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from qlint.errors import ModelError, QlintError
from qlint.files.model import Graph, Model
from qlint.numeric.executor import Executor
from qlint.verify import compare
from qlint.verify.compare import Compared, Verdict
from qlint.verify.inputs import Attempt, Values

if TYPE_CHECKING:
    from collections import Counter

_RANDOM = {
    "RandomNormal",
    "RandomNormalLike",
    "RandomUniform",
    "RandomUniformLike",
    "Multinomial",
    "Bernoulli",
}
_LOCAL = 16
"""Without a float input nothing can be perturbed, and the bound from type and depth is taken so much wider."""


class Runner(Protocol):
    """What runs the second network: an `Executor`, or what runs a network by another one's names."""

    @property
    def fallbacks(self) -> Counter[str]:
        """How often each operator was computed by `onnx.reference`."""

    def run(self, inputs: Values) -> dict[str, Any]:
        """The network's outputs, by name.

        Raises:
            ExecutionError: if it does not run.
        """


def worst(outputs: Sequence[Compared]) -> Compared | None:
    """Of the outputs that were judged, the one nearest to its bound or farthest beyond; None if there is none."""
    judged = [output for output in outputs if output.verdict is not Verdict.NOT_JUDGED]
    return max(judged, key=lambda found: found.error / found.bound if found.bound else found.error, default=None)


def random_by_nature(model: Model) -> str:
    """The operator that makes a network's outputs random, or ""."""
    pending = [model.graph]
    while pending:
        graph = pending.pop()
        for node in graph.nodes:
            if node.domain:
                continue
            if node.op_type in _RANDOM:
                return node.op_type
            if node.op_type == "Dropout" and _drops(graph, node.inputs, model.opsets.get("", 1)):
                return "Dropout in training mode"
        pending.extend(graph.subgraphs())
    return ""


def _drops(graph: Graph, inputs: Sequence[str], opset: int) -> bool:
    if opset < 12 or len(inputs) < 3 or not inputs[2]:
        return False
    mode = graph.initializers.get(inputs[2])
    made = graph.producer.get(inputs[2])
    if mode is None and made is not None and made.op_type == "Constant":
        mode = made.attributes.get("value")
    return mode is None or bool(np.any(np.asarray(mode.values())))


def first_run(executor: Executor, attempts: Iterable[Attempt]) -> tuple[Attempt | None, dict[str, Any], str]:
    """The first inputs a network runs on, and its outputs; else why it did not run on any.

    Inputs that lead to finite outputs are preferred, since infinite ones say little.
    """
    reason = "there are no inputs to try"
    found: tuple[Attempt, dict[str, Any]] | None = None
    for attempt in attempts:
        try:
            outputs = executor.run(attempt.values)
        except QlintError as error:
            reason = error.problem
            continue
        except MemoryError:
            reason = "there is not enough memory"
            continue
        if all(compare.is_finite(value) for value in outputs.values()):
            return attempt, outputs, ""
        found = found or (attempt, outputs)
    return (None, {}, reason) if found is None else (*found, "")


def judge(
    first: Executor,
    second: Runner,
    attempt: Attempt,
    outputs: dict[str, Any],
    *,
    names: dict[str, str] | None = None,
    tolerance: float | None = None,
) -> list[Compared]:
    """Run the second network on the first one's inputs and compare every output.

    Args:
        first: the network that the outputs are of.
        second: the other one.
        attempt: the inputs.
        outputs: the first network's.
        names: the second network's names of the first one's outputs and inputs; default: the same.
        tolerance: allow |a - b| <= tolerance * (1 + |a|) instead of what rounding explains.

    Raises:
        ExecutionError: if the second network does not run.
    """
    called = names or {}
    others = second.run({called.get(name, name): value for name, value in attempt.values.items()})
    pairs = {name: (value, others[called.get(name, name)]) for name, value in outputs.items()}
    model = first.model
    step, levels = compare.epsilon(model), compare.depth(model.graph)
    floats = any(value.dtype.kind == "f" for value in attempt.values.values())
    judged = _Judged(first, attempt, step, sqrt(max(levels, 1)))
    found = []
    for name, (one, other) in pairs.items():
        error = compare.error(one, other)
        if tolerance is not None:
            equal = compare.within(one, other, tolerance)
            bound = tolerance * (1 + compare.scale(one))
            found.append(_verdict(name, Verdict.EQUAL if equal else Verdict.DIFFERS, error, bound))
            continue
        bound = 0.0 if compare.is_exact(one) else compare.derived(compare.scale(one), step, levels)
        bound *= 1 if floats else _LOCAL
        if error <= bound:
            found.append(_verdict(name, Verdict.EQUAL, error, bound))
        else:
            found.append(judged.closely(name, one, error, bound))
    return found


class _Judged:
    """Judges outputs that differ by more than type and depth explain: what do perturbed inputs do to them?"""

    def __init__(self, executor: Executor, attempt: Attempt, step: float, growth: float) -> None:
        self.executor = executor
        self.attempt = attempt
        self.step = step
        self.ratio = 8 * growth
        self._runs: dict[str, dict[str, Any]] = {}

    def closely(self, name: str, value: Any, error: float, bound: float) -> Compared:
        change = compare.error(value, self._run("ulp", _ulp)[name])
        bound = compare.widened(bound, change)
        if error <= bound:
            return _verdict(name, Verdict.EQUAL, error, bound)
        # An output that jumps (a sorted one, an index, a comparison) says nothing where a change of the size of the
        # rounding errors makes it jump too.
        wide = compare.error(value, self._run("wide", lambda values: _scaled(values, self.ratio * self.step))[name])
        jumps = not isfinite(change) or not isfinite(wide) or wide > 8 * self.ratio * bound
        if jumps or (compare.is_exact(value) and wide > 0):
            return _verdict(name, Verdict.NOT_JUDGED, error, bound)
        return _verdict(name, Verdict.DIFFERS, error, bound)

    def _run(self, key: str, perturbed: Callable[[Values], Values]) -> dict[str, Any]:
        if key not in self._runs:
            self._runs[key] = self.executor.run(perturbed(self.attempt.values))
        return self._runs[key]


def _verdict(name: str, verdict: Verdict, error: float, bound: float) -> Compared:
    if verdict is Verdict.EQUAL:
        return Compared(name, verdict, error, bound)
    if verdict is Verdict.NOT_JUDGED:
        return Compared(name, verdict, error, bound, "it jumps when the inputs change by no more than rounding does")
    if not isfinite(error):
        return Compared(name, verdict, error, bound, "shapes, types, or places of NaN and infinities are not the same")
    return Compared(name, verdict, error, bound, f"it is off by {error:.3g}, more than {bound:.3g}")


def _ulp(values: Values) -> Values:
    """Floats moved by one step of their type, up or down."""
    random = np.random.default_rng(1)
    return {
        name: np.nextafter(value, np.where(random.random(value.shape) < 0.5, -np.inf, np.inf).astype(value.dtype))
        if value.dtype in (np.float16, np.float32, np.float64)
        else value
        for name, value in values.items()
    }


def _scaled(values: Values, relative: float) -> Values:
    """Floats changed by a relative amount, up or down."""
    random = np.random.default_rng(2)
    return {
        name: (value * (1 + relative * np.where(random.random(value.shape) < 0.5, -1, 1))).astype(value.dtype)
        if value.dtype.kind == "f"
        else value
        for name, value in values.items()
    }


def pairs(one: Model, other: Model) -> dict[str, str]:
    """The second network's names of the first one's inputs and outputs: the same, or those at the same place.

    Raises:
        ModelError: there are more or fewer of them.
    """
    names: dict[str, str] = {}
    sides = (
        ("inputs", list(one.graph.inputs), list(other.graph.inputs)),
        ("outputs", one.graph.outputs, other.graph.outputs),
    )
    for what, mine, others in sides:
        if len(mine) != len(others):
            problem = f"it has {len(others)} {what}, and {one.path} has {len(mine)}"
            raise ModelError(problem, "compare networks with the same inputs and outputs", path=other.path)
        same = set(mine) == set(others)
        names.update(zip(mine, mine if same else others, strict=True))
    return names
