"""`qlint why MODEL LAYER [CODE]`: every predicate with what it saw, what it wanted, where it stopped."""

from __future__ import annotations

import argparse

from qlint.cli import common, output
from qlint.cli.overwriting import expect_apart
from qlint.errors import Exit, UsageError
from qlint.report import why_page, write_page


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("model", metavar="MODEL", help="a model's file")
    parser.add_argument("layer", metavar="LAYER", help="a layer's id, or its name")
    parser.add_argument("rule", nargs="?", metavar="CODE", help="only this rule (code or name)")
    common.add_environment(parser)
    common.add_profile(parser)
    common.add_bind(parser)
    common.add_output_format(parser, "text or json (default: text)")


def run(arguments: argparse.Namespace) -> int:
    """Print the page."""
    targets = output.targets(arguments.output_format, ("text", "json"), "text")
    environments = common.environments(arguments.env, arguments.profile)
    if len(environments) > 1:
        raise UsageError("why explains one environment at a time", "give one -e")
    expect_apart((arguments.model, *common.rule_files(environments)), output.files(targets))
    from qlint import session
    from qlint.files.binding import unmatched
    from qlint.rules import explain

    if arguments.rule is not None:
        explain.find_rule(environments[0], arguments.rule)  # an unknown one is said before the model is read
    bind = common.binds(arguments.bind)
    network, bindable = session.read_network(arguments.model, bind=bind)
    for error in unmatched(bind, bindable):
        raise error.at(arguments.model)
    layer = explain.find_layer(network, arguments.layer)
    found = explain.explain(network, layer, environments[0], arguments.rule)
    for target in targets:
        with output.opened(target) as stream:
            if target.format == "json":
                write_page(why_page.data(network, layer, found), stream)
            else:
                stream.write(why_page.text(network, layer, found, output.width()))
    return Exit.CLEAN
