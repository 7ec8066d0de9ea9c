"""`qlint apply`: what a saved patch did."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from qlint.report import records
from qlint.report.escape import name, quoted, visible
from qlint.report.layout import Style, count

if TYPE_CHECKING:
    from qlint.transforms.described.base import Rewrite
    from qlint.transforms.patch import Patch

SCHEMA = "qlint.apply/v1"


def text(model: str, out: str, applied: Sequence[Patch | Rewrite], width: int = 100) -> str:
    """What was done to a model, in words.

    Args:
        model: its path.
        out: where the result was written.
        applied: the rewrites.
        width: columns that sentences are wrapped to.
    """
    style = Style(width=width)
    lines = [f"{visible(model)}: {count(len(applied), 'rewrite')} applied"]
    for patch in applied:
        lines.append(f"  {patch.transform} ({patch.klass}): {name(patch.type)} {quoted(patch.id)}")
        lines.append(style.wrap(patch.title, 4))
    return "\n".join([*lines, f"Written: {visible(out)}"]) + "\n"


def data(model: str, out: str, applied: Sequence[Patch | Rewrite]) -> dict[str, Any]:
    """The same as data (`qlint.apply/v1`)."""
    return {
        "schema": SCHEMA,
        "tool": records.tool(),
        "model": model.replace(os.sep, "/"),
        "out": out.replace(os.sep, "/"),
        "applied": [rewrite(patch) for patch in applied],
    }


def rewrite(patch: Patch | Rewrite) -> dict[str, Any]:
    """A rewrite."""
    return {
        "transform": patch.transform,
        "class": patch.klass,
        "id": patch.id,
        "type": patch.type,
        "title": patch.title,
    }
