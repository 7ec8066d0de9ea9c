"""Flags that several commands share, and what they mean."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

from qlint.cli import own_rules
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
        help=f"execution environment, all, or a rule file of your own (default: {DEFAULT_ENVIRONMENT})",
    )


def add_profile(parser: argparse.ArgumentParser) -> None:
    """`--profile`."""
    parser.add_argument(
        "--profile", metavar="NAME", help="processor profile: a shipped one's name, or a file (`qlint env` lists them)"
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


def add_backend(parser: argparse.ArgumentParser) -> None:
    """`--backend`, of commands that run whole networks."""
    parser.add_argument(
        "--backend", choices=("numpy", "ort"), default="numpy", help="what runs networks: numpy, or onnxruntime (ort)"
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


def environments(words: Sequence[str] | None, profile: str | None = None) -> list[Environment]:
    """The environments `-e` names, each once; with a processor profile (`--profile`), the one it belongs to has it.

    Raises:
        UsageError: an unknown environment, release or profile, two releases of one, or a profile of none of them.
        RuleFileError: the profile's file has a mistake.
    """
    from qlint.rules import library

    found: dict[str, Environment] = {}
    for word in words or (DEFAULT_ENVIRONMENT,):
        id, release = _parts(word)
        for name in library.environments() if id.lower() == "all" else (id,):
            environment = own_rules.load(name, release) if own_rules.is_file(name) else library.load(name, release)
            other = found.setdefault(environment.id, environment)
            if other.path != environment.path:
                problem = f"{other.path} and {environment.path} are both called {environment.id}"
                raise UsageError(problem, "check against one at a time, or give one another id")
            if other.release != environment.release:
                problem = f"-e asks for {environment.id} in two releases"
                raise UsageError(problem, "check one release at a time")
    if profile is not None:
        _give(profile, found)
    return list(found.values())


def _parts(word: str) -> tuple[str, str | None]:
    """What `-e` names, and in which release; only what stands behind a file's suffix is a file's release."""
    if own_rules.is_file(word):
        return word, None
    id, at, release = word.rpartition("@") if own_rules.is_file(word.rpartition("@")[0]) else word.partition("@")
    if at and not release:
        raise UsageError(f"-e {word} names no release", "write ID@RELEASE, or ID for the newest")
    return id, release or None


def _give(word: str, found: dict[str, Environment]) -> None:
    """Replace the environment that a profile belongs to by the same with the profile."""
    from qlint.rules import profile

    given = profile.load(word)
    if given.environment not in found:
        problem = f"--profile {given.name} belongs to environment {given.environment}, which is not checked against"
        raise UsageError(problem, f"add -e {given.environment}, or leave out --profile")
    found[given.environment] = dataclasses.replace(found[given.environment], profile=given)


def rule_files(environments: Sequence[Environment]) -> list[str]:
    """The files that environments and their profiles were read from."""
    profiles = (environment.profile for environment in environments)
    return [given.path for given in (*environments, *profiles) if given is not None]


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
