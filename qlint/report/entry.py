"""One entry of the format `full`: a rule, what it found in a model, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from qlint.diagnostics import Diagnostic, Evidence, EvidenceKind, Outcome
from qlint.report import Options
from qlint.report.escape import name, quoted
from qlint.report.groups import Group
from qlint.report.layout import Style, count, table, verdict_of

LAYERS_SHOWN = 10
FACTS_SHOWN = 5
HINTS_SHOWN = 3


def entry(group: Group, environments: int, options: Options, style: Style) -> Iterator[str]:
    """The lines of an entry.

    Args:
        group: findings of one rule in one model, and of others that say the same.
        environments: how many the report is about; with several, each entry names its own.
        options: whether everything is listed.
        style: colour and width.
    """
    for one in (group, *group.others):
        yield _title(one, environments, style)
    yield from (_violated if group.first.outcome is Outcome.VIOLATION else _undecided)(group, options, style)
    sources = (_source(one.first.evidence, options) for one in (group, *group.others))
    for source in dict.fromkeys(source for source in sources if source):
        yield style.wrap(source, 4, "evidence")


def _title(group: Group, environments: int, style: Style) -> str:
    first, number = group.first, len(group.findings)
    verdict = style.verdict(verdict_of(first))
    environment = f" [{_where(group, environments)}]" if environments > 1 else ""
    asides = [count(number, "finding")] if number > 1 else []
    if first.outcome is Outcome.UNDECIDED:
        asides.append(f"severity {first.severity.label}")
    aside = f" ({', '.join(asides)})" if asides else ""
    fixable = " [*]" if first.fix else ""
    return f"  {verdict} {style.paint(first.code, 'bold')}{fixable} {first.name}{environment}{aside}"


def _source(known: Evidence, options: Options) -> str:
    """What a rule stands on; nothing for what is documented, unless everything is to be said."""
    if known.kind is EvidenceKind.DOCUMENTED and not options.verbose:
        return ""
    source = "; ".join(part for part in (known.source, known.section, known.note if options.verbose else None) if part)
    return f"{known.kind.value}; {source}"


def _where(group: Group, environments: int) -> str:
    if len(group.environments) == environments:
        return "every environment"
    return ", ".join(map(name, group.environments))


def _violated(group: Group, options: Options, style: Style) -> Iterator[str]:
    """What the findings say, each once, with the layers they say it of; then the rule's hint."""
    budget = len(group.findings) if options.verbose else LAYERS_SHOWN
    left = len(group.findings)
    for sentence, findings in group.sentences():
        shown = findings[:budget]
        if not shown:
            break
        yield style.wrap(sentence, 4)
        yield from _layers(shown, style)
        budget -= len(shown)
        left -= len(shown)
    yield from _more(left, 6)
    if group.first.hint:
        yield style.wrap(group.first.hint, 4, "hint")


def _undecided(group: Group, options: Options, style: Style) -> Iterator[str]:
    """Which layers, and what is missing and what would supply it, each once; their messages say no more."""
    facts = group.missing() or [finding.message for finding in group.findings]
    everything = len(group.findings) + len(facts)
    layers_shown, facts_shown, hints_shown = (
        (everything,) * 3 if options.verbose else (LAYERS_SHOWN, FACTS_SHOWN, HINTS_SHOWN)
    )
    yield from _layers([(finding, "") for finding in group.findings[:layers_shown]], style)
    yield from _more(len(group.findings) - layers_shown, 6)
    for fact in facts[:facts_shown]:
        yield style.wrap(fact, 4, "not known")
    yield from _more(len(facts) - facts_shown, 4)
    for hint in group.hints()[:hints_shown]:
        yield style.wrap(hint, 4, "hint")


def _layers(findings: Sequence[tuple[Diagnostic, str]], style: Style) -> list[str]:
    rows = [_place(finding, own, style) for finding, own in findings if finding.location.id is not None]
    return table(rows, indent=6) if rows else []


def _place(finding: Diagnostic, own: str, style: Style) -> tuple[str, ...]:
    """A layer as a row: type, name, id, where it is written, and what its message says in place of `...`."""
    place = finding.location
    type, id, called = name(place.type or ""), name(place.id or ""), quoted(place.layer) if place.layer else ""
    if place.layer and place.layer in (place.id or "") and len(type) + len(called) + len(id) + 10 > style.width:
        called = ""
    known = [part for part in (place.line, place.column) if part is not None]
    at = place.source or ":".join(map(str, (finding.model, *known)) if known else ())
    return type, called, id, f"at {name(at)}" if at else "", f"({name(own)})" if own else ""


def _more(number: int, indent: int) -> Iterator[str]:
    if number > 0:
        yield f"{' ' * indent}... and {number} more (-v lists all)"
