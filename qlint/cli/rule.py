"""`qlint rule [CODE or NAME]`: explain a rule, or list all."""

from __future__ import annotations

import argparse

from qlint.cli import common, output
from qlint.errors import Exit
from qlint.report import rule_page, write_page


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("rule", nargs="?", metavar="RULE", help="code or name; left out: list all rules")
    common.add_output_format(parser, "text or json (default: text)")


def run(arguments: argparse.Namespace) -> int:
    """Print the page."""
    from qlint.rules import library

    targets = output.targets(arguments.output_format, ("text", "json"), "text")
    rules = library.all_rules() if arguments.rule is None else [library.find_rule(arguments.rule)]
    one = arguments.rule is not None
    for target in targets:
        with output.opened(target) as stream:
            if target.format == "json":
                write_page(rule_page.data(rules[0]) if one else rule_page.list_data(rules), stream)
            else:
                stream.write(rule_page.text(rules[0], output.width()) if one else rule_page.list_text(rules))
    return Exit.CLEAN
