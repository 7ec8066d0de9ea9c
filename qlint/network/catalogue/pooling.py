"""Pooling layers.

Source: ONNX operator specification (MaxPool, AveragePool, GlobalMaxPool, GlobalAveragePool, ReduceMean).
"""

from __future__ import annotations

from collections.abc import Callable

from qlint.network.catalogue.entry import Entry
from qlint.network.catalogue.windows import (
    padding_mode,
    padding_size,
    padding_value,
    per_axis,
    size,
    spatial_rank,
    stride,
)
from qlint.network.network import Value
from qlint.network.view import View
from qlint.tristate import Unknown


def _pool(rank: int) -> Callable[[View], bool]:
    def accepts(view: View) -> bool:
        return spatial_rank(view) == rank and all(spread == 1 for spread in per_axis(view, "dilations"))

    return accepts


def unpooling_outputs(view: View) -> Value:
    """whether the second output (indices) is read."""
    return len(view.node.outputs) > 1 and bool(view.node.outputs[1])


def _global(rank: int) -> Callable[[View], bool]:
    def accepts(view: View) -> bool:
        return view.rank() == rank + 2

    return accepts


def _mean_over_space(rank: int) -> Callable[[View], bool]:
    """ReduceMean over exactly the spatial axes of channel-first data.

    Rank 3 is ambiguous: [N, C, T] averaged over T, or [N, T, C] inside a decomposed layer normalization,
    which subtracts the mean from what it averaged. The latter is left alone.
    """

    def accepts(view: View) -> bool:
        if view.rank() != rank + 2 or not view.is_float():
            return False
        axes = view.option("axes", 1, 18)
        if axes is None or isinstance(axes, Unknown):
            return False
        axes = axes if isinstance(axes, list) else [axes]
        if sorted(axis % (rank + 2) for axis in axes) != list(range(2, rank + 2)):
            return False
        source = view.name(0)
        return not any(
            reader.op_type == "Sub" and source in reader.inputs for reader in view.consumers(view.node.outputs[0])
        )

    return accepts


_WINDOW = {"PoolSize": size, "Stride": stride, "PaddingMode": padding_mode, "PaddingSize": padding_size}

ENTRIES = (
    *(
        Entry(
            f"maxPooling{rank}dLayer",
            ("MaxPool",),
            _pool(rank),
            "no dilation",
            {**_WINDOW, "HasUnpoolingOutputs": unpooling_outputs},
        )
        for rank in (1, 2, 3)
    ),
    *(
        Entry(
            f"averagePooling{rank}dLayer",
            ("AveragePool",),
            _pool(rank),
            "no dilation",
            {**_WINDOW, "PaddingValue": padding_value},
        )
        for rank in (1, 2, 3)
    ),
    *(Entry(f"globalMaxPooling{rank}dLayer", ("GlobalMaxPool",), _global(rank)) for rank in (1, 2, 3)),
    *(Entry(f"globalAveragePooling{rank}dLayer", ("GlobalAveragePool",), _global(rank)) for rank in (1, 2, 3)),
    *(
        Entry(
            f"globalAveragePooling{rank}dLayer",
            ("ReduceMean",),
            _mean_over_space(rank),
            "over exactly the spatial axes of channel-first data",
        )
        for rank in (1, 2, 3)
    ),
)
