"""`qlint rules validate|test`: for authors of rule files."""

from __future__ import annotations

import argparse
import glob
import os
from typing import TYPE_CHECKING

from qlint.cli import output
from qlint.cli.parser import Parser
from qlint.errors import Exit, RuleFileError
from qlint.report.escape import visible

if TYPE_CHECKING:
    from collections.abc import Iterable


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    commands = parser.add_subparsers(dest="action", metavar="ACTION", required=True, parser_class=Parser)
    for name, summary in (("validate", "list every mistake of rule files"), ("test", "run the examples of rule files")):
        own = commands.add_parser(name, help=summary, description=summary[0].upper() + summary[1:] + ".")
        own.add_argument(
            "paths", nargs="*", metavar="PATH", help="rule files, or folders of them (default: the shipped ones)"
        )


def run(arguments: argparse.Namespace) -> int:
    """Do what the action asks."""
    files = _files(arguments.paths)
    return _validate(files) if arguments.action == "validate" else _test(files)


def _files(paths: Iterable[str]) -> list[str]:
    from qlint.rules.paths import shipped_rules

    found: list[str] = []
    for path in paths or (os.fspath(shipped_rules()),):
        if not os.path.isdir(path):
            found.append(path)
            continue
        below = sorted(
            name for ending in ("yaml", "yml") for name in glob.glob(os.path.join(glob.escape(path), f"*.{ending}"))
        )
        if not below:
            raise RuleFileError("this folder holds no rule files", "give a folder of *.yaml files", path=path)
        found += below
    return found


def _validate(files: list[str]) -> int:
    from qlint.rules import loader

    mistakes = [mistake for file in files for mistake in loader.validate(file)]
    for mistake in mistakes:
        output.complain(mistake)
    if mistakes:
        return Exit.ERROR
    _say([f"{_number(len(files), 'rule file')} without mistakes"])
    return Exit.CLEAN


def _test(files: list[str]) -> int:
    from qlint.rules import examples, loader

    rules = ran = 0
    failed: list[str] = []
    for file in files:
        environment = loader.load_environment(file, full_check=True)
        rules += len(environment.rules)
        for result in examples.run_examples(environment):
            ran += 1
            if not result.ok:
                failed.append(f"{environment.path}: {result.problem}")
    passed = f"{ran - len(failed)} of {_number(ran, 'example')} of {_number(rules, 'rule')} do as they claim"
    _say([*failed, passed])
    return Exit.FINDINGS if failed else Exit.CLEAN


def _say(lines: Iterable[str]) -> None:
    with output.opened(output.Target("text", None)) as stream:
        stream.writelines(visible(line, limit=1000) + "\n" for line in lines)


def _number(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
