"""The "did you mean" of every message about a name that does not exist."""

from __future__ import annotations

from collections.abc import Iterable


def did_you_mean(word: str, candidates: Iterable[str], otherwise: str = "") -> str:
    """A remedy naming the candidates nearest to `word`, or `otherwise` where none is near."""
    from difflib import get_close_matches  # costs some milliseconds, and only mistakes need it

    names = {name.lower(): name for name in candidates}
    near = [names[match] for match in get_close_matches(word.lower(), list(names), n=2, cutoff=0.6)]
    if not near:
        return otherwise
    return "did you mean " + " or ".join(repr(name) for name in near) + "?"
