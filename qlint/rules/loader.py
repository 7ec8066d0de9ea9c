"""Reading a rule file into an `Environment`.

The same code reads shipped files and users' own. Shipped ones are known to be good (the tests check them), so at
run time they skip what only a doubtful file needs: the JSON Schema, and building the networks of the examples.
"""

from __future__ import annotations

import os
from typing import Any

from qlint.errors import QlintError, RuleFileError
from qlint.files.yamlfile import Document, parse, read
from qlint.rules.header import parse_header
from qlint.rules.mistakes import Mistakes, Section, kind_of
from qlint.rules.model import Environment, Rule
from qlint.rules.parse_rule import parse_rule

SCHEMA = "qlint.rules/v1"
_PROFILES = "qlint.profile/"


def load_environment(path: str | os.PathLike[str], *, full_check: bool, shown: str | None = None) -> Environment:
    """Read a rule file.

    Args:
        path: the file.
        full_check: also check it against the JSON Schema and build the networks of its examples.
        shown: the path as messages name it; default: as given.

    Raises:
        RuleFileError: for the first mistake, saying how many more there are.
    """
    environment, errors = examine(read(path, shown), full_check=full_check)
    if not errors:
        return environment
    first, more = errors[0], len(errors) - 1
    if not more:
        raise first
    remedy = f"{first.remedy} ({more} more; `qlint rules validate` lists all)".lstrip()
    raise RuleFileError(first.problem, remedy, path=environment.path, line=first.line, column=first.column)


def validate(path: str | os.PathLike[str]) -> list[RuleFileError]:
    """All mistakes of a rule file or a processor profile, in its order; of text that is no YAML only the first."""
    try:
        return _mistakes(read(path))
    except RuleFileError as exc:
        return [exc]


def validate_text(text: str, shown: str = "<text>") -> list[RuleFileError]:
    """The same for text already at hand (editors)."""
    try:
        return _mistakes(parse(text, shown))
    except RuleFileError as exc:
        return [exc]


def _mistakes(document: Document) -> list[RuleFileError]:
    schema = document.data.get("schema") if isinstance(document.data, dict) else None
    if isinstance(schema, str) and schema.startswith(_PROFILES):
        from qlint.rules import profile  # few ask for it, and `qlint rule` has to be instant

        return profile.examine(document)[1]
    return examine(document, full_check=True)[1]


def examine(document: Document, *, full_check: bool) -> tuple[Environment, list[RuleFileError]]:
    """The environment a document describes, and its mistakes; with any, the environment is not to be used."""
    mistakes = Mistakes()
    top = Section(document.data, (), "a rule file", mistakes, ("schema", "environment", "rules"))
    schema = top.get("schema", required=True)
    if schema is not None and schema != SCHEMA:
        top.wrong("schema", f"the schema is {kind_of(schema)}", f"this qlint reads {SCHEMA}")
    header_data = top.get("environment", required=True)
    header = parse_header(
        {} if header_data is None else header_data, mistakes if header_data is not None else Mistakes()
    )
    items = top.items("rules", required=True)
    rules = [parse_rule(item, ("rules", number), header, mistakes) for number, item in enumerate(items)]
    _check_unique(rules, mistakes)
    if full_check:
        _check_fully(document, rules, mistakes)
    environment = Environment(
        id=header.id,
        prefix=header.prefix,
        title=header.title,
        summary=header.summary,
        every=header.every,
        releases=header.releases,
        release=header.releases[-1] if header.releases else "",
        quantization=header.quantization,
        rules=tuple(rules),
        path=document.path,
        sha256=document.digest.partition(":")[2],
        transforms=header.transforms,
        without=header.without,
    )
    return environment, mistakes.errors(document) if mistakes.found else []


def _check_unique(rules: list[Rule], mistakes: Mistakes) -> None:
    codes: dict[str, str] = {}
    names: dict[str, str] = {}
    for number, rule in enumerate(rules):
        if rule.code and rule.code in codes:
            problem = f"code {rule.code} is already that of {codes[rule.code]}"
            mistakes.add(("rules", number, "code"), problem, "a code is given once, forever")
        if rule.name and rule.name in names:
            problem = f"name {rule.name!r} is already that of {names[rule.name]}"
            mistakes.add(("rules", number, "name"), problem, "rename one of them")
        codes.setdefault(rule.code, rule.name or "another rule")
        names.setdefault(rule.name, rule.code or "another rule")


def _check_fully(document: Document, rules: list[Rule], mistakes: Mistakes) -> None:
    from qlint.network.from_description import network_from_description
    from qlint.rules.examples import parts
    from qlint.rules.operators import check_operators
    from qlint.rules.schemacheck import schema_mistakes

    for number, rule in enumerate(rules):
        check_operators(rule, ("rules", number), mistakes)
        for key in ("fires", "passes", "undecided"):
            networks: tuple[Any, ...] = getattr(rule.examples, key)
            for position, network in enumerate(networks):
                try:
                    network_from_description(parts(network)[0])
                except QlintError as exc:
                    at = ("rules", number, "examples", key, position)
                    mistakes.add(at, f"the example is no network: {exc.problem}", exc.remedy)
    known = [mistake.path for mistake in mistakes.found]
    for path, problem in schema_mistakes(document.data):
        # The schema repeats what was already said, in worse words: drop it at, around and inside known mistakes.
        if not any(path[: len(other)] == other[: len(path)] for other in known):
            mistakes.add(path, problem, "see the JSON Schema of rule files")
