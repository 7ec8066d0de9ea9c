"""Threads of our own, each with a BLAS that keeps to itself.

numpy computes all but matrix products in one thread, and OpenBLAS's threads wait for each other by spinning, which
costs dearly in the many small products of a network and more so on a busy machine. While a network runs, OpenBLAS is
therefore held to one thread, and the work is shared out here: copying, multiplying and adding alike. A BLAS
that cannot be held keeps its threads, and there is one of ours.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from math import inf
from threading import Lock
from typing import Any, TypeVar

import numpy as np

from qlint.numeric.kernel.registry import Array

S = TypeVar("S")
T = TypeVar("T")

WORTHWHILE = 1 << 22
"""Multiplications below which a product is not shared: waking a thread takes as long as a million of them."""

_NAMES = (("scipy_openblas", "64_"), ("openblas", "64_"), ("scipy_openblas", ""), ("openblas", ""))

_team: ContextVar[ThreadPoolExecutor | None] = ContextVar("team", default=None)


@cache
def _openblas() -> tuple[Callable[[], int], Callable[[int], None]] | None:
    """How to ask for and set OpenBLAS's number of threads; None where numpy has another BLAS."""
    try:
        library = ctypes.CDLL(np.linalg._umath_linalg.__file__)
    except (AttributeError, OSError):
        return None
    for prefix, suffix in _NAMES:
        try:
            get: Any = getattr(library, f"{prefix}_get_num_threads{suffix}")
            put: Any = getattr(library, f"{prefix}_set_num_threads{suffix}")
        except AttributeError:
            continue
        get.argtypes, get.restype = [], ctypes.c_int
        put.argtypes, put.restype = [ctypes.c_int], None
        return get, put
    return None


def blas_threads() -> int | None:
    """How many threads OpenBLAS uses; None where numpy has another BLAS."""
    control = _openblas()
    return None if control is None else control[0]()


class _Hold:
    """Holds OpenBLAS to one thread while any network runs, in whatever thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._running = 0
        self._before = 1

    def begin(self, get: Callable[[], int], put: Callable[[int], None]) -> int:
        """Hold it; how many threads it had before."""
        with self._lock:
            if not self._running:
                self._before = get()
                put(1)
            self._running += 1
            return self._before

    def end(self, put: Callable[[int], None]) -> None:
        """The last network that ends gives it its threads back."""
        with self._lock:
            self._running -= 1
            if not self._running:
                put(self._before)


_hold = _Hold()


@contextmanager
def team() -> Iterator[None]:
    """Run a network in as many threads as OpenBLAS would have used; inside of another team, in that one."""
    control = _openblas()
    if control is None or _team.get() is not None:
        yield
        return
    get, put = control
    count = _hold.begin(get, put)
    try:
        with ThreadPoolExecutor(max(count - 1, 1), "qlint") as pool:
            token = _team.set(pool if count > 1 else None)
            try:
                yield
            finally:
                _team.reset(token)
    finally:
        _hold.end(put)


def workers(work: float = inf) -> int:
    """How many threads to share so many multiplications among; 1 outside of a running network and in its threads."""
    pool = _team.get()
    return 1 if pool is None or work < WORTHWHILE else pool._max_workers + 1


def share(work: Callable[[Iterator[T], S], None], items: Sequence[T], scratch: Callable[[], S]) -> None:
    """Let every thread work on the next item until there is none left.

    Args:
        work: takes items from the iterator and computes them; called once per thread.
        items: independent of each other.
        scratch: makes what a thread works with, in this one: memory that another thread allocates is new to the
            process each time, and slow.
    """
    pool = _team.get()
    common = iter(items)
    if pool is None or len(items) < 2:
        work(common, scratch())
        return

    held = [work]  # to let go of it: a helper that is cancelled lives on until a thread clears it away

    def quietly(own: S) -> None:
        with np.errstate(all="ignore"):  # threads do not inherit it
            held[0](common, own)

    helpers = [pool.submit(quietly, scratch()) for _ in range(min(workers(), len(items)) - 1)]
    token = _team.set(None)  # what is shared already is not shared once more
    try:
        work(common, scratch())
    finally:
        _team.reset(token)
        for helper in helpers:
            if not helper.cancel():  # one that has not begun finds nothing left to do
                helper.result()
        held.clear()


def each(function: Callable[[T], object], items: Sequence[T]) -> None:
    """Call a function for every item, on all threads."""

    def work(common: Iterable[T], _: None) -> None:
        for item in common:
            function(item)

    share(work, items, lambda: None)


def pieces(length: int, count: int) -> list[slice]:
    """Cut a length into at most `count` pieces, of whole multiples of 16 but for the last."""
    step = -(-length // count)
    step = max(-(-step // 16), 1) * 16
    return [slice(start, min(start + step, length)) for start in range(0, length, step)]


def blocks(planes: int, elements: int, limit: int = 1 << 15) -> list[slice]:
    """Cut equal planes of so many elements each into blocks of about `limit` elements, which stay in the cache."""
    step = max(1, limit // max(elements, 1))
    return [slice(start, min(start + step, planes)) for start in range(0, planes, step)]


def multiply(a: Array, b: Array, out: Array | None = None) -> Array:
    """The product of two matrices, shared by rows or by columns."""
    rows, columns = a.shape[0], b.shape[1]
    if out is None:
        out = np.empty((rows, columns), np.result_type(a, b))
    result = out
    wide = columns >= rows

    def part(some: slice) -> None:
        np.matmul(a if wide else a[some], b[:, some] if wide else b, out=result[:, some] if wide else result[some])

    each(part, pieces(columns if wide else rows, workers(rows * columns * a.shape[1])))
    return result
