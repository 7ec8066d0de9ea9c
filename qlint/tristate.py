"""Three-valued truth: a fact is known to hold, known not to hold, or unknown for a reason.

`True` and `False` are themselves; the third value is an `Unknown`, which carries the name of the
missing fact and what would decide it. The connectives are Kleene's: a conjunction with a false part
is false whatever else is missing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Unknown:
    """A value that is not known.

    Attributes:
        missing: the name of the missing fact ("size of axis N of tensor x").
        remedy: what would decide it ("--bind N=1"); empty where nothing the user can do would.
    """

    missing: str
    remedy: str = ""


Truth: TypeAlias = bool | Unknown


def negate(truth: Truth) -> Truth:
    """Not: unknown stays unknown."""
    return truth if isinstance(truth, Unknown) else not truth


def all_of(truths: Iterable[Truth]) -> Truth:
    """And: false if any part is false, else the first unknown, else true."""
    unknown: Unknown | None = None
    for truth in truths:
        if isinstance(truth, Unknown):
            unknown = unknown or truth
        elif not truth:
            return False
    return unknown if unknown is not None else True


def any_of(truths: Iterable[Truth]) -> Truth:
    """Or: true if any part is true, else the first unknown, else false."""
    unknown: Unknown | None = None
    for truth in truths:
        if isinstance(truth, Unknown):
            unknown = unknown or truth
        elif truth:
            return True
    return unknown if unknown is not None else False
