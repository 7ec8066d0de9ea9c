"""The public API: check models against environments.

    report = check(["model.onnx"], [library.load("matlab", None)])

Reading, lifting and checking need onnx, numpy and networkx, which are imported on first use.
"""

from __future__ import annotations

import gc
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from qlint.diagnostics import Diagnostic, Outcome
from qlint.discovery import repository_path
from qlint.errors import ModelError, QlintError
from qlint.files.binding import unmatched

if TYPE_CHECKING:
    from qlint.errors import InternalError
    from qlint.network.network import Network
    from qlint.network.reading import Loaded
    from qlint.rules.model import Environment, Rule

Bind: TypeAlias = Mapping[str, int | list[int | str]]
"""`--bind`: a symbol's size, or an input's whole shape, by name."""


@dataclass(frozen=True, slots=True)
class CheckedModel:
    """A model of a check.

    Attributes:
        path: as given, with `/`.
        digest: SHA-256 of what was read ("sha256:..."), None where it could not be read.
        reason: why it could not be read; None where it could.
        layers: number of layers.
    """

    path: str
    digest: str | None
    reason: str | None = None
    layers: int = 0

    @property
    def status(self) -> str:
        """`checked` or `unreadable`."""
        return "checked" if self.reason is None else "unreadable"


@dataclass(slots=True)
class Report:
    """Everything a check found; every format is rendered from it.

    Attributes:
        environments: what was checked against, in the order of their ids.
        assumed: no environment was asked for, and the default was taken.
        bind: sizes that the findings rely on, since they were given (`--bind`).
        models: in the order of their paths.
        diagnostics: by model, then the whole network's, then by layer in topological order, then by code.
        errors: what could not be done; each names its path.
        notes: what else its reader should know: what a model asks not to be told of, and never is.
    """

    environments: tuple[Environment, ...]
    assumed: bool = False
    bind: Bind = field(default_factory=dict)
    models: list[CheckedModel] = field(default_factory=list)
    diagnostics: list[Diagnostic] = field(default_factory=list)
    errors: list[QlintError] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def counts(self) -> dict[str, int]:
        """Numbers of findings: violations by severity (`error`, `warning`, `info`), `undecided`, and `suppressed`."""
        found = Counter(map(_kind, self.diagnostics))
        return {key: found[key] for key in ("error", "warning", "info", "undecided", "suppressed")}


def _kind(finding: Diagnostic) -> str:
    if finding.suppressed is not None:
        return "suppressed"
    return finding.severity.label if finding.outcome is Outcome.VIOLATION else "undecided"


def read_network(path: str, *, bind: Bind | None = None, data: bytes | None = None) -> tuple[Network, tuple[str, ...]]:
    """A model's network, and the names that `bind` may give; none where it gives none.

    Args:
        path: of the model; only its name if `data` is given.
        bind: sizes of symbolic dimensions and shapes of inputs.
        data: the model's bytes, where they were not read from a file.

    Raises:
        ModelError: the model cannot be read, or its facts contradict each other.
    """
    loaded, network = load(path, bind=bind, data=data)
    return network, loaded.model.bindable


def load(path: str, *, bind: Bind | None = None, data: bytes | None = None) -> tuple[Loaded, Network]:
    """A model's nodes and its network; arguments and errors as of `read_network`."""
    from qlint.network.reading import read

    try:
        loaded = read(Path(path), data=data, bind=dict(bind or {}))
        return loaded, loaded.network()
    except MemoryError as exc:
        raise ModelError("there is not enough memory to read this model", "check it alone", path=path) from exc
    except RecursionError as exc:
        raise ModelError("subgraphs nest too deeply", "export a flatter graph", path=path) from exc
    except QlintError as exc:
        exc.at(path.replace(os.sep, "/"))
        raise


def check(
    paths: Sequence[str],
    environments: Sequence[Environment],
    *,
    rules: Callable[[Environment], tuple[Rule, ...]] | None = None,
    bind: Bind | None = None,
    data: bytes | None = None,
    assumed: bool = False,
    progress: Callable[[str, int], None] | None = None,
) -> Report:
    """Check models; one that cannot be read becomes an entry of the report's errors, and the others go on.

    Args:
        paths: of the models.
        environments: what to check against.
        rules: which rules of an environment run; default: those that are on by default.
        bind: sizes of symbolic dimensions and shapes of inputs.
        data: bytes of the only model, where they come from standard input.
        assumed: the environments are the default (reports say so).
        progress: called before each model with its path and number.
    """
    from qlint.rules.selection import select
    from qlint.rules.suppressing import Suppressing

    chosen = [(e, rules(e) if rules else select(e, (), ())) for e in sorted(environments, key=lambda e: e.id)]
    report = Report(tuple(environment for environment, _ in chosen), assumed, dict(bind or {}))
    bindable: dict[str, None] = {}
    for number, path in enumerate(sorted(paths)):
        if progress is not None:
            progress(path, number)
        with undisturbed():
            try:
                network, names = read_network(path, bind=bind, data=data)
            except QlintError as exc:
                report.errors.append(exc)
                report.models.append(CheckedModel(path, None, exc.what))
                continue
            bindable.update(dict.fromkeys(names))
            report.models.append(CheckedModel(path, network.digest, layers=len(network)))
            suppressing = Suppressing(network)
            for environment, selected in chosen:
                findings = _findings(network, environment, selected, path, report.errors)
                report.diagnostics.extend(suppressing.mark(findings, environment, selected))
            report.notes.extend(suppressing.unused())
    if all(model.reason is None for model in report.models):
        report.errors.extend(unmatched(bind, bindable))
    return report


def _findings(
    network: Network, environment: Environment, rules: tuple[Rule, ...], path: str, errors: list[QlintError]
) -> Iterator[Diagnostic]:
    from qlint.rules import engine

    failures: list[InternalError] = []
    yield from engine.check(network, environment, rules, fingerprint_path=repository_path(path), failures=failures)
    errors.extend(failure.at(path) for failure in failures)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Without the cyclic collector, and without numpy's warnings about weights that are NaN or infinite.

    The collector would walk a network's cycles again and again (1.3 times the time).
    """
    import numpy as np

    enabled = gc.isenabled()
    gc.disable()
    try:
        with np.errstate(all="ignore"):
            yield
    finally:
        if enabled:
            gc.enable()
