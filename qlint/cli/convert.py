"""`qlint convert IN OUT`: an ONNX model to a network description, or back."""

from __future__ import annotations

import argparse

from qlint.cli import common, output
from qlint.cli.overwriting import expect_apart
from qlint.errors import Exit
from qlint.report import convert_page, write_page


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("source", metavar="IN", help="an ONNX model or a network description")
    parser.add_argument("out", metavar="OUT", help="what it becomes: .qnet.yaml, .qnet.json or .onnx")
    common.add_bind(parser)
    common.add_output_format(parser, "text or json (default: text)")


def run(arguments: argparse.Namespace) -> int:
    """Convert, compare, and report; exit 1 where the result is partial."""
    targets = output.targets(arguments.output_format, ("text", "json"), "text")
    bind = common.binds(arguments.bind)
    reports = output.files(targets)
    expect_apart((arguments.source,), reports)
    expect_apart((), (arguments.out, *reports))
    from qlint import converting

    converted = converting.convert(arguments.source, arguments.out, bind=bind)
    for target in targets:
        with output.opened(target) as stream:
            if target.format == "json":
                write_page(convert_page.data(converted), stream)
            else:
                stream.write(convert_page.text(converted, output.width()))
    return Exit.FINDINGS if converted.beyond else Exit.CLEAN
