"""`qlint env [ID]`: explain an execution environment, or list all."""

from __future__ import annotations

import argparse

from qlint.cli import common, output
from qlint.errors import Exit
from qlint.report import environment_page, write_page


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("env", nargs="?", metavar="ID[@RELEASE]", help="environment; left out: list all")
    common.add_output_format(parser, "text or json (default: text)")


def run(arguments: argparse.Namespace) -> int:
    """Print the page."""
    targets = output.targets(arguments.output_format, ("text", "json"), "text")
    one = arguments.env is not None
    found = common.environments([arguments.env if one else "all"])
    for target in targets:
        with output.opened(target) as stream:
            if target.format == "json":
                write_page(environment_page.data(found[0]) if one else environment_page.list_data(found), stream)
            else:
                stream.write(
                    environment_page.text(found[0], output.width()) if one else environment_page.list_text(found)
                )
    return Exit.CLEAN
