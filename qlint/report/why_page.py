"""`qlint why`: what rules saw of one layer, predicate by predicate, and where they stopped."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from qlint.report import records
from qlint.report.escape import MESSAGE_LIMIT, name, quoted, visible
from qlint.report.layout import Style, table
from qlint.report.yamltext import yaml_flow
from qlint.rules.shown import asked, plain, shown

if TYPE_CHECKING:
    from qlint.network.network import Layer, Network
    from qlint.rules.explain import Explanation, Step

SCHEMA = "qlint.why/v1"

_ORDER = ("violation", "undecided", "passes", "does not apply")
_WORD = len("not reached")


def text(network: Network, layer: Layer, explanations: Iterable[Explanation], width: int = 100) -> str:
    """What rules make of a layer, those it violates first.

    Args:
        network: the layer's network.
        layer: the layer.
        explanations: as `qlint.rules.explain` gives them.
        width: columns that sentences are wrapped to.
    """
    lines = list(_head(network, layer))
    for explanation in _ordered(explanations):
        lines += ["", *_explanation(explanation, Style(width=width))]
    return "\n".join(lines) + "\n"


def _head(network: Network, layer: Layer) -> Iterator[str]:
    called = f" {quoted(layer.name)}" if layer.name else ""
    yield f"{name(layer.type)}{called} ({name(layer.id)}) of {visible(network.path)}"
    if layer.op:
        yield f"ONNX operator: {name(layer.op)}"
    rows = [(name(key), visible(shown(value), MESSAGE_LIMIT)) for key, value in layer.properties.items()]
    if rows:
        yield from ("", "Properties", *table(rows, indent=2))


def _ordered(explanations: Iterable[Explanation]) -> list[Explanation]:
    return sorted(explanations, key=lambda found: (_ORDER.index(found.outcome), found.code))


def _explanation(found: Explanation, style: Style) -> Iterator[str]:
    outcome = found.severity if found.outcome == "violation" else found.outcome
    about = " (about the whole network)" if found.scope == "network" else ""
    yield f"{found.code} {found.name}{about}: {outcome}"
    yield style.wrap(found.reason, 2)
    for title, steps in (("when", found.when), (found.asked, found.body)):
        if steps:
            yield f"  {title}"
            yield from _steps(steps, 0)


def _steps(steps: Sequence[Step], depth: int) -> Iterator[str]:
    for step in steps:
        yield f"    {step.truth.ljust(_WORD)}  {'  ' * depth}{name(step.name)}{_details(step)}"
        yield from _steps(step.parts, depth + 1)


def _details(step: Step) -> str:
    """What a predicate saw and wanted; of a compound one the parts say what was wanted."""
    details = []
    if step.saw is not None:
        details.append(f"saw {visible(shown(step.saw), MESSAGE_LIMIT)}")
    if step.wanted is not None and not step.parts:
        details.append(f"wanted {yaml_flow(step.wanted)}")
    if step.missing and not step.parts:
        details.append(f"{visible(step.missing, MESSAGE_LIMIT)} is not known")
    if step.remedy and not step.parts:
        details.append(asked(visible(step.remedy, MESSAGE_LIMIT)))
    return f": {', '.join(details)}" if details else ""


def data(network: Network, layer: Layer, explanations: Iterable[Explanation]) -> dict[str, Any]:
    """The same as data (`qlint.why/v1`)."""
    properties = {key: plain(value) for key, value in layer.properties.items()}
    return {
        "schema": SCHEMA,
        "tool": records.tool(),
        "model": network.path,
        "layer": {
            "id": layer.id,
            "name": layer.name,
            "type": layer.type,
            "op": layer.op or None,
            "properties": properties,
        },
        "explanations": [found.as_data() for found in _ordered(explanations)],
    }
