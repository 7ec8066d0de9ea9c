"""The format `full`: text for people, by model and rule, the worst first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, TextIO

from qlint.diagnostics import Diagnostic, EvidenceKind, Outcome
from qlint.report import Options
from qlint.report.escape import name, quoted, visible
from qlint.report.groups import Group, by_model, by_rule
from qlint.report.layout import Style, count, table, verdict_of
from qlint.report.statistics import statistics

if TYPE_CHECKING:
    from qlint.rules.model import Environment
    from qlint.session import CheckedModel, Report

LAYERS_SHOWN = 10
FACTS_SHOWN = 5
_NUMBERED = ("error", "warning", "info")


def write(report: Report, out: TextIO, options: Options) -> None:
    """Write the report; what could not be done is on standard error already and is only counted here."""
    separator = ""
    for block in _blocks(report, options):
        out.write(separator)
        out.writelines(f"{line}\n" for line in block)
        separator = "\n"


def _blocks(report: Report, options: Options) -> Iterator[Iterable[str]]:
    """The parts of the text, which an empty line separates."""
    style = Style(options.color, options.width)
    findings = options.reported(report)
    found = by_model(findings)
    if not options.quiet:
        yield [_header(report)]
    for model in report.models:
        listed = [finding for finding in found.get(model.path, ()) if options.lists(finding)]
        if listed or (options.verbose and model.reason is None):
            yield _model(model, listed, len(report.environments) > 1, options, style)
    if options.statistics and findings:
        yield statistics(findings)
    if not options.quiet:
        yield [_summary(report, options, style)]


def _header(report: Report) -> str:
    environments = ", ".join(map(_environment, report.environments)) or "no environment"
    return f"No -e given: checked against {environments}" if report.assumed else f"Checked against {environments}"


def _environment(environment: Environment) -> str:
    shown = name(environment.id)
    return f"{shown}, release {name(environment.release)}" if environment.release else shown


def _model(
    model: CheckedModel, findings: Sequence[Diagnostic], several: bool, options: Options, style: Style
) -> Iterator[str]:
    nothing = "" if findings else ": nothing found"
    yield f"{style.paint(visible(model.path), 'bold')} ({count(model.layers, 'layer')}){nothing}"
    for group in by_rule(findings):
        yield ""
        yield from _group(group, several, options, style)


def _group(group: Group, several: bool, options: Options, style: Style) -> Iterator[str]:
    first, number = group.first, len(group.findings)
    verdict = style.verdict(verdict_of(first))
    environment = f" [{name(first.environment)}]" if several else ""
    asides = [count(number, "layer")] if number > 1 else []
    if first.outcome is Outcome.UNDECIDED:
        asides.append(f"severity {first.severity.label}")
    aside = f" ({', '.join(asides)})" if asides else ""
    yield f"  {verdict} {style.paint(first.code, 'bold')} {first.name}{environment}{aside}"
    yield from (_violated if first.outcome is Outcome.VIOLATION else _undecided)(group, options, style)
    known = first.evidence
    if known.kind is not EvidenceKind.DOCUMENTED or options.verbose:
        note = known.note if options.verbose else None
        source = "; ".join(part for part in (known.source, known.section, note) if part)
        yield style.wrap(f"{known.kind.value}; {source}", 4, "evidence")


def _violated(group: Group, options: Options, style: Style) -> Iterator[str]:
    """What the findings say, each once, with the layers they say it of; then the rule's hint."""
    budget = len(group.findings) if options.verbose else LAYERS_SHOWN
    left = len(group.findings)
    for sentence, findings in group.by_message():
        shown = findings[:budget]
        if not shown:
            break
        yield style.wrap(sentence, 4)
        yield from _layers(shown)
        budget -= len(shown)
        left -= len(shown)
    yield from _more(left, 6)
    if group.first.hint:
        yield style.wrap(group.first.hint, 4, "hint")


def _undecided(group: Group, options: Options, style: Style) -> Iterator[str]:
    """Which layers, and what is missing and what would supply it, each once; their messages say no more."""
    layers = group.findings
    facts = group.missing() or [sentence for sentence, _ in group.by_message()]
    shown = (len(layers), len(facts)) if options.verbose else (LAYERS_SHOWN, FACTS_SHOWN)
    yield from _layers(layers[: shown[0]])
    yield from _more(len(layers) - shown[0], 6)
    for fact in facts[: shown[1]]:
        yield style.wrap(fact, 4, "not known")
    yield from _more(len(facts) - shown[1], 4)
    for hint in group.hints()[: shown[1]]:
        yield style.wrap(hint, 4, "hint")


def _layers(findings: Sequence[Diagnostic]) -> list[str]:
    rows = [_place(finding) for finding in findings if finding.location.id is not None]
    return table(rows, indent=6) if rows else []


def _more(number: int, indent: int) -> Iterator[str]:
    if number > 0:
        yield f"{' ' * indent}... and {number} more (-v lists all)"


def _place(finding: Diagnostic) -> tuple[str, str, str, str]:
    place = finding.location
    known = [part for part in (place.line, place.column) if part is not None]
    at = place.source or ":".join(map(str, (finding.model, *known)) if known else ())
    return (
        name(place.type or ""),
        quoted(place.layer) if place.layer else "",
        name(place.id or ""),
        f"at {name(at)}" if at else "",
    )


def _summary(report: Report, options: Options, style: Style) -> str:
    counts = options.counts(report)
    unreadable = sum(model.reason is not None for model in report.models)
    parts = [count(counts[word], word) for word in _NUMBERED if counts[word]]
    if counts["info"] and not any(map(options.lists, _infos(report))):
        parts[-1] += " (-v lists them)" if counts["info"] > 1 else " (-v lists it)"
    if counts["undecided"]:
        parts.append(f"{counts['undecided']} undecided")
    worst = next((word for word in (*_NUMBERED, "undecided") if counts[word]), None)
    models = count(len(report.models), "model") + (f" ({unreadable} unreadable)" if unreadable else "")
    line = f"{models}: {', '.join(parts) or 'nothing found'}"
    others = len(report.errors) - unreadable
    if others > 0:
        line += f"; {count(others, 'further problem')} on standard error"
    looks = {"error": "red", "warning": "yellow", "undecided": "magenta"}.get(worst or "", "green")
    return style.paint(line, "bold", "red" if report.errors else looks)


def _infos(report: Report) -> Iterator[Diagnostic]:
    return (d for d in report.diagnostics if verdict_of(d) == "info")
