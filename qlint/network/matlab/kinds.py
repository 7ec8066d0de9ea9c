"""Kinds of property values: what may be written, and the normal form of it.

A kind reads what a user wrote, as MATLAB's constructors would, and says of the same values what a JSON Schema says.
`None` is not known: a `null`, or what MATLAB calls "auto".
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from qlint.suggest import did_you_mean


class UnfitError(ValueError):
    """A value that a property cannot have; its text is what to do instead."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What values a property takes.

    Attributes:
        says: what is expected, for messages ("a positive integer").
        read: the normal form of a value; raises `UnfitError` with what to write.
        schema: JSON Schema of what may be written, null aside.
    """

    says: str
    read: Callable[[Any], Any]
    schema: Mapping[str, Any]

    def unfit(self, remedy: str = "") -> UnfitError:
        """The error for a value that is not of this kind."""
        return UnfitError(remedy or f"write {self.says}")


_LARGEST = (1 << 31) - 1
"""Largest whole number of a property; nothing that a layer counts comes near it."""


def whole(value: Any) -> int | None:
    """A whole number that may be written as a float; None if it is none.

    Raises:
        UnfitError: it is beyond what a layer could count.
    """
    number = _number(value)
    if number is None or not math.isfinite(number) or number != int(number):
        return None
    if abs(number) > _LARGEST:
        raise UnfitError(f"write a whole number of at most {_LARGEST}")
    return int(number)


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        return None  # a NaN is no number
    if isinstance(value, int) and abs(value) > sys.float_info.max:
        raise UnfitError("write a smaller number")
    return value


def integer(*, least: int = 1, most: int | None = None, auto: bool = False, words: tuple[str, ...] = ()) -> Kind:
    """A whole number within bounds, "auto" (not known) where `auto`, or one of `words`."""
    all_words = (*words, "auto") if auto else words
    says = "a whole number" if least < 0 else f"a whole number of at least {least}"
    says += f" and at most {most}" if most is not None else ""
    says = " or ".join([says, *map(repr, all_words)])

    def read(value: Any) -> Any:
        if isinstance(value, str):
            word = _word(value, all_words, says)
            return None if auto and word == "auto" else word
        found = whole(value)
        if found is None or found < least or (most is not None and found > most):
            raise UnfitError(f"write {says}")
        return found

    schema = {"type": "integer", "minimum": least} | ({} if most is None else {"maximum": most})
    return Kind(says, read, _or_words(schema, all_words))


def number(
    *, least: float = -math.inf, above: float = -math.inf, most: float = math.inf, words: tuple[str, ...] = ()
) -> Kind:
    """A finite number within bounds, or one of `words`; "auto" among them is not known."""
    bounds = [f"of at least {least:g}"] if least > -math.inf else [f"above {above:g}"] if above > -math.inf else []
    bounds += [f"at most {most:g}"] if most < math.inf else []
    says = " or ".join([" ".join(["a number", *([" and ".join(bounds)] if bounds else [])]), *map(repr, words)])

    def read(value: Any) -> Any:
        if isinstance(value, str):
            word = _word(value, words, says)
            return None if word == "auto" else word
        found = _number(value)
        if found is None or not math.isfinite(found) or not least <= found <= most or found <= above:
            raise UnfitError(f"write {says}")
        return found

    schema: dict[str, Any] = {"type": "number"}
    if least > -math.inf:
        schema["minimum"] = least
    if above > -math.inf:
        schema["exclusiveMinimum"] = above
    if most < math.inf:
        schema["maximum"] = most
    return Kind(says, read, _or_words(schema, words))


def mode(*words: str, handle: bool = False) -> Kind:
    """One of MATLAB's words, without regard to case; "auto" is not known. With `handle`, also "@..." as it is."""
    says = ("a function handle (@...) or " if handle else "") + "one of " + ", ".join(words)

    def read(value: Any) -> Any:
        if handle and isinstance(value, str) and value.startswith("@"):
            return value
        if not isinstance(value, str):
            raise UnfitError(f"write {says}")
        word = _word(value, words, says)
        return None if word == "auto" else word

    schema: dict[str, Any] = {"enum": list(words)}
    return Kind(says, read, {"anyOf": [schema, {"type": "string", "pattern": "^@"}]} if handle else schema)


def _word(value: str, words: tuple[str, ...], says: str) -> str:
    lower = value.lower()
    if lower in words:
        return lower
    near = did_you_mean(value, words)
    raise UnfitError(f"{near} It takes {says}" if near else f"write {says}")


def _or_words(schema: dict[str, Any], words: tuple[str, ...]) -> dict[str, Any]:
    return {"anyOf": [schema, {"enum": list(words)}]} if words else schema


def _logical(value: Any) -> Any:
    if isinstance(value, bool):
        return value
    if whole(value) in (0, 1):
        return bool(value)
    raise UnfitError("write true or false")


LOGICAL = Kind("true or false", _logical, {"anyOf": [{"type": "boolean"}, {"enum": [0, 1]}]})


def _text(value: Any) -> Any:
    if isinstance(value, str):
        return value
    raise UnfitError("write a text")


TEXT = Kind("a text", _text, {"type": "string"})
ANY = Kind("any value", lambda value: value, {})


def sizes(rank: int, *, least: int = 1) -> Kind:
    """One whole number for each of `rank` axes; one alone stands for all. A rank of 1 gives the number itself."""
    says = f"a whole number of at least {least}" + (f", or a list of {rank} of them" if rank > 1 else "")

    def read(value: Any) -> Any:
        found = [whole(item) for item in value] if isinstance(value, list) else [whole(value)] * rank
        if len(found) != rank or any(item is None or item < least for item in found):
            raise UnfitError(f"write {says}")
        return found if rank > 1 else found[0]

    one = {"type": "integer", "minimum": least}
    listed = {"type": "array", "items": one, "minItems": rank, "maxItems": rank}
    return Kind(says, read, {"anyOf": [one, listed]})


def factors(rank: int) -> Kind:
    """One positive number for each of `rank` axes; one alone stands for all."""
    says = f"a positive number, or a list of {rank} of them"

    def read(value: Any) -> Any:
        found = [_number(item) for item in value] if isinstance(value, list) else [_number(value)] * rank
        if len(found) != rank or any(item is None or not 0 < item < math.inf for item in found):
            raise UnfitError(f"write {says}")
        return found

    one = {"type": "number", "exclusiveMinimum": 0}
    return Kind(says, read, {"anyOf": [one, {"type": "array", "items": one, "minItems": rank, "maxItems": rank}]})


def dimensions(*lengths: int, least: int = 1, open: bool = False, alone: bool = False) -> Kind:
    """A list of whole numbers of one of the given `lengths` (any where there are none).

    Args:
        lengths: how many numbers there may be.
        least: least of each.
        open: whether one may be null: MATLAB's NaN or [].
        alone: whether one number may stand without a list.
    """
    count = " or ".join(map(str, lengths))
    says = f"a list of {count} whole numbers of at least {least}".replace("of  ", "of ")
    says = f"a whole number of at least {least}, or {says}" if alone else says

    def read(value: Any) -> Any:
        if alone and not isinstance(value, list):
            value = [value]
            found = [whole(value[0])]
        elif not isinstance(value, list) or not value or (lengths and len(value) not in lengths):
            raise UnfitError(f"write {says}")
        else:
            found = [None if open and _missing(item) else whole(item) for item in value]
        if any((item is None and not (open and _missing(value[i]))) for i, item in enumerate(found)):
            raise UnfitError(f"write {says}")
        if any(item is not None and item < least for item in found):
            raise UnfitError(f"write {says}")
        return found[0] if alone and len(found) == 1 else found

    one: dict[str, Any] = {"type": "integer", "minimum": least}
    item = {"anyOf": [one, {"type": "null"}, {"type": "array", "maxItems": 0}]} if open else one
    listed: dict[str, Any] = {"type": "array", "items": item, "minItems": min(lengths, default=1)}
    if lengths:
        listed["maxItems"] = max(lengths)
    return Kind(says, read, {"anyOf": [one, listed]} if alone else listed)


def _missing(value: Any) -> bool:
    return value is None or value == [] or (isinstance(value, float) and math.isnan(value))


def _statistic(value: Any) -> Any:
    if _number(value) is not None:
        return value
    if value == []:
        return None  # MATLAB's own for not computed yet
    if isinstance(value, list) and depth(value) is not None:
        return value
    raise UnfitError("write a number, or (nested) lists of numbers of equal lengths, in MATLAB's order")


def depth(value: Any) -> int | None:
    """How deep equally long lists of numbers nest: 0 for a number, None where they do not fit together."""
    level, here = 0, [value]
    while any(isinstance(item, list) for item in here):
        lengths = {len(item) if isinstance(item, list) else -1 for item in here}
        if len(lengths) != 1:
            return None
        level, here = level + 1, [part for item in here for part in item]
        if not here:
            return level
    return level if all(_number(item) is not None for item in here) else None


ARRAY = Kind(
    "a number, or (nested) lists of numbers",
    _statistic,
    {"anyOf": [{"type": "number"}, {"type": "array", "items": {"type": ["number", "array"]}}]},
)
