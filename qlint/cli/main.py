"""`qlint`: finds the command, and turns every ending into the documented exit status."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence

from qlint import __version__
from qlint.cli.parser import Parser
from qlint.errors import Exit, QlintError, UsageError

COMMANDS = {
    "check": "lint models",
    "rule": "explain a rule, or list all",
    "env": "explain an execution environment, or list all",
    "why": "show what every rule saw of one layer",
    "plan": "tell in which numeric type each layer will compute, and why",
    "fix": "prepare a model for an environment, as prepareNetwork does, and prove the result",
    "apply": "apply a patch that fix has saved",
    "verify": "run two models on the same inputs and compare every output",
    "convert": "convert an ONNX model to a network description, or back",
    "rules": "check rule files and run their examples (for rule authors)",
}
_INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status (see `Exit`)."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by the caller, who wants the exit status alone
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 (open until the end)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # names may hold what the terminal's encoding cannot
            stream.reconfigure(errors="backslashreplace")
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        arguments = _parse(words)
        status = int(arguments.run(arguments))
        sys.stdout.flush()
        return status
    except QlintError as exc:
        return _fail(exc)
    except SystemExit as exc:  # argparse has printed help or the version
        return int(exc.code or 0)
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        # The reader went away (`| head`): nobody wants the rest, nor a second error when Python flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.ERROR
    except Exception as exc:
        return _fail(_internal(exc))


def _fail(error: QlintError) -> int:
    from qlint.cli.output import complain

    complain(error)
    return Exit.ERROR


def _parse(words: list[str]) -> argparse.Namespace:
    parser = Parser(
        prog="qlint", description="Tells which layers of an ONNX network will not survive int8 quantization, and why."
    )
    parser.add_argument("--version", action="version", version=f"qlint {__version__}")
    # Told how the program is called, argparse need not work it out by writing a usage line.
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", prog="qlint")
    # Only the command that runs is imported, and others have a parser only where they may be listed: `qlint rule` and
    # `qlint --help` have to be light.
    wanted = next((word for word in words if not word.startswith("-")), None)
    parsers = {}
    for name in words[:1] if wanted in COMMANDS and wanted == words[0] else COMMANDS:
        summary = COMMANDS[name]
        own = parsers[name] = commands.add_parser(
            name, help=summary, description=summary[0].upper() + summary[1:] + "."
        )
        if name == wanted:
            module = importlib.import_module(f"qlint.cli.{name}")
            module.add(own)
            own.set_defaults(run=module.run)
    arguments, rest = parser.parse_known_args(words)
    if rest:
        whose = parser if rest[0] == words[0] else parsers.get(arguments.command, parser)
        whose.error("unrecognized arguments: " + " ".join(rest))
    if arguments.command is None:
        raise UsageError("no command is given", f"use {', '.join(COMMANDS)}; `qlint --help` explains them")
    return arguments


def _internal(exc: Exception) -> QlintError:
    if os.environ.get("QLINT_TRACEBACK"):
        import traceback

        traceback.print_exc()
    problem = f"internal error: {type(exc).__name__}: {exc}"
    return QlintError(problem, "please report it; QLINT_TRACEBACK=1 shows where it happened", code="QL900")
