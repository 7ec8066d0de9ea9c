"""Which rules run: `--select` and `--ignore` by code, beginning of a code, name or tag."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from qlint.errors import UsageError
from qlint.rules.model import Environment, Rule
from qlint.suggest import did_you_mean

ALL = "all"
"""Selects every rule that is on by default; ignoring it leaves none."""


def select(environment: Environment, select: Sequence[str], ignore: Sequence[str]) -> tuple[Rule, ...]:
    """The rules to run, in the environment's order.

    Args:
        environment: its rules that hold in its release are considered.
        select: words, in any case; without any, every rule that is on by default is meant. A rule that is off by
            default is selected by its code, name or tag, never by the beginning of its code.
        ignore: words, which win over `select`.
    """
    wanted, unwanted = [word.casefold() for word in select], [word.casefold() for word in ignore]
    chosen = []
    for rule in environment.rules:
        selected = any(_names(word, rule) or (rule.enabled and _begins(word, rule)) for word in wanted or (ALL,))
        ignored = any(_names(word, rule) or _begins(word, rule) for word in unwanted)
        if selected and not ignored and environment.asks(rule):
            chosen.append(rule)
    return tuple(chosen)


def check_words(environments: Iterable[Environment], words: Iterable[str]) -> None:
    """Refuse words that mean no rule of any of the environments in use.

    Raises:
        UsageError: for the first such word.
    """
    rules = [rule for environment in environments for rule in environment.rules]
    for word in words:
        folded = word.casefold()
        if not any(_names(folded, rule) or _begins(folded, rule) for rule in rules):
            known = {text: None for rule in rules for text in (rule.code, rule.name, *rule.tags)}
            otherwise = "give a code, the beginning of one, a rule's name or a tag"
            raise UsageError(f"no rule is called {word!r}", did_you_mean(word, known, otherwise))


def _names(word: str, rule: Rule) -> bool:
    """Whether a case-folded word is the rule's code, name or one of its tags."""
    return word in (rule.code.casefold(), rule.name, *rule.tags)


def _begins(word: str, rule: Rule) -> bool:
    return word == ALL or (bool(word) and rule.code.casefold().startswith(word))
