"""The format `full`: text for people, by model and rule, the worst first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, TextIO

from qlint.diagnostics import Diagnostic
from qlint.report import Options, sizes
from qlint.report.entry import entry
from qlint.report.escape import name, visible
from qlint.report.groups import by_model, by_rule, distinct
from qlint.report.layout import Style, count, table, verdict_of
from qlint.report.statistics import statistics

if TYPE_CHECKING:
    from qlint.rules.model import Environment
    from qlint.session import CheckedModel, Report

_COUNTED = ("error", "warning", "info", "undecided")


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
    findings = options.counted(report)
    found = by_model(findings)
    if not options.quiet:
        yield [_header(report), *sizes.lines(report.bind, style)]
    for model in report.models:
        listed = [finding for finding in found.get(model.path, ()) if options.lists(finding)]
        if listed or (options.verbose and model.reason is None):
            yield _model(model, listed, len(report.environments), options, style)
    if options.statistics and findings:
        yield statistics(distinct(findings))
    if not options.quiet and len(report.environments) > 1:
        yield _by_environment(report, findings)
    if not options.quiet:
        yield [_summary(report, options, style)]


def _header(report: Report) -> str:
    between = "; " if len(report.environments) > 1 else ""
    environments = between.join(map(_environment, report.environments)) or "no environment"
    return f"No -e given: checked against {environments}" if report.assumed else f"Checked against {environments}"


def _environment(environment: Environment) -> str:
    shown = name(environment.id)
    if environment.release:
        shown += f", release {name(environment.release)}"
    return shown if environment.profile is None else f"{shown}, profile {name(environment.profile.name)}"


def _model(
    model: CheckedModel, findings: Sequence[Diagnostic], environments: int, options: Options, style: Style
) -> Iterator[str]:
    nothing = "" if findings else ": nothing found"
    yield f"{style.paint(visible(model.path), 'bold')} ({count(model.layers, 'layer')}){nothing}"
    for group in by_rule(findings):
        yield ""
        yield from entry(group, environments, options, style)


def _by_environment(report: Report, findings: Iterable[Diagnostic]) -> Iterator[str]:
    """How the environments compare, which is what several are checked for."""
    counts = Counter((finding.environment, verdict_of(finding)) for finding in findings)
    yield "By environment"
    words = [word for word in _COUNTED if any(counts[e.id, word] for e in report.environments)]
    rows = [("", *(word if word == "undecided" else f"{word}s" for word in words))]
    rows += [(name(e.id), *(str(counts[e.id, word]) for word in words)) for e in report.environments]
    yield from table(rows, indent=2, right=range(1, len(words) + 1))


def _summary(report: Report, options: Options, style: Style) -> str:
    """The numbers; what holds in several environments is one finding to a reader."""
    findings = distinct(options.counted(report))
    counts = Counter(map(verdict_of, findings))
    unreadable = sum(model.reason is not None for model in report.models)
    unlisted = Counter(verdict_of(found) for found in findings if not options.lists(found))
    parts = [_part(word, counts[word], unlisted[word]) for word in _COUNTED if counts[word]]
    worst = next((word for word in _COUNTED if counts[word]), None)
    models = count(len(report.models), "model") + (f" ({unreadable} unreadable)" if unreadable else "")
    nothing = "nothing found" if unreadable < len(report.models) else "nothing checked"
    line = f"{models}: {', '.join(parts) or nothing}"
    others = len(report.errors) - unreadable
    if others > 0:
        line += f"; {count(others, 'further problem')} on standard error"
    fixable = sum(found.fix is not None for found in findings)
    suppressed = len(distinct(found for found in options.reported(report) if found.suppressed is not None))
    if suppressed:
        line += f"; {suppressed} suppressed"
    if fixable:
        line += f"; [*] {fixable} fixable with `qlint fix`"
    looks = {"error": "red", "warning": "yellow", "undecided": "magenta"}.get(worst or "", "green")
    return style.paint(line, "bold", "red" if report.errors else looks)


def _part(word: str, number: int, unlisted: int) -> str:
    """`2 infos (-v lists them)`."""
    said = f"{number} undecided" if word == "undecided" else count(number, word)
    if not unlisted:
        return said
    return f"{said} (-v lists {f'{unlisted} more' if unlisted < number else 'them' if number > 1 else 'it'})"
