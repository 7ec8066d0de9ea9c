"""A user's own environment: `-e my.yaml`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qlint.errors import RuleFileError
from qlint.suggest import did_you_mean

if TYPE_CHECKING:
    from qlint.rules.model import Environment

_SUFFIXES = (".yaml", ".yml")


def is_file(word: str) -> bool:
    """Whether `-e` names a file rather than an environment that comes with qlint; ids have no dots."""
    return word.lower().endswith(_SUFFIXES)


def load(path: str, release: str | None) -> Environment:
    """The environment of a file, fully checked, at a release (None: its newest).

    Raises:
        RuleFileError: the file has a mistake, or names a transform that there is not.
        UsageError: it has no such release.
    """
    from qlint.rules import library
    from qlint.transforms import registry

    environment = library.load_file(path, release)
    named = [(f"rule {rule.code}", rule.fix) for rule in environment.rules if rule.fix is not None]
    named += [("transforms", step.transform) for step in environment.transforms]
    for where, transform in named:
        if transform not in registry.names():
            remedy = did_you_mean(transform, registry.names(), f"there are {', '.join(registry.names())}")
            raise RuleFileError(f"{where}: there is no transform {transform!r}", remedy, path=environment.path)
    return environment
