"""What a file is, by its name."""

from __future__ import annotations

ONNX = (".onnx",)
DESCRIPTIONS = (".qnet.yaml", ".qnet.yml", ".qnet.json")
MODELS = (*ONNX, *DESCRIPTIONS)
"""What a walk through folders takes for a network."""


def is_description(name: str) -> bool:
    """Whether a file of this name is a network description."""
    return name.lower().endswith(DESCRIPTIONS)
