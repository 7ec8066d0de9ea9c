"""Where the shipped rule files lie: inside the package in a wheel, at the top of the repository in a checkout."""

from __future__ import annotations

import os

from qlint.errors import QlintError

_PACKAGE = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
# A folder called `rules` beside an installed package may be anybody's; this file tells ours.
_LANDMARK = "matlab.yaml"


def shipped_rules() -> str:
    """Folder of the rule files that come with qlint; a text, since pathlib costs `qlint rule` 10 ms.

    Raises:
        QlintError: if there is none, which means that the installation is damaged.
    """
    for folder in (os.path.join(_PACKAGE, "_shipped_rules"), os.path.join(os.path.dirname(_PACKAGE), "rules")):
        if os.path.isfile(os.path.join(folder, _LANDMARK)):
            return folder
    raise QlintError("the rule files that come with qlint are missing", "install onnx-qlint again", path=_PACKAGE)
