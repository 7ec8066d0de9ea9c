"""Where the shipped rule files lie: inside the package in a wheel, at the top of the repository in a checkout."""

from __future__ import annotations

from pathlib import Path

from qlint.errors import QlintError

_PACKAGE = Path(__file__).resolve().parent.parent
# A folder called `rules` beside an installed package may be anybody's; this file tells ours.
_LANDMARK = "matlab.yaml"


def shipped_rules() -> Path:
    """Folder of the rule files that come with qlint.

    Raises:
        QlintError: if there is none, which means that the installation is damaged.
    """
    for folder in (_PACKAGE / "_shipped_rules", _PACKAGE.parent / "rules"):
        if (folder / _LANDMARK).is_file():
            return folder
    raise QlintError("the rule files that come with qlint are missing", "install onnx-qlint again", path=str(_PACKAGE))
