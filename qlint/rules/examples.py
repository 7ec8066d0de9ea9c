"""Running the examples of rules: does each small network fire, pass or stay undecided as the file claims?"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from qlint.diagnostics import Outcome
from qlint.errors import QlintError
from qlint.network.from_description import network_from_description
from qlint.rules.engine import check
from qlint.rules.mistakes import Mistakes
from qlint.rules.model import Environment, Rule
from qlint.rules.profile import Profile
from qlint.rules.profile_fields import parse_modules

CLAIMS = ("fires", "passes", "undecided")
_HAPPENED = {"fires": "fires", "passes": "passes", "undecided": "stays undecided", "fails": "fails"}


@dataclass(frozen=True, slots=True)
class ExampleResult:
    """What became of one example.

    Attributes:
        code, name: of the rule.
        claim: "fires", "passes" or "undecided"; number: its place under that key, from 1.
        found: the same words for what happened; "fails" where the example is no network or the rule failed.
        detail: the finding's message, or what went wrong; empty where it passes.
    """

    code: str
    name: str
    claim: str
    number: int
    found: str
    detail: str

    @property
    def ok(self) -> bool:
        """Whether the example does what it claims."""
        return self.found == self.claim

    @property
    def problem(self) -> str:
        """What is wrong, as a line; empty where nothing is."""
        if self.ok:
            return ""
        told = f" ({self.detail})" if self.detail else ""
        return f"{self.code} {self.name}: example {self.number} of {self.claim} {_HAPPENED[self.found]}{told}"


def run_examples(environment: Environment) -> list[ExampleResult]:
    """Run every example of every rule of an environment, each for its own rule alone."""
    return [result for rule in environment.rules for result in run_rule(environment, rule)]


def run_rule(environment: Environment, rule: Rule) -> Iterator[ExampleResult]:
    """Run the examples of one rule."""
    for claim in CLAIMS:
        for number, data in enumerate(getattr(rule.examples, claim), start=1):
            found, detail = _run(environment, rule, data)
            yield ExampleResult(rule.code, rule.name, claim, number, found, detail)


def parts(data: Any) -> tuple[Any, Profile | None]:
    """An example's network, as data, and the processor profile that it is checked against.

    Raises:
        QlintError: its `profile:` has a mistake.
    """
    if not isinstance(data, dict) or "profile" not in data:
        return data, None
    mistakes = Mistakes()
    settings = parse_modules(data["profile"], ("profile",), mistakes)
    for mistake in mistakes.found:
        raise QlintError(mistake.problem, mistake.remedy)
    described = {key: value for key, value in data.items() if key != "profile"}
    return described, Profile("example", "", "", None, settings, "", "")


def _run(environment: Environment, rule: Rule, data: object) -> tuple[str, str]:
    try:
        described, profile = parts(data)
        network = network_from_description(described)
        at = dataclasses.replace(environment, profile=profile)
        findings = list(check(network, at, [rule], fingerprint_path=""))
    except QlintError as exc:
        return "fails", str(exc)
    for outcome, word in ((Outcome.VIOLATION, "fires"), (Outcome.UNDECIDED, "undecided")):
        for finding in findings:
            if finding.outcome is outcome:
                return word, finding.message
    return "passes", ""
