"""What earlier runs of equalize-layers did, recorded in the model's metadata."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

from qlint.transforms.affine import Array, Refused
from qlint.transforms.equalization import LARGEST, Joint, Layer
from qlint.transforms.patch import SetMetadata

if TYPE_CHECKING:
    from qlint.transforms.base import Context

PREFIX = "pkg.qlint.equalized."
"""Begins the key of a layer's record, before its graph's path and its output: a JSON list, one factor a channel."""

_DIGITS = 6


def spent(context: Context, layer: Layer) -> Array:
    """Products of the factors by which earlier runs divided a layer's output channels.

    Raises:
        Refused: if the record of them is damaged.
    """
    record = context.model.metadata.get(_key(context, layer))
    if record is None:
        return np.ones(layer.outputs)
    try:
        found = np.array(json.loads(record), np.float64)
    except (ValueError, TypeError, OverflowError, RecursionError):
        found = np.zeros(0)
    if found.shape != (layer.outputs,) or not ((found >= 1 / LARGEST) & (found <= LARGEST)).all():
        key = _key(context, layer)
        raise Refused(f"how far it was equalized before cannot be read; remove {key!r} from the model's metadata")
    return found


def recorded(context: Context, joint: Joint) -> SetMetadata:
    """The operation that records a joint's factors, those of earlier runs included."""
    factors = [float(f"{factor:.{_DIGITS}g}") for factor in joint.product]
    return SetMetadata(_key(context, joint.producer), json.dumps(factors, separators=(",", ":")))


def _key(context: Context, layer: Layer) -> str:
    return f"{PREFIX}{context.graph.path}/{layer.output}"
