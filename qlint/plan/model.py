"""What a plan says, as frozen records."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qlint.diagnostics import EvidenceKind
    from qlint.rules.model import Environment


class Outcome(StrEnum):
    """What becomes of a layer.

    `INT8`: it computes with quantized learnables. `FIXED_POINT`: it has none, and computes with fixed-point data.
    `SINGLE`: it computes in single precision. `FUSED` and `REMOVED`: it is not there any more, because preparation or
    the compiler merges it into a neighbour or drops it. `UNKNOWN`: a fact is missing.
    """

    INT8 = "int8"
    FIXED_POINT = "fixed-point"
    SINGLE = "single"
    FUSED = "fused"
    REMOVED = "removed"
    UNKNOWN = "unknown"

    @property
    def quantized(self) -> bool:
        """Whether the layer is computed with integers."""
        return self in (Outcome.INT8, Outcome.FIXED_POINT)

    @property
    def gone(self) -> bool:
        """Whether there is no layer any more that computes."""
        return self in (Outcome.FUSED, Outcome.REMOVED)


@dataclass(frozen=True, slots=True)
class Planned:
    """A layer and what becomes of it.

    Attributes:
        id, name, type: of the layer.
        outcome: what becomes of it.
        reason: why, as a clause; where it is unknown, what is missing and what would decide it.
        cause: id of the layer whose output keeps this one from fixed point, or leaves it unknown; None where it is
            this layer itself, or what lies outside the network.
        parameters: elements of its learnables; macs: multiply-accumulates of one observation; None where not known
            (see `qlint.plan.metrics`).
        evidence: how it is known what the environment does with such a layer; None where it is not known to do
            anything with it.
    """

    id: str
    name: str
    type: str
    outcome: Outcome
    reason: str
    cause: str | None
    parameters: int | None
    macs: int | None
    evidence: EvidenceKind | None = None


@dataclass(frozen=True, slots=True)
class Cause:
    """A layer that is in single precision by itself, and what would heal it.

    Attributes:
        id, type: of the layer.
        reason: why it is single.
        code: of the rule that says so or that knows a way out; None where there is none.
        remedy: that rule's hint; empty where no remedy is known.
        transform: name of the transform of the environment that heals it; None where there is none.
    """

    id: str
    type: str
    reason: str
    code: str | None = None
    remedy: str = ""
    transform: str | None = None


@dataclass(frozen=True, slots=True)
class Island:
    """Connected layers in single precision with quantized ones before and after them.

    Attributes:
        layers: their ids, in topological order.
        causes: those of them that are single by themselves, in topological order; the others only follow.
    """

    layers: tuple[str, ...]
    causes: tuple[Cause, ...]


@dataclass(frozen=True, slots=True)
class Share:
    """How much of something is quantized.

    Attributes:
        total: of all layers that compute and for which the amount is known.
        quantized: of those among them that are quantized.
        unknown: number of layers that compute and for which it is not known.
        unknown_float: those among them that are not quantized, or not known to be.
    """

    total: int
    quantized: int
    unknown: int = 0
    unknown_float: int = 0

    @property
    def percent(self) -> float:
        """What is certainly quantized, in percent; 100 where there is nothing to quantize.

        An unknown amount in a layer that is not quantized may outweigh everything, so then nothing is certain.
        """
        if self.unknown_float:
            return 0.0
        return 100.0 * self.quantized / self.total if self.total else 100.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What becomes of a network in an environment.

    Attributes:
        environment: the environment, at the release the plan is for.
        path, digest: of the network.
        layers: in topological order.
        islands: ordered by their first layers.
        open_inputs: the inputs whose sizes the file leaves open, as `--bind` takes them (`x=1,3,N,N`).
    """

    environment: Environment
    path: str
    digest: str
    layers: tuple[Planned, ...]
    islands: tuple[Island, ...]
    open_inputs: tuple[str, ...] = ()

    def summary(self) -> dict[str, Share]:
        """How many of the `layers`, `parameters` and `macs` are quantized. What is fused or removed has no part."""
        left = [layer for layer in self.layers if not layer.outcome.gone]
        return {
            "layers": _share((1, layer.outcome) for layer in left),
            "parameters": _share((layer.parameters, layer.outcome) for layer in left),
            "macs": _share((layer.macs, layer.outcome) for layer in left),
        }


def _share(amounts: Iterable[tuple[int | None, Outcome]]) -> Share:
    total = quantized = unknown = unknown_float = 0
    for amount, outcome in amounts:
        if amount is None:
            unknown += 1
            unknown_float += not outcome.quantized
        else:
            total += amount
            quantized += amount if outcome.quantized else 0
    return Share(total, quantized, unknown, unknown_float)
