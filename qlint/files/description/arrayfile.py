"""What readers of array files share."""

from __future__ import annotations


class ArrayFileError(Exception):
    """What is wrong with an array file ("holds no arrays"), and what to do. The description tells where it is named."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(what)
        self.what = what
        self.remedy = remedy
