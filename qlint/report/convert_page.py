"""`qlint convert`: what was written, what the other side cannot say, and how the two were compared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qlint.report import records
from qlint.report.escape import name, quoted, visible
from qlint.report.fix_page import compared
from qlint.report.layout import Style, count

if TYPE_CHECKING:
    from qlint.converting import Converted

SCHEMA = "qlint.convert/v1"


def text(converted: Converted, width: int = 100) -> str:
    """What converting came to, in words.

    Args:
        converted: what `qlint.converting.convert` returned.
        width: columns that sentences are wrapped to.
    """
    style = Style(width=width)
    lines = [f"{visible(converted.path)}: {count(converted.layers, 'layer')}"]
    if converted.beyond:
        lines += ["", f"Not expressed: {len(converted.beyond)}"]
    for beyond in converted.beyond:
        what = f"{name(beyond.operator)} " if beyond.operator else ""
        lines.append(f"  {what}{quoted(beyond.layer)}" if beyond.layer else f"  {what}".rstrip() or "  network")
        lines.append(style.wrap(beyond.reason, 4))
    if converted.lost:
        lines += ["", "Not kept:", *(style.wrap(lost, 2) for lost in converted.lost)]
    for tensor, there, here in converted.layouts:
        lines.append(style.wrap(f"{quoted(tensor)} is {there} in the model and {here} in the description", 2))
    lines.append("")
    if converted.reason:
        lines.append(style.wrap(f"The two were not compared: {converted.reason}.", 0))
    for output in converted.outputs:
        measured = f"largest difference {output.error:.3g}, bound {output.bound:.3g}"
        says = output.reason or measured
        lines.append(style.wrap(f"output {quoted(output.name)}: {output.verdict.value}, {says}", 0))
    return "\n".join([*lines, f"Written: {visible(converted.out)}"]) + "\n"


def data(converted: Converted) -> dict[str, Any]:
    """The same as data (`qlint.convert/v1`)."""
    return {
        "schema": SCHEMA,
        "tool": records.tool(),
        "model": converted.path,
        "out": converted.out,
        "layers": converted.layers,
        "partial": bool(converted.beyond),
        "not_expressed": [
            {"layer": beyond.layer or None, "operator": beyond.operator or None, "reason": beyond.reason}
            for beyond in converted.beyond
        ],
        "lost": converted.lost,
        "layouts": [{"name": tensor, "model": there, "description": here} for tensor, there, here in converted.layouts],
        "inputs": converted.inputs,
        "outputs": [compared(output) for output in converted.outputs],
        "reason": converted.reason or None,
    }
