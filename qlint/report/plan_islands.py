"""The float islands of a plan, alike ones told once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from qlint.report.escape import name, quoted
from qlint.report.layout import Style, count
from qlint.report.plan_words import clipped

if TYPE_CHECKING:
    from qlint.plan.model import Cause, Island
    from qlint.planning import Planning

_LISTED = 5
"""Most kinds of islands that are told unless all islands are asked for."""


def islands(planning: Planning, style: Style, *, every: bool) -> list[str]:
    """The islands that split the network, each with what causes it, and below them what would heal them."""
    plan = planning.plan
    if not plan.islands:
        return []
    groups: dict[tuple[object, ...], list[Island]] = {}
    for number, island in enumerate(plan.islands):
        groups.setdefault((number,) if every else _kind(island), []).append(island)
    told = list(groups.values())[: None if every else _LISTED]
    names = {layer.id: layer.name or layer.id for layer in plan.layers}
    lines = [style.paint(_title(planning), "bold")]
    for alike in told:
        lines += _told(alike, names, style)
    if len(groups) > len(told):
        lines.append(f"  and {count(len(groups) - len(told), 'more kind')} (-v lists them)")
    return [*lines, *_remedies([cause for alike in told for cause in alike[0].causes], style)]


def _title(planning: Planning) -> str:
    number = len(planning.plan.islands)
    title = f"{count(number, 'float island')} {'splits' if number == 1 else 'split'} the fixed-point network"
    if planning.prepared is not None:
        title += f"; {len(planning.prepared.plan.islands) or 'none'} after qlint fix"
    return title


def _kind(island: Island) -> tuple[object, ...]:
    """What islands that are told together have in common: their causes, but for what they are called."""
    return tuple(dict.fromkeys((cause.type, cause.reason, cause.code) for cause in island.causes))


def _told(alike: Sequence[Island], names: dict[str, str], style: Style) -> Iterator[str]:
    first = alike[0]
    fewest, most = (extreme(len(island.layers) for island in alike) for extreme in (min, max))
    at = _quoted(names[first.layers[0]], style)
    if len(alike) > 1:
        size = f"{count(most, 'layer')} each" if fewest == most else f"{fewest} to {most} layers"
        yield style.wrap(f"{len(alike)} islands of {size}, from {at} on", 2)
    else:
        end = "" if most == 1 else f" to {_quoted(names[first.layers[-1]], style)}"
        yield style.wrap(f"{count(most, 'layer')}: {at}{end}", 2)
    causes: dict[str, list[Cause]] = {}
    for cause in first.causes:
        causes.setdefault(cause.reason, []).append(cause)
    for reason, same in causes.items():
        types = Counter(cause.type for cause in same)
        several = (f"{number} {name(type)}" if number > 1 else name(type) for type, number in types.items())
        listed = ", ".join(several)
        codes = ", ".join(sorted({cause.code for cause in same if cause.code and not reason.startswith(cause.code)}))
        yield style.wrap(f"{listed}: {reason}" + (f" [{codes}]" if codes else ""), 4, "cause")


def _quoted(text: str, style: Style) -> str:
    """A layer's name in quotes that fits on a line of its own."""
    return f'"{clipped(quoted(text)[1:-1], style.width - 4)}"'


def _remedies(causes: Sequence[Cause], style: Style) -> Iterator[str]:
    """What would heal the causes, each remedy once."""
    known = {cause.code: cause for cause in causes if cause.code is not None}
    helpless = dict.fromkeys(name(cause.type) for cause in causes if not cause.remedy and cause.transform is None)
    for code, cause in sorted(known.items()):
        fix = f"qlint fix may do it ({cause.transform}). " if cause.transform is not None else ""
        yield style.wrap(f"{fix}{cause.remedy}", 2, f"remedy {code}")
    if helpless:
        yield style.wrap(f"none is known for {', '.join(helpless)}", 2, "remedy")
