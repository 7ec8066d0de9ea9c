"""The error tree, and the exit statuses every command keeps to.

Bad input ends in one of these errors and one line on stderr
(``qlint: error: PATH: what is wrong; what to do``), never in a traceback.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Self


class Exit(IntEnum):
    """Exit status of every command, in every format."""

    CLEAN = 0
    FINDINGS = 1
    ERROR = 2
    NO_MODEL = 3


class QlintError(Exception):
    """Something the user must mend. ``str(error)`` is the whole line, without the ``qlint: error:`` prefix."""

    code = "QL000"

    def __init__(self, problem: str, remedy: str = "", *, path: str | None = None, code: str | None = None) -> None:
        self.problem = problem
        self.remedy = remedy
        self.path = path
        if code is not None:
            self.code = code
        super().__init__(problem)

    def __str__(self) -> str:
        where = f"{self.path}: " if self.path else ""
        return where + self.what

    @property
    def what(self) -> str:
        """What is wrong and what to do, without the path."""
        return f"{self.problem}; {self.remedy}" if self.remedy else self.problem

    def at(self, path: str) -> Self:
        """The same error, naming the file it is about unless it already names one."""
        self.path = self.path or path
        return self


class UsageError(QlintError):
    """A flag, an environment or a rule that does not exist, or flags that exclude each other."""


class ModelError(QlintError):
    """A model that cannot be read, or whose facts contradict each other (QL001)."""

    code = "QL001"


class ExternalDataError(ModelError):
    """External data that is missing, too short, or lies where it must not be read (QL003)."""

    code = "QL003"


class PlacedError(QlintError):
    """A mistake in a text file, with its place in the file (1-based; None where it has none).

    `path` holds the place too, as messages name it; `file` does not.
    """

    def __init__(
        self,
        problem: str,
        remedy: str = "",
        *,
        path: str | None = None,
        line: int | None = None,
        column: int | None = None,
    ) -> None:
        self.file = path
        self.line = line
        self.column = column
        place = path
        if path is not None and line is not None:
            place = f"{path}:{line}:{column}" if column is not None else f"{path}:{line}"
        super().__init__(problem, remedy, path=place)


class LfsPointerError(PlacedError, ModelError):
    """A Git-LFS pointer stands where a model or its data should be (QL002)."""

    code = "QL002"


class RuleFileError(PlacedError):
    """A mistake in a rule file (QL004)."""

    code = "QL004"


class DescriptionError(PlacedError, ModelError):
    """A mistake in a network description (QL007)."""

    code = "QL007"


class StalePatchError(QlintError):
    """A patch that was made for another model than the one it is applied to (QL005)."""

    code = "QL005"


class OutputError(QlintError):
    """A file that cannot be written, or that must not be overwritten (QL006)."""

    code = "QL006"


class ExecutionError(QlintError):
    """A network that cannot be executed: an unknown operator, or values that do not fit."""


class InternalError(QlintError):
    """A rule that failed for a reason of qlint's own (QL901); the other rules went on."""

    code = "QL901"

    def __init__(self, rule: str, cause: Exception, *, path: str | None = None) -> None:
        """`rule` names the rule; of the cause only its type is told, since its text may quote anything."""
        problem = f"rule {rule} failed with {type(cause).__name__}"
        super().__init__(problem, "please report this; the other rules were checked", path=path)
        self.__cause__ = cause
