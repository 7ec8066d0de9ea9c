"""The plans of one model in several environments, side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from qlint.report import sizes
from qlint.report.escape import name, visible
from qlint.report.layout import Style
from qlint.report.plan_totals import TITLES, unknown
from qlint.report.plan_words import clipped, looks, percent

if TYPE_CHECKING:
    from qlint.plan.model import Plan, Planned
    from qlint.planning import Planning

_INDENT = 2
_LEAST = 12


def comparison(plans: Sequence[Planning], style: Style, *, every: bool) -> Iterator[list[str]]:
    """Layers (or types of layers) by environment, and what is quantized in each.

    Args:
        plans: of one model.
        style: colours and width.
        every: each layer gets a line; otherwise each type.
    """
    planned = style.wrap(f"Planned for {', '.join(map(_environment, plans))}", 0)
    yield [style.paint(visible(plans[0].plan.path), "bold"), planned, *sizes.lines(plans[0].bind, style)]
    silent = [planning for planning in plans if not planning.plan.environment.table.groups]
    telling = [planning for planning in plans if planning not in silent]
    if telling:
        heads = [name(planning.plan.environment.id) for planning in telling]
        yield _table(
            ["layer" if every else "type", *heads], list(_layers(telling) if every else _types(telling)), style
        )
        yield _table(["quantized", *heads], list(_totals(telling)), style)
    yield [*_notes(telling, silent, every, style)]


def _environment(planning: Planning) -> str:
    environment = planning.plan.environment
    return name(environment.id) + (f" {name(environment.release)}" if environment.release else "")


def _notes(telling: Sequence[Planning], silent: Sequence[Planning], every: bool, style: Style) -> Iterator[str]:
    if telling:
        yield from unknown(telling[0].plan, style)
        if not every:
            yield style.wrap("A cell says how many of the layers that compute are quantized.", _INDENT)
    for planning in silent:
        environment = name(planning.plan.environment.id)
        yield style.wrap(f"Nothing is known of which layers {environment} quantizes; it has no column.", _INDENT)


def _layers(plans: Sequence[Planning]) -> Iterator[list[str]]:
    for same in zip(*(planning.plan.layers for planning in plans), strict=True):
        yield [name(same[0].name or same[0].id), *(layer.outcome.value for layer in same)]


def _types(plans: Sequence[Planning]) -> Iterator[list[str]]:
    grouped = [_by_type(planning.plan) for planning in plans]
    for type in grouped[0]:
        yield [name(type), *(_cell(groups[type]) for groups in grouped)]


def _by_type(plan: Plan) -> dict[str, list[Planned]]:
    groups: dict[str, list[Planned]] = {}
    for layer in plan.layers:
        groups.setdefault(layer.type, []).append(layer)
    return groups


def _cell(layers: Sequence[Planned]) -> str:
    """`53/53`: how many of the layers that compute are quantized; what became of them where none computes."""
    left = [layer for layer in layers if not layer.outcome.gone]
    if not left:
        return layers[0].outcome.value
    return f"{sum(layer.outcome.quantized for layer in left)}/{len(left)}"


def _totals(plans: Sequence[Planning]) -> Iterator[list[str]]:
    for what, title in TITLES.items():
        yield [title, *(_percent(planning.plan, what) for planning in plans)]
    yield ["float islands", *(str(len(planning.plan.islands)) for planning in plans)]
    after = [planning.prepared.plan for planning in plans if planning.prepared is not None]
    if after:
        for what, title in TITLES.items():
            yield [f"{title} after fix", *(_percent(plan, what) for plan in after)]
        yield ["islands after fix", *(str(len(plan.islands)) for plan in after)]


def _percent(plan: Plan, what: str) -> str:
    share = plan.summary()[what]
    return "?" if share.unknown else percent(share.percent)


def _table(head: list[str], rows: Sequence[list[str]], style: Style) -> list[str]:
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    rest = sum(widths[1:]) + 2 * (len(widths) - 1) + _INDENT
    widths[0] = max(min(widths[0], style.width - rest), _LEAST)
    lines = [style.paint(_line([cell.ljust(width) for cell, width in zip(head, widths, strict=True)]), "dim")]
    for row in rows:
        first = clipped(row[0], widths[0]).ljust(widths[0])
        cells = [
            style.paint(cell, *looks(cell)) + " " * (width - len(cell))
            for cell, width in zip(row[1:], widths[1:], strict=True)
        ]
        lines.append(_line([first, *cells]))
    return lines


def _line(cells: Sequence[str]) -> str:
    return (" " * _INDENT + "  ".join(cells)).rstrip()
