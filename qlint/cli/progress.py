"""A line on stderr while a call takes long: only on a terminal, only after a second, and wiped in the end."""

from __future__ import annotations

import sys
import time

from qlint.report.escape import visible

_PATIENCE = 1.0


class Progress:
    """Shows which model of how many is being checked."""

    def __init__(self, total: int, *, quiet: bool) -> None:
        self._total = total
        self._on = not quiet and sys.stderr.isatty()
        self._start = time.monotonic()
        self._shown = 0

    def __call__(self, path: str, number: int) -> None:
        """Before each model."""
        if self._on and time.monotonic() - self._start >= _PATIENCE:
            self._write(f"checking {number + 1}/{self._total} {visible(path, limit=60)}")

    def done(self) -> None:
        """Wipe the line."""
        if self._shown:
            self._write("")

    def _write(self, line: str) -> None:
        sys.stderr.write("\r" + line.ljust(self._shown) + ("" if line else "\r"))
        sys.stderr.flush()
        self._shown = len(line)
