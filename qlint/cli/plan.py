"""`qlint plan MODEL`: the numeric type in which each layer will compute, and why."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from qlint.cli import common, output
from qlint.cli.overwriting import expect_apart
from qlint.cli.parser import one_of
from qlint.errors import Exit, UsageError
from qlint.report import write_page

if TYPE_CHECKING:
    from qlint.planning import Planning

_AMOUNTS = ("layers", "parameters", "macs")


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("model", metavar="MODEL", help="a model's file")
    common.add_environment(parser)
    common.add_profile(parser)
    common.add_bind(parser)
    parser.add_argument("--prepared", action="store_true", help="also plan what qlint fix would make of the model")
    parser.add_argument(
        "--min-quantized",
        action="append",
        metavar="WHAT=PERCENT",
        help="exit 1 if less of the layers, parameters or macs is quantized; repeatable",
    )
    common.add_output_format(parser, "text or json (default: text)")
    parser.add_argument("-v", "--verbose", action="store_true", help="list every layer and every float island")
    parser.add_argument("-q", "--quiet", action="store_true", help="write no text to standard output")
    parser.add_argument("--color", default="auto", metavar="WHEN", help="auto, always or never (default: auto)")


def run(arguments: argparse.Namespace) -> int:
    """Plan, report, and say whether enough is quantized."""
    targets = output.targets(arguments.output_format, ("text", "json"), "text")
    color = one_of(arguments.color, ["auto", "always", "never"], "color choice")
    least = _least(arguments.min_quantized)
    environments = common.environments(arguments.env, arguments.profile)
    expect_apart((arguments.model, *common.rule_files(environments)), output.files(targets))
    from qlint import planning
    from qlint.report import plan_page
    from qlint.report.layout import Style

    plans = planning.plan(arguments.model, environments, bind=common.binds(arguments.bind), prepared=arguments.prepared)
    for target in targets:
        if target.format == "text" and target.file is None and arguments.quiet:
            continue
        with output.opened(target) as stream:
            if target.format == "json":
                write_page(plan_page.data(plans), stream)
                continue
            style = Style(target.file is None and output.wants_color(color), output.width())
            stream.write(plan_page.text(plans, style, verbose=arguments.verbose, assumed=not arguments.env))
    return _status(plans, least)


def _least(words: Sequence[str] | None) -> dict[str, float]:
    """What `--min-quantized` asks for, in percent.

    Raises:
        UsageError: it is no `WHAT=PERCENT`.
    """
    found: dict[str, float] = {}
    for word in words or ():
        what, equals, number = word.partition("=")
        try:
            percent = float(number.strip().removesuffix("%"))
        except ValueError:
            percent = -1.0
        if not equals or not 0 <= percent <= 100:
            raise UsageError(f"--min-quantized {word} is not WHAT=PERCENT", "write --min-quantized macs=95")
        found[one_of(what.strip(), _AMOUNTS, "amount to quantize")] = percent
    return found


def _status(plans: Sequence[Planning], least: dict[str, float]) -> int:
    """Whether each environment quantizes enough; what falls short is said on standard error."""
    from qlint.report.plan_totals import shortfall

    # An environment of which nothing is known has no column in a comparison, and no say; alone it fails.
    judged = [planning for planning in plans if planning.plan.environment.table.groups] or plans
    missed = [
        text
        for planning in judged
        for what, percent in least.items()
        if (text := shortfall(planning.plan, what, percent))
    ]
    for text in missed:
        print(f"qlint: {text}", file=sys.stderr)
    return Exit.FINDINGS if missed else Exit.CLEAN
