"""What a file is, by its name."""

from __future__ import annotations

import os

ONNX = (".onnx",)
DESCRIPTIONS = (".qnet.yaml", ".qnet.yml", ".qnet.json")
MODELS = (*ONNX, *DESCRIPTIONS)
"""What a walk through folders takes for a network."""


def is_description(name: str) -> bool:
    """Whether a file of this name is a network description."""
    return name.lower().endswith(DESCRIPTIONS)


def split_suffix(name: str) -> tuple[str, str]:
    """A file's name and its suffix, which has two parts where it is a description's (`.qnet.yaml`)."""
    ending = next((ending for ending in DESCRIPTIONS if name.lower().endswith(ending)), "")
    if ending:
        return name[: -len(ending)], name[-len(ending) :]
    return os.path.splitext(name)
