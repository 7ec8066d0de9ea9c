"""`qlint verify A B`: run two networks on the same inputs and compare every output."""

from __future__ import annotations

import argparse

from qlint.cli import common, output
from qlint.cli.overwriting import expect_apart
from qlint.errors import Exit
from qlint.report import verify_page, write_page


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("first", metavar="A", help="a model's file")
    parser.add_argument("second", metavar="B", help="another")
    common.add_data(parser)
    common.add_bind(parser)
    common.add_backend(parser)
    common.add_output_format(parser, "text or json (default: text)")


def run(arguments: argparse.Namespace) -> int:
    """Compare and report."""
    targets = output.targets(arguments.output_format, ("text", "json"), "text")
    tolerance, bind = common.tolerance(arguments.tolerance), common.binds(arguments.bind)
    expect_apart((arguments.first, arguments.second, arguments.data), output.files(targets))
    from qlint import preparing

    verified = preparing.verify(
        arguments.first,
        arguments.second,
        data=arguments.data,
        tolerance=tolerance,
        bind=bind,
        backend=arguments.backend,
    )
    for target in targets:
        with output.opened(target) as stream:
            if target.format == "json":
                write_page(verify_page.data(verified), stream)
            else:
                stream.write(verify_page.text(verified, output.width()))
    return Exit.CLEAN if verified.equal else Exit.FINDINGS
