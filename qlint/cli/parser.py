"""An argparse parser that says "did you mean" and prints errors as qlint does."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable
from typing import Any, NoReturn, TypeVar

from qlint.errors import UsageError
from qlint.suggest import did_you_mean

Name = TypeVar("Name", bound=str)

_UNKNOWN = r"unrecognized arguments: (?P<words>.*)"
_CHOICE = r"argument (?P<argument>[^:]*): invalid choice: (?P<word>'.*?'|\".*?\") \(choose from (?P<choices>.*)\)"


class Parser(argparse.ArgumentParser):
    """`ArgumentParser` whose mistakes are `UsageError`s; flags are never abbreviated."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("allow_abbrev", False)
        kwargs.setdefault("formatter_class", Formatter)
        super().__init__(*args, **kwargs)

    def error(self, message: str) -> NoReturn:
        """Raise what argparse found as a `UsageError`."""
        unknown = re.match(_UNKNOWN, message, re.DOTALL)
        if unknown:
            word = unknown["words"].split()[0]
            flags = [flag for action in self._actions for flag in action.option_strings if flag.startswith("--")]
            what = "flag" if word.startswith("-") else "argument"
            problem = f"there is no {what} {word!r}" if what == "flag" else f"unexpected {what} {word!r}"
            raise UsageError(problem, did_you_mean(word.partition("=")[0], flags, self._help()))
        choice = re.match(_CHOICE, message, re.DOTALL)
        if choice:
            word, names = choice["word"][1:-1], re.findall(r"[\w-]+", choice["choices"])
            what = choice["argument"] if choice["argument"].startswith("-") else "the command"
            raise UsageError(f"{what} cannot be {word!r}", did_you_mean(word, names, "use " + ", ".join(names)))
        raise UsageError(message, self._help())

    def _help(self) -> str:
        return f"see `{self.prog} --help`"


class Formatter(argparse.HelpFormatter):
    """Help with room for long flags."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=30)


def one_of(word: str, names: Iterable[Name], what: str) -> Name:
    """The name a word means, without regard to case.

    Raises:
        UsageError: it is none of them.
    """
    names = tuple(names)
    for name in names:
        if word.lower() == name.lower():
            return name
    raise UsageError(f"there is no {what} {word!r}", did_you_mean(word, names, "use " + ", ".join(names)))
