"""`qlint plan`: what becomes of each layer, where the network leaves fixed point, and how much is quantized."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from qlint.diagnostics import EvidenceKind
from qlint.report import records, sizes
from qlint.report.escape import name, visible
from qlint.report.layout import Style
from qlint.report.plan_comparison import comparison
from qlint.report.plan_islands import islands
from qlint.report.plan_layers import by_type, each
from qlint.report.plan_totals import totals

if TYPE_CHECKING:
    from qlint.plan.model import Cause, Island, Plan, Planned, Share
    from qlint.planning import Planning
    from qlint.rules.model import Environment

SCHEMA = "qlint.plan/v1"

LISTED = 40
"""Most layers that are listed one by one unless every layer is asked for."""


def text(plans: Sequence[Planning], style: Style, *, verbose: bool = False, assumed: bool = False) -> str:
    """The plans of one model in words: one on a page of its own, several in a table that compares them.

    Args:
        plans: as `qlint.planning.plan` gives them.
        style: colours and width.
        verbose: list every layer and every island.
        assumed: the environment is the default.
    """
    if len(plans) == 1:
        return _text(_page(plans[0], style, verbose, assumed))
    blocks: list[Sequence[str]] = list(comparison(plans, style, every=verbose or len(plans[0].plan.layers) <= LISTED))
    if verbose:
        blocks += [block for planning in plans for block in _page(planning, style, verbose, assumed=False)]
    return _text(blocks)


def _text(blocks: Sequence[Sequence[str]] | Iterator[Sequence[str]]) -> str:
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def _page(planning: Planning, style: Style, verbose: bool, assumed: bool) -> Iterator[Sequence[str]]:
    plan = planning.plan
    said = "No -e given: planned for" if assumed else "Planned for"
    head = [f"{style.paint(visible(plan.path), 'bold')}", f"{said} {_environment(plan.environment)}"]
    yield head + sizes.lines(planning.bind, style)
    yield (each if verbose or len(plan.layers) <= LISTED else by_type)(plan, style)
    yield islands(planning, style, every=verbose)
    yield totals(planning, style)
    yield _founded(plan, style)


def _environment(environment: Environment) -> str:
    return name(environment.id) + (f", release {name(environment.release)}" if environment.release else "")


def _founded(plan: Plan, style: Style) -> list[str]:
    """How it is known what the environment does with these layers, unless all of it is documented."""
    kinds = [layer.evidence for layer in plan.layers if layer.evidence is not None]
    counts = ((kind, kinds.count(kind)) for kind in EvidenceKind)
    parts = [f"{count} {kind.value}" for kind, count in counts if count]
    if not parts or set(kinds) == {EvidenceKind.DOCUMENTED}:
        return []
    check = "; what is recalled is from memory of the documentation, so check your release"
    recalled = check if EvidenceKind.RECALLED in kinds else ""
    return [style.wrap(", ".join(parts) + recalled, 0, "Evidence")]


def data(plans: Sequence[Planning]) -> dict[str, Any]:
    """The same as data (`qlint.plan/v1`); several plans stand in a list."""
    if len(plans) == 1:
        return {"schema": SCHEMA, "tool": records.tool(), **_planning(plans[0])}
    return {"schema": SCHEMA, "tool": records.tool(), "plans": [_planning(planning) for planning in plans]}


def _planning(planning: Planning) -> dict[str, Any]:
    plan, prepared = planning.plan, planning.prepared
    found = {
        "environment": records.environment(plan.environment),
        "model": {"path": plan.path, "digest": plan.digest},
        **sizes.data(planning.bind),
        **_plan(plan),
    }
    if prepared is not None:
        applied = [{"transform": transform, "count": count} for transform, count in prepared.applied.items()]
        found["prepared"] = {"applied": applied, **_plan(prepared.plan)}
    return found


def _plan(plan: Plan) -> dict[str, Any]:
    return {
        "layers": list(map(_layer, plan.layers)),
        "summary": {what: _share(share) for what, share in plan.summary().items()},
        "islands": list(map(_island, plan.islands)),
    }


def _layer(layer: Planned) -> dict[str, Any]:
    return {
        "id": layer.id,
        "name": layer.name,
        "type": layer.type,
        "outcome": layer.outcome.value,
        "reason": layer.reason,
        "cause": layer.cause,
        "parameters": layer.parameters,
        "macs": layer.macs,
    }


def _share(share: Share) -> dict[str, int]:
    return {"total": share.total, "quantized": share.quantized, "unknown": share.unknown}


def _island(island: Island) -> dict[str, Any]:
    return {"layers": list(island.layers), "causes": list(map(_cause, island.causes))}


def _cause(cause: Cause) -> dict[str, Any]:
    return {
        "id": cause.id,
        "type": cause.type,
        "reason": cause.reason,
        "code": cause.code,
        "remedy": cause.remedy or None,
        "transform": cause.transform,
    }
