"""The layers of a plan: one a line, or summed up by type."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from qlint.plan.model import Outcome
from qlint.report.escape import name
from qlint.report.layout import Style
from qlint.report.plan_words import amount, clipped, looks

if TYPE_CHECKING:
    from qlint.plan.model import Plan, Planned

_INDENT = 2
_GAP = 2
_OUTCOME = max(len(outcome) for outcome in Outcome)
_REASONS = 12
"""Most reasons that an outcome is divided by."""

_TOLD = (Outcome.SINGLE, Outcome.UNKNOWN)
"""Outcomes that need a reason; that of the others is in `-v` and in the data."""


def each(plan: Plan, style: Style) -> list[str]:
    """Every layer on a line; equal ones in a row share one."""
    runs = list(_runs(plan.layers))
    rows = [
        (
            _title(run),
            name(run[0].type),
            run[0].outcome.value,
            _sum(layer.parameters for layer in run),
            _sum(layer.macs for layer in run),
        )
        for run in runs
    ]
    lines = _table(("layer", "type", "outcome", "parameters", "MACs"), rows, style, outcome=2, flexible=0)
    told = [lines[0]]
    for run, line in zip(runs, lines[1:], strict=True):
        told.append(line)
        if run[0].outcome in _TOLD:
            told.append(style.wrap(run[0].reason, _INDENT * 3))
    return told


def _runs(layers: Sequence[Planned]) -> Iterator[list[Planned]]:
    """Layers in a row that differ in nothing but their names."""
    run: list[Planned] = []
    for layer in layers:
        if run and _kind(layer) != _kind(run[-1]):
            yield run
            run = []
        run.append(layer)
    if run:
        yield run


def _kind(layer: Planned) -> tuple[object, ...]:
    return layer.type, layer.outcome, layer.reason, layer.parameters, layer.macs


def _title(run: Sequence[Planned]) -> str:
    first = name(run[0].name or run[0].id)
    return first if len(run) == 1 else f"{len(run)} x, from {first}"


def _sum(amounts: Iterable[int | None]) -> str:
    known = list(amounts)
    return "?" if None in known else amount(sum(number for number in known if number is not None), zero="")


def by_type(plan: Plan, style: Style) -> list[str]:
    """Outcomes and, in them, types: how many layers there are, and what they compute.

    Where an outcome needs a reason, types with the same one stand below it.
    """
    rows: list[tuple[str, ...]] = []
    headings: dict[int, str] = {}
    for outcome in Outcome:
        members = [layer for layer in plan.layers if layer.outcome is outcome]
        word = outcome.value
        for heading, layers in _by_reason(members).items():
            if heading:
                headings[len(rows)] = heading
            for type, same in _by_type(layers).items():
                sums = _sum(layer.parameters for layer in same), _sum(layer.macs for layer in same)
                rows.append((word, f"  {name(type)}" if heading else name(type), f"{len(same):,}", *sums))
                word = ""
    lines = _table(("outcome", "type", "layers", "parameters", "MACs"), rows, style, outcome=0, flexible=1)
    told = [lines[0]]
    for number, line in enumerate(lines[1:]):
        if number in headings:
            word = rows[number][0]
            heading = style.wrap(headings[number], _INDENT + _OUTCOME + _GAP)
            told.append(" " * _INDENT + style.paint(word, *looks(word)) + heading[_INDENT + len(word) :])
            line = line.replace(style.paint(word, *looks(word)), " " * len(word), 1) if word else line
        told.append(line)
    return told


def _by_reason(layers: Sequence[Planned]) -> dict[str, list[Planned]]:
    """Layers of one outcome by reason, the commonest first; all together where none needs to be told."""
    if not layers or layers[0].outcome not in _TOLD:
        return {"": list(layers)} if layers else {}
    groups: dict[str, list[Planned]] = {}
    for layer in layers:
        follows = "an input is single" if layer.outcome is Outcome.SINGLE else "an input may be single"
        groups.setdefault(layer.reason if layer.cause is None else follows, []).append(layer)
    ordered = sorted(groups.items(), key=lambda group: -len(group[1]))
    told = dict(ordered[:_REASONS])
    others = [layer for _, more in ordered[_REASONS:] for layer in more]
    if others:
        told[f"{len(ordered) - _REASONS} more reasons (-v lists them)"] = others
    return told


def _by_type(layers: Sequence[Planned]) -> dict[str, list[Planned]]:
    """Layers by type, the commonest first."""
    groups: dict[str, list[Planned]] = {}
    for layer in layers:
        groups.setdefault(layer.type, []).append(layer)
    return dict(sorted(groups.items(), key=lambda group: -len(group[1])))


def _table(
    head: Sequence[str], rows: Sequence[Sequence[str]], style: Style, *, outcome: int, flexible: int
) -> list[str]:
    """Lines of a table with a head; numbers from the fourth column on (counts in the third) are aligned right.

    Args:
        head: titles.
        rows: cells.
        style: colours; the columns fit its width, for which the cells of one column are clipped.
        outcome: number of the column that holds outcomes, which are painted.
        flexible: number of the column that gives way.
    """
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    spare = style.width - _INDENT - _GAP * (len(widths) - 1) - sum(widths)
    if spare < 0:
        widths[flexible] = max(widths[flexible] + spare, len("... x"))
    right = {number for number, title in enumerate(head) if title in ("layers", "parameters", "MACs")}
    lines = [style.paint(_line(head, widths, right), "dim")]
    for row in rows:
        cells = list(row)
        cells[flexible] = clipped(cells[flexible], widths[flexible])
        line = _line(cells, widths, right)
        word = cells[outcome]
        if word:
            at = _INDENT + sum(widths[:outcome]) + _GAP * outcome
            line = line[:at] + style.paint(word, *looks(word)) + line[at + len(word) :]
        lines.append(line)
    return lines


def _line(cells: Sequence[str], widths: Sequence[int], right: set[int]) -> str:
    padded = (
        cell.rjust(width) if number in right else cell.ljust(width)
        for number, (cell, width) in enumerate(zip(cells, widths, strict=True))
    )
    return (" " * _INDENT + (" " * _GAP).join(padded)).rstrip()
