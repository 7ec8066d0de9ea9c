"""Values for people and for machines: MATLAB's notation in messages, JSON's in reports, both of bounded length."""

from __future__ import annotations

import math
from typing import Any

from qlint.rules.predicates.core import ABSENT
from qlint.tristate import Unknown

ELEMENTS_SHOWN = 8
TEXT_SHOWN = 200


def shown(value: Any) -> str:
    """A value as a message shows it: `mean`, `0.5`, `[1 1 0 0]`; "unknown" where it is."""
    if isinstance(value, Unknown) or value is None:
        return "unknown"
    if value is ABSENT:
        return "nothing"
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, str):
        return value if len(value) <= TEXT_SHOWN else value[: TEXT_SHOWN - 3] + "..."
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list | tuple):
        head = " ".join(shown(item) for item in value[:ELEMENTS_SHOWN])
        return f"[{head} ... {len(value)} values]" if len(value) > ELEMENTS_SHOWN else f"[{head}]"
    return str(value)


def plain(value: Any) -> Any:
    """A value as a report holds it: JSON only (no NaN, no infinity), None where unknown, long lists shortened."""
    if value is None or value is ABSENT or isinstance(value, Unknown):
        return None
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, str):
        return value if len(value) <= TEXT_SHOWN else value[: TEXT_SHOWN - 3] + "..."
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        items = [plain(item) for item in value[: 2 * ELEMENTS_SHOWN]]
        return [*items, f"... {len(value)} values"] if len(value) > 2 * ELEMENTS_SHOWN else items
    return str(value)


def asked(remedy: str) -> str:
    """What would decide one missing fact, as a clause within a sentence."""
    return f"give {remedy}" if remedy.startswith("--") else remedy
