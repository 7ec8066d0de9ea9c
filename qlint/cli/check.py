"""`qlint check`: lint models."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Literal

from qlint.cli import common, output
from qlint.cli.overwriting import expect_apart
from qlint.cli.parser import one_of
from qlint.cli.progress import Progress
from qlint.diagnostics import Outcome, Severity
from qlint.errors import Exit, QlintError, UsageError
from qlint.report import FORMATS

if TYPE_CHECKING:
    from qlint.session import Report

NEVER = "never"
_FAIL_ON = [*(severity.label for severity in reversed(Severity)), NEVER]
_UNDECIDED: list[Literal["hide", "show", "fail"]] = ["hide", "show", "fail"]
_STDIN = "-"


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "paths",
        nargs="*",
        metavar="PATH",
        help="models, or folders to search for them (default: .); - reads standard input",
    )
    common.add_environment(parser)
    common.add_profile(parser)
    parser.add_argument(
        "--select", action="append", metavar="RULE", help="run only these rules: code, prefix, name or tag"
    )
    parser.add_argument("--ignore", action="append", metavar="RULE", help="leave these rules out")
    common.add_bind(parser)
    common.add_output_format(parser, f"{', '.join(FORMATS)} (default: {FORMATS[0]}); repeatable")
    parser.add_argument(
        "--fail-on",
        default="error",
        metavar="LEVEL",
        help=f"lowest severity that fails: {', '.join(_FAIL_ON)} (default: error)",
    )
    parser.add_argument(
        "--undecided",
        default="show",
        metavar="HOW",
        help=f"rules that lack a fact: {', '.join(_UNDECIDED)} (default: show)",
    )
    parser.add_argument("--statistics", action="store_true", help="count findings by rule")
    parser.add_argument("--exit-zero", action="store_true", help="exit 0 even with findings")
    parser.add_argument("--allow-empty", action="store_true", help="exit 0 where no model is found")
    parser.add_argument("--stdin-filename", metavar="NAME", help="the path of the model on standard input")
    parser.add_argument("-v", "--verbose", action="store_true", help="list infos and every layer")
    parser.add_argument("-q", "--quiet", action="store_true", help="print findings, and nothing else")
    parser.add_argument("--color", default="auto", metavar="WHEN", help="auto, always or never (default: auto)")


def run(arguments: argparse.Namespace) -> int:
    """Check, report, and say how it ended."""
    from qlint import report as formats

    fail_on = one_of(arguments.fail_on, _FAIL_ON, "severity")
    undecided = one_of(arguments.undecided, _UNDECIDED, "way to treat undecided rules")
    color = one_of(arguments.color, ["auto", "always", "never"], "color choice")
    targets = output.targets(arguments.output_format, FORMATS, FORMATS[0])
    report = _check(arguments, output.files(targets))
    for error in report.errors:
        output.complain(error)
    if not arguments.quiet:
        for note in report.notes:
            output.note(note)
    for target in targets:
        options = formats.Options(
            verbose=arguments.verbose,
            quiet=arguments.quiet,
            undecided=undecided,
            fail_on=None if fail_on == NEVER else Severity[fail_on.upper()],
            statistics=arguments.statistics,
            color=target.file is None and output.wants_color(color),
            width=output.width(),
        )
        with output.opened(target) as stream:
            formats.write(report, target.format, stream, options)
    return _status(report, arguments, fail_on, undecided)


def _check(arguments: argparse.Namespace, written: list[str]) -> Report:
    from qlint import session
    from qlint.discovery import discover
    from qlint.rules import selection

    environments = common.environments(arguments.env, arguments.profile)
    select, ignore = common.words(arguments.select), common.words(arguments.ignore)
    selection.check_words(environments, (*select, *ignore))
    bind = common.binds(arguments.bind)
    data = _standard_input(arguments)
    found = discover(arguments.paths or ["."]) if data is None else None
    paths = (arguments.stdin_filename or "<stdin>",) if found is None else found.models
    expect_apart((*common.rule_files(environments), *(paths if data is None else ())), written)
    progress = Progress(len(paths), quiet=arguments.quiet)
    try:
        report = session.check(
            paths,
            environments,
            rules=lambda environment: selection.select(environment, select, ignore),
            bind=bind,
            data=data,
            assumed=not arguments.env,
            progress=progress,
        )
    finally:
        progress.done()
    report.errors[:0] = found.errors if found is not None else ()
    if not report.models and not report.errors and not arguments.quiet and not arguments.allow_empty:
        print(
            "qlint: no model found; give a model's file or a folder that holds *.onnx or *.qnet.yaml files",
            file=sys.stderr,
        )
    return report


def _standard_input(arguments: argparse.Namespace) -> bytes | None:
    if _STDIN not in arguments.paths:
        if arguments.stdin_filename is not None:
            raise UsageError("--stdin-filename without -", "write `qlint check - --stdin-filename NAME`")
        return None
    if len(arguments.paths) > 1:
        raise UsageError("- cannot be mixed with other paths", "check standard input alone")
    try:
        return sys.stdin.buffer.read()
    except (OSError, AttributeError) as exc:
        raise QlintError("standard input cannot be read", "pipe a model into it") from exc


def _status(report: Report, arguments: argparse.Namespace, fail_on: str, undecided: str) -> int:
    if report.errors:
        return Exit.ERROR
    if not report.models:
        return Exit.CLEAN if arguments.allow_empty else Exit.NO_MODEL
    if arguments.exit_zero:
        return Exit.CLEAN
    least = None if fail_on == NEVER else Severity[fail_on.upper()]
    for diagnostic in report.diagnostics:
        if diagnostic.suppressed is not None:
            continue
        if diagnostic.outcome is Outcome.UNDECIDED:
            if undecided == "fail":
                return Exit.FINDINGS
        elif least is not None and diagnostic.severity >= least:
            return Exit.FINDINGS
    return Exit.CLEAN
