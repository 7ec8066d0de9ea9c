"""How much of a network is quantized, as it is and as preparation makes it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from qlint.report.escape import name
from qlint.report.layout import Style, count, table
from qlint.report.plan_words import amount, percent

if TYPE_CHECKING:
    from qlint.plan.model import Plan, Share
    from qlint.planning import Planning

TITLES = {"layers": "layers", "parameters": "parameters", "macs": "MACs"}
"""The amounts, as people read them."""


def totals(planning: Planning, style: Style) -> list[str]:
    """The summary: one column, or one before and one after preparation."""
    plans = [planning.plan] if planning.prepared is None else [planning.plan, planning.prepared.plan]
    titles = ["Quantized", *(["now", "after qlint fix"] if planning.prepared is not None else [""])]
    rows = [[f"  {title}", *(_share(plan.summary()[what]) for plan in plans)] for what, title in TITLES.items()]
    lines = table([titles, *rows])
    lines[0] = style.paint(lines[0], "bold")
    if planning.prepared is not None:
        lines.append(style.wrap(_applied(planning.prepared.applied), 2))
    return [*lines, *unknown(plans[-1], style)]


def _share(share: Share) -> str:
    if not share.total:
        return "not known" if share.unknown else "none to quantize"
    found = f"{amount(share.quantized)} of {amount(share.total)}"
    if share.unknown:
        return f"{found}, {share.unknown} unknown"
    return f"{percent(share.percent):>6}  {found}"


def _applied(applied: dict[str, int]) -> str:
    if not applied:
        return "qlint fix finds nothing to do."
    steps = ", ".join(f"{name(transform)} ({number})" for transform, number in applied.items())
    return f"qlint fix would apply {steps}."


def unknown(plan: Plan, style: Style) -> Iterator[str]:
    """What would tell the amounts that are not known."""
    summary = plan.summary()
    if summary["parameters"].unknown:
        number = count(summary["parameters"].unknown, "layer")
        yield style.wrap(f"The weights of {number} are not read as learnables, so their parameters are not known.", 2)
    unbound = summary["macs"].unknown - summary["parameters"].unknown
    if unbound > 0:
        binds = " ".join(f"--bind {name(given)}" for given in plan.open_inputs)
        then = f"; run again with {binds}" if binds else ""
        yield style.wrap(f"The MACs of {count(unbound, 'layer')} depend on sizes that are not known{then}.", 2)


def shortfall(plan: Plan, what: str, least: float) -> str:
    """In what a plan falls short of a percentage of `layers`, `parameters` or `macs`; empty where it does not."""
    share = plan.summary()[what]
    if share.percent >= least:
        return ""
    where = f"{name(plan.path)} in {name(plan.environment.id)}"
    if not plan.environment.table.groups:
        return f"{where}: nothing is known of which layers it quantizes, so nothing is certain; plan for others"
    if share.unknown_float:
        layers = count(share.unknown_float, "layer")
        return f"{where}: {least:g} % is not certain, since {layers} in single precision may have any {TITLES[what]}"
    found = f"{share.percent:.6g} % of the {TITLES[what]} are quantized ({share.quantized} of {share.total})"
    return f"{where}: {found}, less than {least:.15g} %"
