"""Text files of plain data (rule files, network descriptions): how they are read, and where everything stands."""

from __future__ import annotations

import hashlib
import os
import stat
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from qlint.errors import PlacedError, RuleFileError

Path: TypeAlias = tuple[str | int, ...]
"""Where in a document: keys and list indices from the top."""

Place: TypeAlias = tuple[int, int]
"""Line and column, 1-based."""


@dataclass(frozen=True, slots=True)
class Sort:
    """A sort of files.

    Attributes:
        noun: what messages call one ("rule file").
        error: what is raised.
        size: most bytes.
        depth: deepest nesting.
        placed: whether places are always asked for, so that they are best noted at once.
    """

    noun: str
    error: type[PlacedError]
    size: int
    depth: int
    placed: bool = False


RULES = Sort("rule file", RuleFileError, 1 << 20, 32)
"""The shipped rule files have a fifth of the size; with weights in their examples they nest about fifteen deep."""


class Marks:
    """Places of keys and values in the order of the text: of a mapping's entry first the key, then the value.

    Each is told by five numbers: its line and column, 0-based, its first character and the one after its last (what no
    brackets enclose ends with the last thing inside it), and whether brackets enclose it.
    """

    __slots__ = ("cells",)

    def __init__(self) -> None:
        self.cells = array("Q")

    def add(self, line: int, column: int, start: int, end: int, enclosed: bool) -> int:
        """Note the next key or value, and return its number."""
        self.cells.extend((line, column, start, end, enclosed))
        return len(self.cells) // 5 - 1

    def end(self, number: int, end: int) -> None:
        """Note where a mapping or list ends."""
        self.cells[5 * number + 3] = end

    def of(self, number: int) -> array[int]:
        """The five numbers."""
        return self.cells[5 * number : 5 * number + 5]


class Document:
    """A parsed file.

    Attributes:
        path: as given, for messages.
        text: what was parsed.
        data: mappings with string keys, lists, strings, numbers, booleans and None.
        digest: "sha256:..." of the file's bytes.
    """

    __slots__ = ("_mark_all", "_marks", "_starts", "data", "digest", "path", "text")

    def __init__(
        self, path: str, text: str, data: Any, digest: str, mark_all: Callable[[str], Marks], marks: Marks | None = None
    ) -> None:
        """`mark_all` reads the text again to note its places; where `marks` has them already, it need not."""
        self.path = path
        self.text = text
        self.data = data
        self.digest = digest
        self._mark_all = mark_all
        self._marks = marks
        self._starts: dict[Path, dict[str | int, int]] = {}

    def place(self, path: Path, *, key: bool = False) -> Place | None:
        """Line and column of the value at `path`, or of its key; of the nearest thing around it if there is none."""
        marks = self._noted()
        if not marks.cells:
            return None
        line, column, *_ = marks.of(self._number(path, key=key))
        return line + 1, column + 1

    def span(self, path: Path, *, key: bool = False) -> tuple[int, int]:
        """First character of the value at `path`, which must exist, or of its key, and the one after its last."""
        _, _, start, end, _ = self._noted().of(self._number(path, key=key))
        return start, end

    def enclosed(self, path: Path) -> bool:
        """Whether the mapping or list at `path`, which must exist, stands in brackets."""
        return bool(self._noted().of(self._number(path, key=False))[4])

    def _noted(self) -> Marks:
        if self._marks is None:
            self._marks = self._mark_all(self.text)
        return self._marks

    def _number(self, path: Path, *, key: bool) -> int:
        """Number of the mark for `path`, or of the nearest thing around it."""
        number, here = 0, self.data
        for depth, step in enumerate(path):
            starts = self._starts.get(path[:depth])
            if starts is None:
                starts = self._starts[path[:depth]] = _starts(here, number)
            if step not in starts:
                break
            number, here = starts[step], here[step]
            if key and depth == len(path) - 1 and isinstance(step, str):
                number -= 1
        return number


def _starts(container: Any, number: int) -> dict[str | int, int]:
    """Numbers of the marks of the values in a mapping or list, which itself has that `number`."""
    starts: dict[str | int, int] = {}
    number += 1
    if isinstance(container, dict):
        for key, value in container.items():
            starts[key] = number + 1
            number += 1 + _count(value)
    elif isinstance(container, list):
        for index, value in enumerate(container):
            starts[index] = number
            number += _count(value)
    return starts


def _count(value: Any) -> int:
    """How many marks a value has; it does not nest deeper than its file may."""
    if isinstance(value, dict):
        return 1 + len(value) + sum(map(_count, value.values()))
    return 1 + sum(map(_count, value)) if isinstance(value, list) else 1


def digest(content: bytes) -> str:
    """The digest of a file's content."""
    return "sha256:" + hashlib.sha256(content).hexdigest()


def decoded(content: bytes, shown: str, sort: Sort) -> str:
    """The text of a file.

    Raises:
        PlacedError: of the sort's class, where it is no UTF-8.
    """
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        problem, remedy = "this is not UTF-8 text", "save the file as UTF-8"
        raise sort.error(problem, remedy, path=shown, line=line, column=1) from error


def content_of(path: str | os.PathLike[str], shown: str, sort: Sort) -> bytes:
    """The bytes of a file.

    Raises:
        PlacedError: of the sort's class, where it cannot be read, is no file, or is too large.
    """
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise sort.error("this is not a file", f"give a {sort.noun}", path=shown)
        with open(path, "rb") as file:
            content = file.read(sort.size + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise sort.error(f"the {sort.noun} cannot be read: {reason}", "check the path", path=shown) from error
    check_size(content, shown, sort)
    return content


def check_size(content: bytes, shown: str, sort: Sort) -> None:
    """Refuse what is too large.

    Raises:
        PlacedError: of the sort's class.
    """
    if len(content) > sort.size:
        raise sort.error(f"the {sort.noun} has more than {sort.size} bytes", "split it", path=shown)
