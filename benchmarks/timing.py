"""Whole processes, timed side by side: interleaved runs, medians and pairwise ratios."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Run:
    """One finished process.

    Attributes:
        seconds: wall time.
        megabytes: peak resident memory.
        status: exit status.
    """

    seconds: float
    megabytes: float
    status: int


def run(command: list[str]) -> Run:
    """Run a command to its end, its output thrown away."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return Run(time.perf_counter() - start, usage.ru_maxrss / 1024, process.returncode)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Medians of two commands run in turn, and the median of their pairwise ratios."""

    seconds: float
    other_seconds: float
    ratio: float
    megabytes: float
    other_megabytes: float


def compare(command: list[str], other: list[str], *, runs: int = 9) -> Comparison:
    """Time two commands in turn (A B A B ...) after one warm-up each."""
    run(command), run(other)
    pairs = [(run(command), run(other)) for _ in range(runs)]
    for first, second in pairs:
        if first.status not in (0, 1) or second.status not in (0, 1):
            raise SystemExit(f"a command failed: {command} -> {first.status}, {other} -> {second.status}")
    return Comparison(
        statistics.median(a.seconds for a, _ in pairs),
        statistics.median(b.seconds for _, b in pairs),
        statistics.median(a.seconds / b.seconds for a, b in pairs),
        max(a.megabytes for a, _ in pairs),
        max(b.megabytes for _, b in pairs),
    )
