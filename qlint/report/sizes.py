"""Sizes that a command was given (`--bind`): what a report says holds for these, and may not for others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qlint.report.escape import name

if TYPE_CHECKING:
    from qlint.files.binding import Bind
    from qlint.report.layout import Style


def lines(bind: Bind, style: Style, then: str = "") -> list[str]:
    """The sizes as they are given, by name (`with --bind N=1 --bind x=1,3`), and a remark; nothing where none were."""
    flags = (f"--bind {name(key)}={','.join(map(str, _listed(bind[key])))}" for key in sorted(bind))
    return [style.wrap(f"with {' '.join(flags)}{then}", 0)] if bind else []


def data(bind: Bind) -> dict[str, Any]:
    """The member `bind` of a report, by name: a size, or a list of them; no member where none was given."""
    return {"bind": {key: bind[key] for key in sorted(bind)}} if bind else {}


def _listed(sizes: int | list[int | str]) -> list[int | str]:
    return [sizes] if isinstance(sizes, int) else sizes
