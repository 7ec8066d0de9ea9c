"""The public API for preparing networks: fix, apply a saved patch, verify.

fixed = fix("model.onnx", library.load("matlab", None), out="model.fixed.onnx")
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from qlint.comparing import Verified, expect_bound, read_model, verify
from qlint.errors import QlintError, UsageError
from qlint.files.suffixes import is_description
from qlint.preparing_described import Settings

if TYPE_CHECKING:
    from qlint.files.binding import Bind
    from qlint.files.model import Model
    from qlint.rules.model import Environment, Step
    from qlint.transforms.described.base import Rewrite
    from qlint.transforms.patch import Declined, Patch
    from qlint.verify.proof import Verification

__all__ = ["LOSSY", "Fixed", "Verified", "apply_patch", "chosen", "fix", "refused", "verify"]

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
        bind: sizes that the rewrites may rely on, since they were given (`--bind`).
        applied: rewrites in the order in which they were applied.
        declined: layers that a transform is about and left alone, and why.
        verification: how the result was proven.
        out: where it was written, with `/`; None where it was not.
        status: what became of OUT.
        difference: of a description the change of its text, as a unified diff, where nothing is written; else None.
    """

    path: str
    digest: str
    environment: Environment
    steps: dict[str, Step]
    bind: Bind = field(default_factory=dict)
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
    _expect_name_of_model(out)
    model = read_model(path, bind)
    expect_bound(bind, model)
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
    transforms = {step.transform: step for step in environment.transforms}
    fixed = Fixed(path.replace(os.sep, "/"), model.digest, environment, transforms, dict(bind or {}))
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
    from qlint import saving_described as saving
    from qlint.network.reading import read
    from qlint.preparing_described import prepare_description

    loaded = read(Path(path), bind=settings.bind)
    expect_bound(settings.bind, loaded.model)
    assert loaded.described is not None
    prepared = prepare_description(*loaded.described, settings)
    description = prepared.before
    steps = {step.transform: step for step in environment.transforms}
    fixed = Fixed(description.path, description.digest, environment, steps, dict(settings.bind or {}))
    fixed.applied, fixed.declined, fixed.verification = prepared.applied, prepared.declined, prepared.verification
    if fixed.refusal:
        fixed.status = "refused"
        return fixed
    if out is None:
        fixed.difference = saving.text_difference(prepared, environment.id)
    if patch is not None:
        from qlint.transforms.described.patchfile import save

        save(Path(patch), prepared.before, prepared.after, prepared.applied, saving.record(prepared))
    if out is None:
        fixed.status = "would change" if fixed.applied else "untouched"
        return fixed
    fixed.out = out.replace(os.sep, "/")
    if fixed.applied:
        saving.write_prepared(prepared, out)
        fixed.status = "written"
    elif not (os.path.exists(out) and os.path.samefile(path, out)):
        saving.copy_description(description, out)
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


def apply_patch(path: str, patch: str, out: str) -> Sequence[Patch | Rewrite]:
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

    if is_description(path):
        from qlint.saving_described import apply_to_description

        return apply_to_description(path, patch, out)
    _expect_name_of_model(out)
    model = read_model(path)
    prepared = apply_file(Path(patch), model)
    write_model(Path(path), prepared.model, Path(out))
    return [applied.patch for applied in prepared.applied]


def _expect_name_of_model(out: str | None) -> None:
    if out is not None and is_description(out):
        problem = f"{out} is named as a network description, and the result is an ONNX model"
        raise UsageError(problem, "name it .onnx, or use qlint convert")


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
