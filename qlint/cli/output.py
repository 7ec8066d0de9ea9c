"""Where reports go: `--output-format FMT[:FILE]`, standard output, and files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TextIO

from qlint.cli.overwriting import is_special
from qlint.cli.parser import one_of
from qlint.errors import QlintError, UsageError
from qlint.report.escape import visible


@dataclass(frozen=True, slots=True)
class Target:
    """One output: a format, and a file or (None) standard output."""

    format: str
    file: str | None


def targets(words: Sequence[str] | None, formats: Sequence[str], default: str) -> list[Target]:
    """What `--output-format` asks for.

    Raises:
        UsageError: an unknown format, or two outputs for one place.
    """
    found = []
    for word in words or (default,):
        format, colon, file = word.partition(":")
        if colon and not file:
            raise UsageError(
                f"--output-format {word} names no file", "write FORMAT:FILE, or FORMAT for standard output"
            )
        found.append(Target(one_of(format, formats, "output format"), file or None))
    places = [target.file for target in found]
    if len(set(places)) < len(places):
        raise UsageError(
            "two output formats go to the same place", "give all but one a file: --output-format json:FILE"
        )
    return found


def files(targets: Iterable[Target]) -> list[str]:
    """Paths of the files among the targets."""
    return [target.file for target in targets if target.file is not None]


@contextmanager
def opened(target: Target) -> Iterator[TextIO]:
    """A stream to write a report to; a file is renamed into place when it is complete, a device or link written to.

    Raises:
        QlintError: the file cannot be written.
    """
    if target.file is None:
        try:
            yield sys.stdout
            sys.stdout.flush()
        except BrokenPipeError:
            raise
        except OSError as exc:
            raise QlintError(
                f"the report cannot be written: {exc.strerror or exc}", "check where standard output goes"
            ) from exc
        return
    if is_special(target.file):
        try:
            with open(target.file, "w", encoding="utf-8", newline="\n") as file:
                yield file
        except OSError as exc:
            raise _unwritable(target.file, exc) from exc
        return
    import tempfile  # costs 10 ms, which `qlint rule` need not pay

    folder, name = os.path.split(os.path.abspath(target.file))
    temporary: str | None = None
    try:
        handle, temporary = tempfile.mkstemp(prefix=f".{name}.", dir=folder)
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, target.file)
        temporary = None
    except (OSError, ValueError) as exc:
        raise _unwritable(target.file, exc) from exc
    finally:
        if temporary is not None:
            with contextlib.suppress(OSError):
                os.unlink(temporary)


def _unwritable(file: str, error: OSError | ValueError) -> QlintError:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return QlintError(f"the report cannot be written: {reason}", "name another file", path=file)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def complain(error: QlintError) -> None:
    """One line on stderr: `qlint: error: PATH: what is wrong; what to do`."""
    where = f"{error.path}: " if error.path else ""
    code = "" if error.code == "QL000" else f" ({error.code})"
    then = f"; {error.remedy}" if error.remedy else ""
    print(visible(f"qlint: error: {where}{error.problem}{code}{then}", limit=2000), file=sys.stderr)


def note(text: str) -> None:
    """One line on stderr that is no error."""
    print(visible(f"qlint: note: {text}", limit=2000), file=sys.stderr)


def wants_color(choice: str) -> bool:
    """What `--color` means here: auto colors a terminal unless NO_COLOR is set."""
    if choice != "auto":
        return choice == "always"
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def width() -> int:
    """Columns to wrap text at."""
    import shutil

    return max(40, min(shutil.get_terminal_size((80, 24)).columns, 120))
