"""The engine: asks a network every rule, and yields what is violated and what cannot be decided.

Most layers violate nothing, so a rule is first asked cheaply; only for a finding it is asked again with a trace,
which fills in what was seen. Everything is linear in layers and edges.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from qlint.diagnostics import Diagnostic
from qlint.errors import InternalError, QlintError
from qlint.network.network import Layer, Network
from qlint.rules.findings import Builder
from qlint.rules.model import Environment, Rule, Scope
from qlint.rules.predicates.core import Facts, Subject
from qlint.rules.runs import connected_runs
from qlint.rules.violation import violates
from qlint.tristate import Truth, Unknown

NO_INDEX = -1
"""Where findings about the whole network sort: before the first layer."""


def check(
    network: Network,
    environment: Environment,
    rules: Iterable[Rule],
    *,
    fingerprint_path: str,
    failures: list[InternalError] | None = None,
) -> Iterator[Diagnostic]:
    """Check a network.

    Args:
        network: the network.
        environment: the execution environment the findings are for.
        rules: the rules to ask, such as `selection.select` gives.
        fingerprint_path: the model's path as fingerprints use it: relative to its repository, with `/`.
        failures: gets an error for each rule that fails internally; that rule is dropped and the others go on.

    Yields:
        Findings about the whole network, then those about layers, in order of layers and codes.

    Raises:
        InternalError: a rule failed internally and there is no `failures` list.
        QlintError: weights that a rule asked for cannot be read.
    """
    return _Check(network, environment, rules, fingerprint_path, failures).run()


class _Check:
    """State of one check."""

    def __init__(
        self,
        network: Network,
        environment: Environment,
        rules: Iterable[Rule],
        fingerprint_path: str,
        failures: list[InternalError] | None,
    ) -> None:
        self.network = network
        self.rules = sorted(rules, key=lambda rule: rule.code)
        self.failures = failures
        self.failed: set[Rule] = set()
        self.facts = Facts(network, environment)
        self.builder = Builder(network, environment, self.facts, fingerprint_path)
        self._by_kind: dict[tuple[str, str], tuple[Rule, ...]] = {}

    def run(self) -> Iterator[Diagnostic]:
        for rule in self.rules:
            if rule.scope is Scope.NETWORK:
                yield from self.ask(rule, None)
        runs = self.runs()
        for layer in self.network:
            kind = (layer.type, layer.op)
            rules = self._by_kind.get(kind)
            if rules is None:
                rules = self._by_kind[kind] = self.rules_for(*kind)
            beginning = runs.get(layer)
            if beginning is None:
                for rule in rules:
                    yield from self.ask(rule, layer)
            else:
                found = [diagnostic for rule in rules for diagnostic in self.ask(rule, layer)]
                found += [diagnostic for rule, run, truth in beginning for diagnostic in self.tell(rule, run, truth)]
                yield from sorted(found, key=lambda diagnostic: diagnostic.code)

    def rules_for(self, type: str, op: str) -> tuple[Rule, ...]:
        """The rules of layer scope that speak of a layer type or an operator."""
        return tuple(rule for rule in self.rules if rule.scope is Scope.LAYER and rule.about(type, op))

    def ask(self, rule: Rule, layer: Subject) -> Sequence[Diagnostic]:
        """The rule's finding, if there is one."""
        if rule in self.failed:
            return ()
        try:
            truth = violates(rule, layer, self.facts)
            return () if truth is False else (self.builder.build(rule, layer, truth),)
        except QlintError:
            raise
        except Exception as exc:
            self.fail(rule, exc)
            return ()

    def runs(self) -> dict[Layer, list[tuple[Rule, list[Layer], list[Truth]]]]:
        """By first layer: the connected runs of layers that violate a rule of run scope, or may."""
        found: dict[Layer, list[tuple[Rule, list[Layer], list[Truth]]]] = {}
        for rule in self.rules:
            if rule.scope is not Scope.RUN:
                continue
            kinds: dict[tuple[str, str], bool] = {}
            truths: dict[Layer, Truth] = {}
            try:
                for layer in self.network:
                    kind = (layer.type, layer.op)
                    speaks = kinds.get(kind)
                    if speaks is None:
                        speaks = kinds[kind] = rule.about(*kind)
                    if speaks and (truth := violates(rule, layer, self.facts)) is not False:
                        truths[layer] = truth
            except QlintError:
                raise
            except Exception as exc:
                self.fail(rule, exc)
                continue
            for run in connected_runs(truths):
                found.setdefault(run[0], []).append((rule, run, [truths[layer] for layer in run]))
        return found

    def tell(self, rule: Rule, run: list[Layer], truths: list[Truth]) -> Sequence[Diagnostic]:
        """The finding of a run: violated if any layer violates, else undecided."""
        if rule in self.failed:
            return ()
        decisive = next((number for number, truth in enumerate(truths) if truth is True), 0)
        try:
            return (self.builder.build(rule, run[decisive], truths[decisive], run),)
        except QlintError:
            raise
        except Exception as exc:
            self.fail(rule, exc)
            return ()

    def fail(self, rule: Rule, cause: Exception) -> None:
        """Drop a rule that failed; a failure seldom comes alone, and one report of it is enough."""
        error = InternalError(rule.code, cause, path=self.network.path)
        if self.failures is None:
            raise error from cause
        self.failed.add(rule)
        self.failures.append(error)


def outcome_of(truth: Truth) -> str:
    """What people call the answer of `violates`."""
    return "undecided" if isinstance(truth, Unknown) else "violation" if truth else "passes"
