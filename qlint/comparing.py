"""The public API for comparing networks: any two, ONNX models or descriptions, on the same inputs."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qlint.errors import ExecutionError

if TYPE_CHECKING:
    from qlint.files.binding import Bind
    from qlint.files.model import Model
    from qlint.verify.compare import Compared


@dataclass(slots=True)
class Verified:
    """What comparing two networks came to.

    Attributes:
        paths: of the two, with `/`.
        inputs: what they ran on, {name, type, shape, source}.
        outputs: every output of the first, compared with the second's.
        fallbacks: operators that onnx's reference computed, and how often.
    """

    paths: tuple[str, str]
    inputs: list[dict[str, Any]]
    outputs: list[Compared]
    fallbacks: dict[str, int]

    @property
    def equal(self) -> bool:
        """Whether no output differs."""
        from qlint.verify.compare import Verdict

        return all(output.verdict is not Verdict.DIFFERS for output in self.outputs)


def verify(
    first: str,
    second: str,
    *,
    data: str | None = None,
    tolerance: float | None = None,
    bind: Bind | None = None,
    backend: str = "numpy",
) -> Verified:
    """Run two models on the same inputs and compare every output.

    Args:
        first: path of a model.
        second: path of the other.
        data: an `.npz` with inputs; default: random ones that the first model implies.
        tolerance: the difference that is allowed (see `qlint.verify.whole.judge`); default: what rounding explains.
        bind: sizes of symbolic dimensions and shapes of inputs.
        backend: what runs them, "numpy" or "ort".

    Raises:
        QlintError: they cannot be compared.
    """
    from qlint.network.reading import read
    from qlint.verify.exported import runnable

    with ExitStack() as stack:
        models: list[Model] = []
        for path in (first, second):
            loaded = read(Path(path), bind=bind)
            if loaded.described is None:
                models.append(loaded.model)
            else:
                models.append(stack.enter_context(runnable(loaded.described[1], backend, bind=bind)))
        expect_bound(bind, *models)
        one, other = models
        return _verified((first, second), one, other, data=data, tolerance=tolerance, backend=backend)


def _verified(
    paths: tuple[str, str], one: Model, other: Model, *, data: str | None, tolerance: float | None, backend: str
) -> Verified:
    from qlint.numeric.executor import Executor
    from qlint.verify import whole
    from qlint.verify.data import load
    from qlint.verify.inputs import Attempt, attempts
    from qlint.verify.proof import described

    shown = paths[0].replace(os.sep, "/"), paths[1].replace(os.sep, "/")
    names = whole.pairs(one, other)
    for model in (one, other):
        random = whole.random_by_nature(model)
        if random:
            problem = f"its outputs are random by nature ({random})"
            raise ExecutionError(
                problem, "export it for inference, without random operators", path=shown[model is other]
            )
    given = load(data, one.graph) if data is not None else None
    tries: Iterable[Attempt] = attempts(one.graph) if given is None else [Attempt(given, "the given data")]
    executors = Executor(one, backend=backend), Executor(other, backend=backend)
    attempt, outputs, reason = whole.first_run(executors[0], tries)
    if attempt is None:
        remedy = "give inputs that it runs on with --data FILE.npz"
        raise ExecutionError(f"the network could not be run: {reason}", remedy, path=shown[0])
    compared = whole.judge(*executors, attempt, outputs, names=names, tolerance=tolerance)
    if compared and whole.worst(compared) is None:
        problem = "no output can be judged: each jumps when the inputs change by no more than rounding does"
        raise ExecutionError(problem, "give other inputs with --data FILE.npz, or --tolerance X", path=shown[0])
    counts = dict(executors[0].fallbacks + executors[1].fallbacks)
    return Verified(shown, described(attempt, given=given is not None), compared, counts)


def read_model(path: str, bind: Bind | None = None) -> Model:
    """The nodes of a model or description.

    Raises:
        ModelError: it cannot be read.
        UsageError: a binding contradicts it.
    """
    from qlint.network.reading import read

    return read(Path(path), bind=bind).model


def expect_bound(bind: Bind | None, *models: Model) -> None:
    """Refuse names of `bind` that no model has.

    Raises:
        UsageError: there is one.
    """
    from qlint.files.binding import unmatched

    for error in unmatched(bind, dict.fromkeys(name for model in models for name in model.bindable)):
        raise error.at(models[0].path) if len(models) == 1 else error
