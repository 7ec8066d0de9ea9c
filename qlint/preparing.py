"""The public API for preparing networks: fix, apply a saved patch, verify.

fixed = fix("model.onnx", library.load("matlab", None), out="model.fixed.onnx")
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from qlint.errors import ExecutionError, QlintError, UsageError
from qlint.files.suffixes import is_description
from qlint.preparing_described import Settings

if TYPE_CHECKING:
    from qlint.files.binding import Bind
    from qlint.files.model import Model
    from qlint.rules.model import Environment, Step
    from qlint.transforms.described.base import Rewrite
    from qlint.transforms.patch import Declined, Patch
    from qlint.verify.compare import Compared
    from qlint.verify.proof import Verification

Status = Literal["written", "copied", "untouched", "would change", "refused"]

LOSSY = ("relu6-to-relu",)
"""Transforms that change the function; they run only where the caller says so."""

_TRIES = 4
"""How often a model is prepared again without the rewrites whose regions could not be computed."""


@dataclass(slots=True)
class Fixed:
    """What preparing a model came to.

    Attributes:
        path: the model, with `/`.
        digest: the model's.
        environment: what it was prepared for.
        steps: the transforms that ran, by name, with whose they are.
        applied: rewrites in the order in which they were applied.
        declined: layers that a transform is about and left alone, and why.
        verification: how the result was proven.
        out: where it was written, with `/`; None where it was not.
        status: what became of OUT.
        difference: of a description the change of its text, as a unified diff; None of an ONNX model.
    """

    path: str
    digest: str
    environment: Environment
    steps: dict[str, Step]
    applied: list[Rewrite | Patch] = field(default_factory=list)
    declined: list[Declined] = field(default_factory=list)
    verification: Verification | None = None
    out: str | None = None
    status: Status = "untouched"
    difference: str | None = None

    @property
    def refusal(self) -> str:
        """Why nothing was written; "" where nothing speaks against it."""
        return self.verification.refusal if self.verification is not None else ""


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


def fix(
    path: str,
    environment: Environment,
    *,
    out: str | None = None,
    patch: str | None = None,
    select: Sequence[str] = (),
    ignore: Sequence[str] = (),
    unsafe: bool = False,
    data: str | None = None,
    tolerance: float | None = None,
    bind: Bind | None = None,
    backend: str = "numpy",
) -> Fixed:
    """Prepare a model for an environment, prove the result, and write it.

    Args:
        path: of the model.
        environment: whose transforms run.
        out: where the prepared model goes; the model's own path replaces it. None writes nothing.
        patch: where the rewrites go as a patch.
        select: names of the transforms to run; default: all.
        ignore: names of transforms to leave out.
        unsafe: also run transforms that change the function.
        data: an `.npz` with inputs to prove the whole network on.
        tolerance: the difference of an output that is allowed (see `qlint.verify.whole.judge`).
        bind: sizes of symbolic dimensions and shapes of inputs; rewrites may rely on them.
        backend: what runs the whole network, "numpy" or "ort".

    Returns:
        What was done. Where it could not be proven its `refusal` says so, and nothing was written.

    Raises:
        UsageError: there is no such transform or backend, or nothing has the name that `bind` gives.
        ModelError: the model cannot be read.
        QlintError: the data cannot be read, or a file cannot be written.
    """
    from qlint.transforms import registry
    from qlint.transforms.guarded import Guarded
    from qlint.transforms.remaining import layer_type, unspoken
    from qlint.transforms.run import prepare
    from qlint.verify.data import load
    from qlint.verify.proof import verify_fix

    steps = chosen(environment, select, ignore, unsafe=unsafe)
    if is_description(path):
        return _fix_description(path, environment, Settings(steps, bind, data, tolerance, backend), out, patch)
    model = _read(path, bind)
    _expect_bound(bind, model)
    values = load(data, model.graph) if data is not None else None
    unproven: dict[tuple[str, str], str] = {}
    for _ in range(_TRIES):
        prepared = prepare(model, [Guarded(registry.load(name), unproven) for name in steps])
        patches = [applied.patch for applied in prepared.applied]
        verification = verify_fix(model, prepared.model, patches, data=values, tolerance=tolerance, backend=backend)
        found = {(r.patch.transform, r.patch.id): r.proof.reason for r in verification.rewrites if not r.proof.computed}
        if not found:
            break
        unproven |= {key: f"the rewrite could not be proven: {reason}" for key, reason in found.items()}
    fixed = Fixed(
        path.replace(os.sep, "/"), model.digest, environment, {s.transform: s for s in environment.transforms}
    )
    declined = [*prepared.declined, *unspoken(prepared.model, prepared.declined, steps)]
    fixed.applied = [dataclasses.replace(entry, type=layer_type(entry.type)) for entry in patches]
    fixed.declined = [dataclasses.replace(entry, type=layer_type(entry.type)) for entry in declined]
    fixed.verification = verification
    if fixed.refusal:
        fixed.status = "refused"
        return fixed
    if patch is not None:
        from qlint.transforms.patchfile import save

        record = {key: getattr(verification, key) for key in ("scope", "bound", "error", "inputs")}
        save(Path(patch), model, prepared.applied, record)
    _write(fixed, prepared.model, out)
    return fixed


def _fix_description(
    path: str, environment: Environment, settings: Settings, out: str | None, patch: str | None
) -> Fixed:
    """`fix` for a network description."""
    from qlint import preparing_described as described
    from qlint.network.reading import read

    loaded = read(Path(path), bind=settings.bind)
    _expect_bound(settings.bind, loaded.model)
    assert loaded.described is not None
    prepared = described.prepare_description(*loaded.described, settings)
    description = prepared.before
    steps = {step.transform: step for step in environment.transforms}
    fixed = Fixed(description.path, description.digest, environment, steps)
    fixed.applied, fixed.declined, fixed.verification = prepared.applied, prepared.declined, prepared.verification
    if fixed.refusal:
        fixed.status = "refused"
        return fixed
    fixed.difference = described.text_difference(prepared, environment.id)
    if patch is not None:
        from qlint.transforms.described.patchfile import save

        save(Path(patch), prepared.before, prepared.after, prepared.applied, described.record(prepared))
    if out is None:
        fixed.status = "would change" if fixed.applied else "untouched"
        return fixed
    fixed.out = out.replace(os.sep, "/")
    if fixed.applied:
        described.write_prepared(prepared, out)
        fixed.status = "written"
    elif not (os.path.exists(out) and os.path.samefile(path, out)):
        described.copy_description(description, out)
        fixed.status = "copied"
    return fixed


def refused(fixed: Fixed) -> QlintError:
    """The error that says why nothing was written."""
    remedy = "nothing was written; leave the transform out with --ignore, or give real inputs with --data FILE.npz"
    return QlintError(f"refused: {fixed.refusal}", remedy, path=fixed.path)


def chosen(
    environment: Environment, select: Sequence[str] = (), ignore: Sequence[str] = (), *, unsafe: bool = False
) -> list[str]:
    """Names of the transforms to run for an environment, in order.

    Raises:
        UsageError: a name is of no transform, or of one that only `unsafe` allows.
    """
    from qlint.transforms import registry

    known = registry.names()
    for name in (*select, *ignore):
        registry.load(name)
        if name in LOSSY and not unsafe and name in select:
            raise UsageError(f"{name} changes what the network computes", "add --unsafe to run it all the same")
    usual = [step.transform for step in environment.transforms]
    usual += [name for name in LOSSY if unsafe]
    usual += [name for name in select if name not in usual]
    return [name for name in usual if name in known and (not select or name in select) and name not in ignore]


def apply_patch(path: str, patch: str, out: str) -> list[Patch]:
    """Apply a saved patch to the model it was made of.

    Args:
        path: of the model.
        patch: of the patch.
        out: where the result goes.

    Returns:
        The rewrites that were applied.

    Raises:
        QlintError: the patch is stale, damaged, or a file cannot be read or written.
    """
    from qlint.files.write import write_model
    from qlint.transforms.patchfile import apply_file

    model = _read(path)
    prepared = apply_file(Path(patch), model)
    write_model(Path(path), prepared.model, Path(out))
    return [applied.patch for applied in prepared.applied]


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
    from qlint.numeric.executor import Executor
    from qlint.verify import whole
    from qlint.verify.data import load
    from qlint.verify.inputs import Attempt, attempts
    from qlint.verify.proof import described

    one, other = _read(first, bind), _read(second, bind)
    _expect_bound(bind, one, other)
    names = whole.pairs(one, other)
    for model in (one, other):
        random = whole.random_by_nature(model)
        if random:
            problem = f"its outputs are random by nature ({random})"
            raise ExecutionError(problem, "export it for inference, without random operators", path=model.path)
    given = load(data, one.graph) if data is not None else None
    tries: Iterable[Attempt] = attempts(one.graph) if given is None else [Attempt(given, "the given data")]
    executors = Executor(one, backend=backend), Executor(other, backend=backend)
    attempt, outputs, reason = whole.first_run(executors[0], tries)
    if attempt is None:
        remedy = "give inputs that it runs on with --data FILE.npz"
        raise ExecutionError(f"the network could not be run: {reason}", remedy, path=one.path)
    compared = whole.judge(*executors, attempt, outputs, names=names, tolerance=tolerance)
    if compared and whole.worst(compared) is None:
        problem = "no output can be judged: each jumps when the inputs change by no more than rounding does"
        raise ExecutionError(problem, "give other inputs with --data FILE.npz, or --tolerance X", path=one.path)
    counts = dict(executors[0].fallbacks + executors[1].fallbacks)
    return Verified((one.path, other.path), described(attempt, given=given is not None), compared, counts)


def _read(path: str, bind: Bind | None = None) -> Model:
    from qlint.network.reading import read

    return read(Path(path), bind=bind).model


def _expect_bound(bind: Bind | None, *models: Model) -> None:
    """Refuse names of `bind` that no model has."""
    from qlint.files.binding import unmatched

    for error in unmatched(bind, {name for model in models for name in model.bound}):
        raise error


def _write(fixed: Fixed, model: Model, out: str | None) -> None:
    from qlint.files.write import copy_model, write_model

    if out is None:
        fixed.status = "would change" if fixed.applied else "untouched"
        return
    fixed.out = out.replace(os.sep, "/")
    if fixed.applied:
        write_model(Path(fixed.path), model, Path(out))
        fixed.status = "written"
    elif not (os.path.exists(out) and os.path.samefile(fixed.path, out)):
        copy_model(Path(fixed.path), Path(out))
        fixed.status = "copied"
