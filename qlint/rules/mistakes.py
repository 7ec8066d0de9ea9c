"""Collecting the mistakes of a rule file, so that its author sees all of them at once."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any, NamedTuple, TypeVar

from qlint.errors import RuleFileError
from qlint.files.yamlfile import Document, Path
from qlint.suggest import did_you_mean

Choice = TypeVar("Choice")


class Mistake(NamedTuple):
    """One mistake: where (`at_key`: the key itself rather than its value), what, and what to do."""

    path: Path
    problem: str
    remedy: str
    at_key: bool


class Mistakes:
    """A sink that the loader's parts write into; nothing is raised until the whole file has been read."""

    def __init__(self, limit: int = 200) -> None:
        self.found: list[Mistake] = []
        self._limit = limit

    def add(self, path: Path, problem: str, remedy: str = "", *, at_key: bool = False) -> None:
        """Note a mistake; beyond the limit they are dropped, since nobody reads them."""
        if len(self.found) < self._limit:
            self.found.append(Mistake(path, problem, remedy, at_key))

    @property
    def full(self) -> bool:
        """Whether the limit is reached, so that looking for more is in vain."""
        return len(self.found) >= self._limit

    def errors(self, document: Document) -> list[RuleFileError]:
        """The mistakes in the order of the file, each with its place."""
        located = []
        for mistake in self.found:
            line, column = document.place(mistake.path, key=mistake.at_key) or (1, 1)
            located.append((line, column, mistake))
        located.sort(key=lambda item: item[:2])
        return [
            RuleFileError(mistake.problem, mistake.remedy, path=document.path, line=line, column=column)
            for line, column, mistake in located
        ]


def kind_of(value: Any) -> str:
    """What people call a YAML value."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "a truth value"
    if isinstance(value, int | float):
        return f"the number {value}"
    if isinstance(value, str):
        return f"the text {value[:40]!r}"
    return "a list" if isinstance(value, list) else "a mapping"


class Section:
    """One mapping of a rule file, read field by field.

    Every getter notes a mistake and returns something harmless where the file is wrong, so that reading goes on.
    """

    __slots__ = ("data", "mistakes", "path", "readable", "what")

    def __init__(self, data: Any, path: Path, what: str, mistakes: Mistakes, known: Collection[str]) -> None:
        """`what` names it in messages ("rule"); keys outside `known` are mistakes."""
        self.path = path
        self.what = what
        self.mistakes = mistakes
        self.data: dict[str, Any] = {}
        self.readable = isinstance(data, dict)
        if not isinstance(data, dict):
            mistakes.add(path, f"{what} must be a mapping, not {kind_of(data)}", "write key: value entries")
            return
        self.data = data
        for key in data:
            if key not in known:
                mistakes.add(
                    (*path, key),
                    f"{what} has no key {key!r}",
                    did_you_mean(key, known, "it may have " + ", ".join(known)),
                    at_key=True,
                )

    def wrong(self, key: str, problem: str, remedy: str = "") -> None:
        """Note that a field's value is wrong."""
        self.mistakes.add((*self.path, key), problem, remedy)

    def get(self, key: str, *, required: bool = False) -> Any:
        """A field's raw value, or None."""
        value = self.data.get(key)
        if required and value is None and self.readable:
            at = (*self.path, key) if key in self.data else self.path
            self.mistakes.add(at, f"{self.what} lacks {key!r}", f"add {key}")
        return value

    def text(
        self, key: str, *, required: bool = False, pattern: re.Pattern[str] | None = None, like: str = ""
    ) -> str | None:
        """A text; with `pattern`, one that matches it wholly (`like` describes that)."""
        value = self.get(key, required=required)
        if value is None:
            return None
        if not isinstance(value, str):
            quote = "quote it" if isinstance(value, int | float) else "write text"
            self.wrong(key, f"{key} must be text, not {kind_of(value)}", quote)
            return None
        if not value.strip():
            self.wrong(key, f"{key} is empty", f"write {key}, or leave it out" if not required else f"write {key}")
            return None
        if pattern is not None and not pattern.fullmatch(value):
            self.wrong(key, f"{key} {value[:60]!r} is not {like}", "rename it")
            return None
        return value

    def texts(self, key: str, *, required: bool = False) -> tuple[str, ...]:
        """A list of texts."""
        value = self.get(key, required=required)
        if value is None:
            return ()
        if not isinstance(value, list):
            self.wrong(key, f"{key} must be a list, not {kind_of(value)}", "write [...] around it")
            return ()
        if required and not value:
            self.wrong(key, f"{key} is empty", "name at least one")
        texts = []
        for number, item in enumerate(value):
            if isinstance(item, str) and item:
                texts.append(item)
            else:
                remedy = "quote it" if isinstance(item, int | float) else "write text"
                self.mistakes.add((*self.path, key, number), f"{key} must hold texts, not {kind_of(item)}", remedy)
        return tuple(texts)

    def flag(self, key: str, *, default: bool) -> bool:
        """A truth value."""
        value = self.get(key)
        if value is None:
            return default
        if not isinstance(value, bool):
            self.wrong(key, f"{key} must be true or false, not {kind_of(value)}", "write true or false")
            return default
        return value

    def choice(self, key: str, choices: dict[str, Choice], *, default: Choice | None = None) -> Choice | None:
        """One of a few words; required unless it has a default."""
        value = self.get(key, required=default is None)
        if value is None:
            return default
        if not isinstance(value, str) or value not in choices:
            word = value if isinstance(value, str) else ""
            listed = ", ".join(choices)
            self.wrong(
                key, f"{key} must be one of {listed}, not {kind_of(value)}", did_you_mean(word, choices, "choose one")
            )
            return default
        return choices[value]

    def items(self, key: str, *, required: bool = False) -> list[Any]:
        """A list of anything."""
        value = self.get(key, required=required)
        if value is None:
            return []
        if not isinstance(value, list):
            self.wrong(key, f"{key} must be a list, not {kind_of(value)}", "start each entry with '- '")
            return []
        return value
