"""`qlint verify`: every output of two networks, compared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qlint.report import records
from qlint.report.escape import name, quoted, visible
from qlint.report.fix_page import compared
from qlint.report.layout import Style

if TYPE_CHECKING:
    from qlint.preparing import Verified

SCHEMA = "qlint.verify/v1"


def text(verified: Verified, width: int = 100) -> str:
    """How far the outputs of two networks are apart, in words.

    Args:
        verified: what `qlint.preparing.verify` returned.
        width: columns that sentences are wrapped to.
    """
    style = Style(width=width)
    first, second = map(visible, verified.paths)
    lines = [f"{first} and {second}"]
    for given in verified.inputs:
        lines.append(f"  input {quoted(given['name'])}: {given['source']} {given['type']}{given['shape']}")
    for output in verified.outputs:
        lines.append(f"  output {quoted(output.name)}: {output.verdict.value}")
        measured = f"largest difference {output.error:.3g}, bound {output.bound:.3g}"
        lines.append(style.wrap(output.reason or measured, 4))
    if verified.fallbacks:
        used = ", ".join(f"{name(operator)} ({times})" for operator, times in sorted(verified.fallbacks.items()))
        lines.append(style.wrap(f"computed by onnx.reference: {used}", 2))
    lines += ["", "They compute the same." if verified.equal else "They differ."]
    return "\n".join(lines) + "\n"


def data(verified: Verified) -> dict[str, Any]:
    """The same as data (`qlint.verify/v1`)."""
    return {
        "schema": SCHEMA,
        "tool": records.tool(),
        "models": list(verified.paths),
        "equal": verified.equal,
        "inputs": verified.inputs,
        "outputs": [compared(output) for output in verified.outputs],
        "fallbacks": verified.fallbacks,
    }
