"""Padding of average pooling goes only where no window reaches it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qlint.transforms.zero_average_padding import TRANSFORM
from tests.transforms.rewriting import Rewritten, rewrite


def pooled(size: str, attributes: str, **options: int) -> Rewritten:
    return rewrite(f"g (float[1,2,{size}] x) => (y) {{ y = AveragePool <{attributes}> (x) }}", TRANSFORM, **options)


def test_end_padding_that_no_window_reaches() -> None:
    found = pooled("6,6", "kernel_shape = [2, 2], strides = [2, 2], pads = [0, 0, 1, 1]")
    assert [attribute.name for attribute in found.result.graph.node[0].attribute] == ["kernel_shape", "strides"]
    (patch,) = found.applied
    assert (patch.type, patch.klass) == ("averagePooling2dLayer", "exact")
    found.compare()


def test_padding_that_enters_the_first_average_is_declined() -> None:
    found = pooled("6,6", "kernel_shape = [3, 3], pads = [1, 1, 1, 1]")
    assert found.unchanged()
    assert found.reason.startswith("manual: the first window of spatial axis 0 averages without its padding")


def test_padding_that_enters_the_last_average_is_declined() -> None:
    found = pooled("5,6", "kernel_shape = [2, 2], strides = [2, 2], pads = [0, 0, 1, 0]")
    assert found.unchanged()
    assert found.reason.startswith("manual: the last window of spatial axis 0 averages without its padding")


def test_automatic_padding_is_declined() -> None:
    found = pooled("5,5", 'kernel_shape = [2, 2], auto_pad = "SAME_UPPER"')
    assert found.unchanged()
    assert found.reason.startswith("manual: ")


def test_an_overhang_is_declined() -> None:
    found = pooled("7,7", "kernel_shape = [2, 2], strides = [3, 3], ceil_mode = 1")
    assert found.unchanged()
    assert "ceil_mode" in found.reason


def test_an_unknown_size_is_declined() -> None:
    found = pooled("H,6", "kernel_shape = [2, 2], strides = [2, 2], pads = [0, 0, 1, 0]")
    assert found.unchanged()
    assert "--bind H=1" in found.reason


@pytest.mark.parametrize(
    "attributes",
    [
        "kernel_shape = [2, 2]",
        'kernel_shape = [2, 2], auto_pad = "VALID"',
        "kernel_shape = [3, 3], pads = [1, 1, 1, 1], count_include_pad = 1",
    ],
)
def test_nothing_to_do(attributes: str) -> None:
    found = pooled("6,6", attributes)
    assert found.unchanged()
    assert not found.declined


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_random_windows(data: st.DataObject) -> None:
    """Whatever is removed, the averages are the same to the last bit."""
    kernel = data.draw(st.integers(1, 4))
    stride = data.draw(st.integers(1, 4))
    begin, end = (data.draw(st.integers(0, kernel - 1)) for _ in range(2))
    length = data.draw(st.integers(kernel, 12))
    found = pooled(
        str(length),
        f"kernel_shape = [{kernel}], strides = [{stride}], pads = [{begin}, {end}]",
        opset=19,
    )
    if begin:
        assert not found.applied
    found.compare()
