"""Reshaping in MATLAB's order of elements, and blocks of an image to channels and back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from qlint.errors import DescriptionError
from tests.network.lower.describing import Array, apply, lowered, random, source


def linear(place: tuple[int, ...], shape: tuple[int, ...]) -> int:
    """MATLAB's linear index of a place, from 0."""
    index, step = 0, 1
    for i, size in zip(place, shape, strict=True):
        index, step = index + i * step, step * size
    return index


def reshaped(x: Array, shape: tuple[int, ...]) -> Array:
    """MATLAB's reshape: the element of each linear index stays."""
    held = {linear(place, x.shape): x[place] for place in np.ndindex(x.shape)}
    y = np.empty(shape, x.dtype)
    for place in np.ndindex(shape):
        y[place] = held[linear(place, shape)]
    return y


class TestReshape:
    @pytest.mark.parametrize("size", [[6, 2, 2], [2, 3, 4], [None, 2, 3], [4, 3, None]])
    def test_space_and_channels(self, size: list[int | None]) -> None:
        x = random(3, 4, 2, 2)
        layer = {"type": "reshapeLayer", "OutputSize": size, "OperationDimension": "spatial-channel"}
        format, y = apply(layer, "SSCB", x)
        assert format == "SSCB"
        full = tuple(n if n is not None else 24 // int(np.prod([m for m in size if m])) for n in size)
        np.testing.assert_array_equal(y, np.stack([reshaped(x[..., b], full) for b in range(2)], -1))

    def test_at_each_time_step(self) -> None:
        x = random(3, 4, 2, 2, 5)
        layer = {"type": "reshapeLayer", "OutputSize": [6, 4, 1], "OperationDimension": "spatial-channel"}
        format, y = apply(layer, "SSCBT", x)
        assert format == "SSCBT"
        wanted = np.empty((6, 4, 1, 2, 5), np.float32)
        for b, t in np.ndindex(2, 5):
            wanted[..., b, t] = reshaped(x[..., b, t], (6, 4, 1))
        np.testing.assert_array_equal(y, wanted)

    @pytest.mark.parametrize("size", [[6, 2, 2, 2], [3, 4, 4, 1], [2, None, 2, 3], [6, 4, 1, None]])
    def test_all_dimensions(self, size: list[int | None]) -> None:
        x = random(3, 4, 2, 2)
        format, y = apply({"type": "reshapeLayer", "OutputSize": size, "OperationDimension": "all"}, "SSCB", x)
        assert format == "SSCB"
        full = tuple(n if n is not None else 48 // int(np.prod([m for m in size if m])) for n in size)
        np.testing.assert_array_equal(y, reshaped(x, full))

    def test_the_batch_stays_open(self) -> None:
        layer = {"type": "reshapeLayer", "OutputSize": [6, 2, 2, None], "OperationDimension": "all"}
        network = lowered([source("SSCB", random(3, 4, 2, 2)), {"name": "y", **layer}])
        assert network.outputs[0].shape == ("N", 2, 6, 2)

    def test_another_number_of_elements(self) -> None:
        layer = {"type": "reshapeLayer", "OutputSize": [5, 2, 2], "OperationDimension": "spatial-channel"}
        with pytest.raises(DescriptionError, match="24 elements do not fill OutputSize"):
            apply(layer, "SSCB", random(3, 4, 2, 2))

    @pytest.mark.parametrize("further", [{}, {"OperationDimension": "spatial-channel"}])
    def test_another_format_is_not_guessed(self, further: dict[str, Any]) -> None:
        layer = {"type": "reshapeLayer", "OutputSize": [12, 2], **further}
        network = lowered([source("SSCB", random(3, 4, 2, 2)), {"name": "y", **layer}])
        assert network.outputs[0].shape is None
        assert network.layers["y"].nodes[-1].domain == "qlint.layer"


BLOCKS = [(2, 2), (2, 3), (3, 1)]


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("timed", [False, True])
class TestBlocks:
    def test_depth_to_space(self, block: tuple[int, int], timed: bool) -> None:
        tall, wide = block
        x = random(3, 4, 2 * tall * wide, 2, *([3] if timed else []))
        for mode in ("dcr", "crd"):
            layer = {"type": "depthToSpace2dLayer", "BlockSize": list(block), "Mode": mode}
            format, y = apply(layer, "SSCBT" if timed else "SSCB", x)
            assert format == ("SSCBT" if timed else "SSCB")
            wanted = np.empty((3 * tall, 4 * wide, 2, *x.shape[3:]), np.float32)
            for h, w, c in np.ndindex(wanted.shape[:3]):
                element = h % tall * wide + w % wide
                depth = element * 2 + c if mode == "dcr" else c * tall * wide + element
                wanted[h, w, c] = x[h // tall, w // wide, depth]
            np.testing.assert_array_equal(y, wanted)

    @pytest.mark.parametrize("more", [0, 1])
    def test_space_to_depth(self, block: tuple[int, int], timed: bool, more: int) -> None:
        """Rows and columns that fill no block are dropped."""
        tall, wide = block
        x = random(
            2 * tall + (more if tall > 1 else 0), 3 * wide + (more if wide > 1 else 0), 2, 2, *([3] if timed else [])
        )
        format, y = apply({"type": "spaceToDepthLayer", "BlockSize": list(block)}, "SSCBT" if timed else "SSCB", x)
        assert format == ("SSCBT" if timed else "SSCB")
        wanted = np.empty((2, 3, 2 * tall * wide, *x.shape[3:]), np.float32)
        for h, w, c in np.ndindex(2 * tall, 3 * wide, 2):
            wanted[h // tall, w // wide, (h % tall * wide + w % wide) * 2 + c] = x[h, w, c]
        np.testing.assert_array_equal(y, wanted)


def test_depth_to_space_as_its_page_shows_it() -> None:
    """The first rows of the page's example, a 2-by-2 image with 12 channels counted through."""
    x = np.arange(1, 49, dtype=np.float32).reshape(2, 2, 12, 1, order="F")
    _, y = apply({"type": "depthToSpace2dLayer", "BlockSize": 2}, "SSCB", x)
    assert y[0, :, 0, 0].tolist() == [1, 13, 3, 15]
    assert y[1, :, 0, 0].tolist() == [25, 37, 27, 39]
    assert y[0, :, 2, 0].tolist() == [9, 21, 11, 23]


def test_space_to_depth_as_its_page_shows_it() -> None:
    x = np.arange(1, 49, dtype=np.float32).reshape(4, 4, 3, 1, order="F")
    _, y = apply({"type": "spaceToDepthLayer", "BlockSize": 2}, "SSCB", x)
    assert y[:, :, 0, 0].tolist() == [[1, 9], [3, 11]]
    assert y[:, :, 3, 0].tolist() == [[5, 13], [7, 15]]
    assert y[:, :, 11, 0].tolist() == [[38, 46], [40, 48]]


def test_an_image_smaller_than_a_block() -> None:
    with pytest.raises(DescriptionError, match="holds no block of 2 by 3"):
        apply({"type": "spaceToDepthLayer", "BlockSize": [2, 3]}, "SSCB", random(2, 2, 1, 1))


def test_channels_that_fill_no_block() -> None:
    with pytest.raises(DescriptionError, match="5 channels are not blocks of 2 by 2"):
        apply({"type": "depthToSpace2dLayer", "BlockSize": 2}, "SSCB", random(2, 2, 5, 1))
