"""Pooling, global pooling and unpooling against loops over MATLAB's indices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from qlint.errors import DescriptionError
from qlint.network.lower.assemble import Lowered
from tests.network.lower.describing import Array, apply, close, computed, lowered, random, source

Pool = Callable[[list[float], int], float]
"""Of what a window sees within the data, and the number of places it has."""

POOLS: dict[tuple[str, Any], Pool] = {
    ("max", None): lambda seen, _: max(seen),
    ("average", 0): lambda seen, places: sum(seen) / places,
    ("average", "mean"): lambda seen, _: sum(seen) / len(seen),
}


def pooled(
    x: Array, pool: Pool, window: Sequence[int], stride: Sequence[int], pads: Sequence[tuple[int, int]]
) -> Array:
    """Data [spatial... rest...]; the rest is pooled one by one."""
    rank = len(window)
    space = x.shape[:rank]
    out = [(n + sum(pad) - k) // s + 1 for n, k, s, pad in zip(space, window, stride, pads, strict=True)]
    y = np.zeros((*out, *x.shape[rank:]))
    for position in np.ndindex(*y.shape):
        seen = []
        for tap in np.ndindex(*window):
            at = [p * s + t - pad[0] for p, s, t, pad in zip(position, stride, tap, pads, strict=False)]
            if all(0 <= i < n for i, n in zip(at, space, strict=True)):
                seen.append(float(x[(*at, *position[rank:])]))
        y[position] = pool(seen, int(np.prod(window)))
    return y


def layer(kind: str, value: Any, rank: int, size: Any, **rest: Any) -> dict[str, Any]:
    told = {"type": f"{kind}Pooling{rank}dLayer", "PoolSize": size, **rest}
    return told if value is None else {**told, "PaddingValue": value}


@pytest.mark.parametrize(("kind", "value"), POOLS)
class TestPooling:
    def test_two_dimensions(self, kind: str, value: Any) -> None:
        x = random(7, 9, 3, 2)
        told = layer(kind, value, 2, [3, 4], Stride=[2, 3], Padding=[1, 2, 3, 0])
        format, y = apply(told, "SSCB", x)
        assert format == "SSCB"
        close(y, pooled(x, POOLS[kind, value], (3, 4), (2, 3), [(1, 2), (3, 0)]))

    def test_one_dimension_over_space_and_over_time(self, kind: str, value: Any) -> None:
        x = random(11, 3, 2)
        told = layer(kind, value, 1, 4, Stride=3, Padding=[1, 3])
        wanted = pooled(x, POOLS[kind, value], (4,), (3,), [(1, 3)])
        close(apply(told, "SCB", x)[1], wanted)
        close(apply(told, "CBT", x.transpose(1, 2, 0))[1], wanted.transpose(1, 2, 0))

    def test_three_dimensions(self, kind: str, value: Any) -> None:
        x = random(4, 5, 6, 2, 2)
        told = layer(kind, value, 3, [2, 3, 4], Stride=[1, 2, 2], Padding=[[1, 0, 2], [0, 1, 1]])
        wanted = pooled(x, POOLS[kind, value], (2, 3, 4), (1, 2, 2), [(1, 0), (0, 1), (2, 1)])
        close(apply(told, "SSSCB", x)[1], wanted)

    @pytest.mark.parametrize("open", ["BT", "BTS"])
    def test_same_has_the_uneven_row_at_the_end(self, kind: str, value: Any, open: str) -> None:
        x = random(7, 8, 2, 2)
        told = layer(kind, value, 2, [3, 4], Stride=[2, 3], Padding="same")  # 3*2+3-7 = 2; 2*3+4-8 = 2
        close(apply(told, "SSCB", x, open=open)[1], pooled(x, POOLS[kind, value], (3, 4), (2, 3), [(1, 1), (1, 1)]))
        told = layer(kind, value, 2, [4, 2], Stride=[2, 1], Padding="same")  # 3*2+4-7 = 3; 7+2-8 = 1
        close(apply(told, "SSCB", x, open=open)[1], pooled(x, POOLS[kind, value], (4, 2), (2, 1), [(1, 2), (0, 1)]))

    def test_at_each_step_and_over_time(self, kind: str, value: Any) -> None:
        x = random(6, 3, 2, 5)
        told = layer(kind, value, 1, 2, Stride=2, Padding=[1, 1])
        format, y = apply(told, "SCBT", x)
        assert format == "SCBT"
        close(y, np.stack([pooled(x[..., t], POOLS[kind, value], (2,), (2,), [(1, 1)]) for t in range(5)], -1))
        told = layer(kind, value, 2, [2, 3], Stride=[2, 1], Padding=[1, 0, 2, 1])
        format, y = apply(told, "SCBT", x)
        assert format == "SCBT"
        wanted = pooled(x.transpose(0, 3, 1, 2), POOLS[kind, value], (2, 3), (2, 1), [(1, 0), (2, 1)])
        close(y, wanted.transpose(0, 2, 3, 1))


def test_an_average_counts_padding_by_default() -> None:
    x = random(5, 5, 1, 1)
    told = layer("average", None, 2, 3, Padding=1)
    close(apply(told, "SSCB", x)[1], pooled(x, POOLS["average", 0], (3, 3), (1, 1), [(1, 1), (1, 1)]))


@pytest.mark.parametrize(("kind", "function"), [("Max", np.max), ("Average", np.mean)])
class TestGlobal:
    @pytest.mark.parametrize(
        ("rank", "format", "after", "axes", "dropped"),
        [
            (1, "SCB", "SCB", (0,), ()),
            (1, "CBT", "CB", (2,), (2,)),
            (1, "SCBT", "SCBT", (0,), ()),
            (2, "SSCB", "SSCB", (0, 1), ()),
            (2, "SCBT", "SCB", (0, 3), (3,)),
            (2, "SSCBT", "SSCBT", (0, 1), ()),
            (3, "SSSCB", "SSSCB", (0, 1, 2), ()),
            (3, "SSCBT", "SSCB", (0, 1, 4), (4,)),
        ],
    )
    def test_formats(
        self, kind: str, function: Any, rank: int, format: str, after: str, axes: Any, dropped: Any
    ) -> None:
        sizes = iter((4, 5, 6))
        x = random(*({"C": 3, "B": 2, "T": 7}.get(letter) or next(sizes) for letter in format))
        found, y = apply({"type": f"global{kind}Pooling{rank}dLayer"}, format, x)
        assert found == after
        close(y, np.squeeze(function(x.astype(float), axis=axes, keepdims=True), dropped))

    def test_data_of_too_few_dimensions(self, kind: str, function: Any) -> None:
        with pytest.raises(DescriptionError, match="needs 2 spatial dimensions"):
            apply({"type": f"global{kind}Pooling2dLayer"}, "CBT", random(2, 2, 2))


class TestUnpooling:
    CONNECTIONS = (("x", "pool"), ("pool", "y/in"), ("pool/indices", "y/indices"), ("pool/size", "y/size"))

    def network(self, x: Array, *, open: str = "BT") -> Lowered:
        pool = {"PoolSize": [2, 3], "Stride": [2, 3], "HasUnpoolingOutputs": True}
        return lowered(
            [
                source("SSCB", x, open=open),
                {"name": "pool", "type": "maxPooling2dLayer", **pool},
                {"name": "y", "type": "maxUnpooling2dLayer"},
            ],
            connections=self.CONNECTIONS,
        )

    @pytest.mark.parametrize("open", ["B", "BS"])
    def test_each_maximum_goes_back_to_its_place(self, open: str) -> None:
        x = random(5, 7, 3, 2)
        network = self.network(x, open=open)
        wanted = np.zeros_like(x)
        for i, j, c, b in np.ndindex(2, 2, 3, 2):
            block = x[2 * i : 2 * i + 2, 3 * j : 3 * j + 3, c, b]
            h, w = divmod(int(block.argmax()), 3)
            wanted[2 * i + h, 3 * j + w, c, b] = block.max()
        ((format, y),) = computed(network, {"x": ("SSCB", x)}).values()
        assert format == "SSCB"
        np.testing.assert_array_equal(y, wanted)

    def test_its_size_is_known(self) -> None:
        assert self.network(random(5, 7, 3, 2)).outputs[0].shape == ("N", 3, 5, 7)

    def test_outputs_that_nothing_reads_leave_the_network(self) -> None:
        x = random(4, 6, 1, 1)
        network = lowered(
            [source("SSCB", x), {"name": "y", "type": "maxPooling2dLayer", "PoolSize": 2, "HasUnpoolingOutputs": True}]
        )
        found = [values for _, values in computed(network, {"x": ("SSCB", x)}).values()]
        assert [values.dtype for values in found] == [np.float32, np.int64, np.int64]
        assert found[2].tolist() == [1, 1, 4, 6]

    def test_indices_that_are_data(self) -> None:
        x = random(2, 2, 1, 1)
        with pytest.raises(DescriptionError, match="must come from a maxPooling2dLayer"):
            lowered(
                [source("SSCB", x), {"name": "y", "type": "maxUnpooling2dLayer"}],
                connections=[("x", "y/in"), ("x", "y/indices"), ("x", "y/size")],
            )
