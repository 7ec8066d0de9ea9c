"""Flags that several commands share, and what they mean."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from qlint.errors import UsageError

if TYPE_CHECKING:
    from qlint.rules.model import Environment

DEFAULT_ENVIRONMENT = "matlab"


def add_environment(parser: argparse.ArgumentParser) -> None:
    """`-e/--env`."""
    parser.add_argument(
        "-e",
        "--env",
        action="append",
        metavar="ID[@RELEASE]",
        help=f"execution environment, or all (default: {DEFAULT_ENVIRONMENT})",
    )


def add_bind(parser: argparse.ArgumentParser) -> None:
    """`--bind`."""
    parser.add_argument(
        "--bind",
        action="append",
        metavar="DIM=N",
        help="size of a symbolic dimension, or an input's shape: INPUT=1,3,224,224",
    )


def add_output_format(parser: argparse.ArgumentParser, formats: str) -> None:
    """`--output-format`."""
    parser.add_argument("--output-format", action="append", metavar="FMT[:FILE]", help=formats)


def add_data(parser: argparse.ArgumentParser) -> None:
    """`--data` and `--tolerance`, of commands that compare two networks."""
    parser.add_argument("--data", metavar="FILE.npz", help="inputs to run on, by name (default: random ones)")
    parser.add_argument(
        "--tolerance", metavar="X", help="allow |a - b| <= X * (1 + |a|) (default: what rounding explains)"
    )


def tolerance(word: str | None) -> float | None:
    """What `--tolerance` says.

    Raises:
        UsageError: it is no number, or negative.
    """
    if word is None:
        return None
    try:
        found = float(word)
    except ValueError:
        found = -1.0
    if not 0 <= found < float("inf"):
        raise UsageError(f"--tolerance {word} is not a positive number", "write --tolerance 1e-5")
    return found


def words(given: Sequence[str] | None) -> list[str]:
    """Repeatable flags that also take lists with commas."""
    return [word.strip() for item in given or () for word in item.split(",") if word.strip()]


def environments(words: Sequence[str] | None) -> list[Environment]:
    """The environments `-e` names, each once.

    Raises:
        UsageError: an unknown environment or release, or two releases of one.
    """
    from qlint.rules import library

    found: dict[str, Environment] = {}
    for word in words or (DEFAULT_ENVIRONMENT,):
        id, at, release = word.partition("@")
        if at and not release:
            raise UsageError(f"-e {word} names no release", "write ID@RELEASE, or ID for the newest")
        for name in library.environments() if id.lower() == "all" else (id,):
            environment = library.load(name, release or None)
            other = found.setdefault(environment.id, environment)
            if other.release != environment.release:
                problem = f"-e asks for {environment.id} in two releases"
                raise UsageError(problem, "check one release at a time")
    return list(found.values())


def binds(words: Sequence[str] | None) -> dict[str, int | list[int | str]]:
    """What `--bind` says: a size by symbol, or a whole shape by input.

    Raises:
        UsageError: it is no `NAME=N[,N...]` of positive numbers, or a name is bound twice.
    """
    found: dict[str, int | list[int | str]] = {}
    for word in words or ():
        name, _, value = word.rpartition("=")
        sizes = value.split(",")
        if not name or not all(
            size.strip().isascii() and size.strip().isdigit() and int(size[:20]) > 0 for size in sizes
        ):
            raise UsageError(f"--bind {word} is not DIM=N or INPUT=N,N,...", "write --bind N=1 or --bind x=1,3,224,224")
        numbers: list[int | str] = [int(size[:20]) for size in sizes]
        bound = int(sizes[0][:20]) if len(sizes) == 1 else numbers
        if found.setdefault(name, bound) != bound:
            raise UsageError(f"--bind gives {name} twice", "give it once")
    return found
