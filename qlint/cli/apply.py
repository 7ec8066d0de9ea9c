"""`qlint apply MODEL PATCH -o OUT`: apply a patch that `qlint fix --patch` saved."""

from __future__ import annotations

import argparse

from qlint.cli import output
from qlint.cli.common import add_output_format
from qlint.cli.overwriting import expect_apart
from qlint.errors import Exit
from qlint.report import apply_page, write_page


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("model", metavar="MODEL", help="the model that the patch was made of")
    parser.add_argument("patch", metavar="PATCH", help="the patch")
    parser.add_argument("-o", "--output", metavar="OUT", required=True, help="where the result goes")
    add_output_format(parser, "text or json (default: text)")


def run(arguments: argparse.Namespace) -> int:
    """Apply, write, and say what was done."""
    targets = output.targets(arguments.output_format, ("text", "json"), "text")
    from qlint import preparing

    expect_apart((arguments.model, arguments.patch), (arguments.output, *output.files(targets)))
    applied = preparing.apply_patch(arguments.model, arguments.patch, arguments.output)
    for target in targets:
        with output.opened(target) as stream:
            if target.format == "json":
                write_page(apply_page.data(arguments.model, arguments.output, applied), stream)
            else:
                stream.write(apply_page.text(arguments.model, arguments.output, applied, output.width()))
    return Exit.CLEAN
