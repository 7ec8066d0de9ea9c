"""How the texts of a plan write outcomes, amounts and percentages."""

from __future__ import annotations

_LOOKS = {"int8": ("green",), "fixed-point": ("green",), "single": ("yellow",), "unknown": ("magenta",)}
_EXACT = 10_000
_STEP = 1000
_PREFIXES = ("", " k", " M", " G", " T", " P", " E")


def looks(outcome: str) -> tuple[str, ...]:
    """The colours of an outcome."""
    return _LOOKS.get(outcome, ("dim",))


def amount(number: int, zero: str = "0") -> str:
    """A count: exact below ten thousand, else three digits and a prefix (`4.09 G`)."""
    if number < _EXACT:
        return f"{number:,}" if number else zero
    scaled, step = float(number), 0
    while scaled >= _STEP - 0.5 and step < len(_PREFIXES) - 1:
        scaled /= _STEP
        step += 1
    digits = 2 if scaled < 9.995 else 1 if scaled < 99.95 else 0
    return f"{scaled:.{digits}f}{_PREFIXES[step]}"


def percent(share: float) -> str:
    """A percentage to a tenth; what is not all is never written as 100, and what is not nothing never as 0."""
    if share >= 100:
        return "100 %"
    if share <= 0:
        return "0 %"
    return f"{min(max(share, 0.1), 99.9):.1f} %"


def clipped(text: str, width: int) -> str:
    """Text that fits; the beginning goes, since paths of layers differ at their ends."""
    if len(text) <= width:
        return text
    indent = len(text) - len(text.lstrip())
    return text[:indent] + "..." + text[len(text) - width + indent + 3 :]
