"""`qlint fix MODEL`: prepareNetwork's transformations for an environment, proven."""

from __future__ import annotations

import argparse
import os

from qlint.cli import common, output
from qlint.cli.overwriting import expect_apart
from qlint.errors import Exit, UsageError
from qlint.files.suffixes import split_suffix
from qlint.report import fix_page, write_page

_FILES = (
    "New tensors of a model with external data go to <OUT stem>.<hash>.data beside OUT. Such a file of an earlier run"
    " is left there, as another model may read it; delete it when none does."
)


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.epilog = _FILES
    parser.add_argument("model", metavar="MODEL", help="a model's file")
    common.add_environment(parser)
    where = parser.add_mutually_exclusive_group()
    where.add_argument("-o", "--output", metavar="OUT", help="where the result goes (default: <stem>.fixed<suffix>)")
    where.add_argument("--in-place", action="store_true", help="replace the model, if anything changes")
    where.add_argument("--diff", action="store_true", help="write nothing; show what would change, and exit 1 if so")
    parser.add_argument(
        "--patch", metavar="FILE", help="also save what was done, for qlint apply; tensors go to FILE.npz"
    )
    parser.add_argument("--select", action="append", metavar="TRANSFORM", help="run only these transforms")
    parser.add_argument("--ignore", action="append", metavar="TRANSFORM", help="leave these transforms out")
    parser.add_argument("--unsafe", action="store_true", help="also run transforms that change what is computed")
    common.add_data(parser)
    common.add_bind(parser)
    common.add_backend(parser)
    parser.add_argument(
        "-q", "--quiet", action="store_true", help="no report on standard output, but what --diff shows"
    )
    common.add_output_format(parser, "text or json (default: text)")


def run(arguments: argparse.Namespace) -> int:
    """Prepare, prove, write, and report."""
    targets = output.targets(arguments.output_format, ("text", "json"), "text")
    tolerance, bind = common.tolerance(arguments.tolerance), common.binds(arguments.bind)
    environments = common.environments(arguments.env)
    if len(environments) > 1:
        raise UsageError("fix prepares for one environment at a time", "give one -e")
    if arguments.diff and arguments.patch is not None:
        raise UsageError("--diff writes nothing, so there is no patch to save", "leave out --diff or --patch")
    from qlint import preparing

    out = None if arguments.diff else arguments.model if arguments.in_place else arguments.output
    if out is None and not arguments.diff:
        stem, suffix = split_suffix(arguments.model)
        out = f"{stem}.fixed{suffix}"
    if not arguments.in_place and out is not None and _same(out, arguments.model):
        raise UsageError("OUT is the model itself", "write --in-place to replace it, or name another file")
    beside = None if arguments.patch is None else f"{arguments.patch}.npz"  # its tensors
    results = (None if arguments.in_place else out, arguments.patch, beside, *output.files(targets))
    expect_apart((arguments.model, arguments.data, *common.rule_files(environments)), results)
    fixed = preparing.fix(
        arguments.model,
        environments[0],
        out=out,
        patch=arguments.patch,
        select=common.words(arguments.select),
        ignore=common.words(arguments.ignore),
        unsafe=arguments.unsafe,
        data=arguments.data,
        tolerance=tolerance,
        bind=bind,
        backend=arguments.backend,
    )
    for target in targets:
        with output.opened(target) as stream:
            if target.format == "json":
                write_page(fix_page.data(fixed), stream)
                continue
            if arguments.diff:
                stream.write(fix_page.difference(fixed))
            if target.file is not None or not arguments.quiet:
                stream.write(fix_page.text(fixed, output.width()))
    if fixed.refusal:
        output.complain(preparing.refused(fixed))
        return Exit.ERROR
    return Exit.FINDINGS if fixed.status == "would change" else Exit.CLEAN


def _same(one: str, other: str) -> bool:
    return os.path.exists(one) and os.path.exists(other) and os.path.samefile(one, other)
