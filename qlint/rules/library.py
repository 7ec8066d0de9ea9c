"""The rule files that come with qlint: which there are, and their environments and rules by name.

`qlint rule` has to be instant. So files are found by a look at their first lines, and one rule is found by parsing
its file's header and its own lines only: shipped files are laid out alike, which the tests hold.
"""

from __future__ import annotations

import dataclasses
import os
import re
from functools import cache

from qlint.errors import QlintError, RuleFileError, UsageError
from qlint.files.yamlfile import parse
from qlint.rules.loader import examine, load_environment
from qlint.rules.model import Environment, Rule
from qlint.rules.paths import shipped_rules
from qlint.suggest import did_you_mean

_FIELD = re.compile(r"^  (id|prefix|every): *(\S+)", re.MULTILINE)
_RULES = "\nrules:\n"
_RULE = "\n  - code: "
_NEXT = re.compile(r"\n {0,2}[^ \n]")  # the next rule, or a comment between rules


@dataclasses.dataclass(frozen=True, slots=True)
class Shipped:
    """What the header of a shipped rule file says in its first lines, and its text."""

    id: str
    prefix: str
    every: bool
    path: str
    text: str

    @property
    def shown(self) -> str:
        """The path as messages name it."""
        return f"rules/{os.path.basename(self.path)}"


@cache
def files() -> tuple[Shipped, ...]:
    """The shipped rule files, sorted by id.

    Raises:
        QlintError: they cannot be read, which means that the installation is damaged.
    """
    folder = shipped_rules()
    found = []
    for name in os.listdir(folder):
        if name.endswith(".yaml"):
            text = _read(folder, name)
            head = dict(_FIELD.findall(text.partition(_RULES)[0]))
            path = os.path.join(folder, name)
            found.append(Shipped(head["id"], head["prefix"], head.get("every") == "true", path, text))
    return tuple(sorted(found, key=lambda shipped: shipped.id))


def _read(folder: str, name: str) -> str:
    try:
        with open(os.path.join(folder, name), encoding="utf-8") as file:
            return file.read()
    except OSError as exc:
        raise QlintError(f"{name}, which comes with qlint, cannot be read", "install onnx-qlint again") from exc


def environments() -> list[str]:
    """Ids of the environments that users can choose, sorted."""
    return [found.id for found in files() if not found.every]


def load(id: str, release: str | None) -> Environment:
    """An environment at a release, with the rules that hold in every environment.

    Args:
        id: the environment, in any case.
        release: one of its releases, in any case; None for the newest.

    Raises:
        UsageError: there is no such environment or release.
    """
    ids = {name.casefold(): name for name in environments()}
    if id.casefold() not in ids:
        listed = "there is " + ", ".join(ids.values())
        raise UsageError(f"there is no environment {id!r}", did_you_mean(id, ids.values(), listed))
    environment = _joined(ids[id.casefold()])
    return environment if release is None else at_release(environment, release)


def load_file(path: str, release: str | None) -> Environment:
    """A user's own environment at a release, with the rules that hold in every environment.

    Raises:
        RuleFileError: the file has a mistake, or holds codes or names of a shipped file that it is joined with.
        UsageError: it has no such release, or is no environment to be chosen.
    """
    own = load_environment(path, full_check=True)
    if own.every:
        raise UsageError(f"{path} holds rules of every environment (every: true)", "leave every out, or give another")
    joined = join(own)
    taken: dict[str, Environment] = {}
    for other in joined.joined:
        taken.update({word: other for rule in other.rules for word in (rule.code, rule.name)})
    for rule in own.rules:
        for word in (rule.code, rule.name):
            if word in taken:
                problem = f"rule {rule.code}: {word} is already that of a rule in {taken[word].path}"
                raise RuleFileError(problem, "rename it: that file holds in every environment", path=own.path)
    return joined if release is None else at_release(joined, release)


def at_release(environment: Environment, release: str) -> Environment:
    """The same environment, to be checked at another release (in any case).

    Raises:
        UsageError: the environment has no such release.
    """
    for known in environment.releases:
        if known.casefold() == release.casefold():
            return environment if known == environment.release else dataclasses.replace(environment, release=known)
    listed = "it has " + (", ".join(environment.releases) or "none")
    problem = f"environment {environment.id} has no release {release!r}"
    raise UsageError(problem, did_you_mean(release, environment.releases, listed))


def join(environment: Environment) -> Environment:
    """An environment with the rules of the shipped files that hold in every environment added to its own.

    Raises:
        RuleFileError: it is without a rule that there is not.
    """
    every = tuple(shipped(other.id) for other in files() if other.every and other.id != environment.id)
    shared = {rule.code: rule for other in every for rule in other.rules}
    for code in environment.without:
        if code not in shared:
            problem = f"without names {code!r}, which is no rule that holds in every environment"
            remedy = did_you_mean(code, shared, "they are " + ", ".join(shared))
            raise RuleFileError(problem, remedy, path=environment.path)
    rules = environment.rules + tuple(rule for code, rule in shared.items() if code not in environment.without)
    own = {step.transform for step in environment.transforms}
    before = tuple(step for other in every for step in other.transforms if step.transform not in own)
    transforms = before + environment.transforms
    return dataclasses.replace(environment, rules=rules, joined=every, transforms=transforms)


@cache
def _joined(id: str) -> Environment:
    return join(shipped(id))


@cache
def shipped(id: str) -> Environment:
    """One shipped rule file by the exact id of its environment, with its own rules only.

    Raises:
        UsageError: there is no such file.
    """
    for found in files():
        if found.id == id:
            return load_environment(found.path, full_check=False, shown=found.shown)
    raise UsageError(f"there is no environment {id!r}", did_you_mean(id, (found.id for found in files())))


def all_rules() -> tuple[Rule, ...]:
    """Every shipped rule: of the environments in order, then of the files that hold in every one."""
    ordered = sorted(files(), key=lambda found: (found.every, found.id))
    return tuple(rule for found in ordered for rule in shipped(found.id).rules)


def find_rule(word: str) -> Rule:
    """A shipped rule by code or name, in any case.

    Raises:
        UsageError: there is no such rule.
    """
    return find(word)[0]


def find(word: str) -> tuple[Rule, Environment]:
    """A shipped rule by code or name, in any case, and its environment: with its whole header, but no other rule.

    Raises:
        UsageError: there is no such rule.
    """
    code, name = word.upper(), f"\n    name: {word.lower()}\n"
    for found in files():
        header, _, body = found.text.partition(_RULES)
        for part in ("\n" + body).split(_RULE)[1:]:
            if not part.startswith(f"{code}\n") and name not in part:
                continue
            own = _NEXT.split(part, maxsplit=1)[0]
            environment, _ = examine(parse(f"{header}{_RULES}{_RULE[1:]}{own}\n", found.shown), full_check=False)
            return environment.rules[0], environment
    known = [text for rule in all_rules() for text in (rule.code, rule.name)]
    raise UsageError(f"there is no rule {word!r}", did_you_mean(word, known, "`qlint rule` lists them"))


def locked_codes() -> dict[str, str]:
    """The frozen list of codes, code to name: codes are never given twice and never vanish.

    Raises:
        QlintError: the list is missing, which means that the installation is damaged.
    """
    lines = _read(shipped_rules(), "CODES.lock").splitlines()
    return {code: name for code, _, name in (line.partition(" ") for line in lines if line)}
