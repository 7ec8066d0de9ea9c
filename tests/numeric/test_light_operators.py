"""The light operators on inputs that ONNX's own cases do not have: random ones against onnxruntime, and old forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from qlint.errors import ExecutionError
from qlint.numeric.kernel.erf import erf
from tests.numeric.single import agree, run

few = settings(max_examples=60, deadline=None)
SHAPES = hnp.array_shapes(min_dims=1, max_dims=4, min_side=1, max_side=5)
EDGES = st.one_of(st.integers(-7, 7), st.sampled_from([np.iinfo(np.int64).min, np.iinfo(np.int64).max]))


def counted(shape: tuple[int, ...], dtype: type = np.float32) -> np.ndarray:
    return np.arange(1, math.prod(shape) + 1).reshape(shape).astype(dtype)


def i64(values: object) -> np.ndarray:
    return np.array(values, np.int64)


@few
@given(st.data())
def test_slice(data: st.DataObject) -> None:
    x = counted(data.draw(SHAPES))
    axes = data.draw(st.lists(st.integers(0, x.ndim - 1), min_size=1, unique=True))
    starts, ends = (data.draw(st.lists(EDGES, min_size=len(axes), max_size=len(axes))) for _ in range(2))
    # Backward to the greatest number is nothing in ONNX; onnxruntime takes it for "to the end" in both directions.
    steps = [data.draw(st.sampled_from([-3, -1, 1, 2] if end < 2**63 - 1 else [1, 2])) for end in ends]
    signed = [axis - x.ndim * data.draw(st.booleans()) for axis in axes]
    agree("Slice", x, i64(starts), i64(ends), i64(signed), i64(steps))


@few
@given(st.data())
def test_gather(data: st.DataObject) -> None:
    x = counted(data.draw(SHAPES))
    axis = data.draw(st.integers(-x.ndim, x.ndim - 1))
    size = x.shape[axis]
    shape = data.draw(hnp.array_shapes(min_dims=0, max_dims=2, max_side=3))
    indices = data.draw(hnp.arrays(np.int64, shape, elements=st.integers(-size, size - 1)))
    agree("Gather", x, indices, axis=axis)


@few
@given(st.data())
def test_gather_and_scatter_elements(data: st.DataObject) -> None:
    x = counted(data.draw(SHAPES), np.float32)
    axis = data.draw(st.integers(0, x.ndim - 1))
    shape = tuple(data.draw(st.integers(1, size)) for size in x.shape)
    elements = st.integers(-x.shape[axis], x.shape[axis] - 1)
    indices = data.draw(hnp.arrays(np.int64, shape, elements=elements))
    agree("GatherElements", x, indices, axis=axis)
    reduction = data.draw(st.sampled_from(["add", "mul", "max", "min"]))
    agree("ScatterElements", x, indices, counted(shape, np.float32) - 5, axis=axis, reduction=reduction, rtol=1e-6)


@few
@given(st.data())
def test_gather_and_scatter_nd(data: st.DataObject) -> None:
    x = counted(data.draw(SHAPES))
    batch = data.draw(st.integers(0, x.ndim - 1))
    depth = data.draw(st.integers(1, x.ndim - batch))
    shape = (*x.shape[:batch], data.draw(st.integers(1, 3)))
    columns = [
        data.draw(hnp.arrays(np.int64, shape, elements=st.integers(-size, size - 1)))
        for size in x.shape[batch : batch + depth]
    ]
    indices = np.stack(columns, -1)
    agree("GatherND", x, indices, batch_dims=batch, opset=13)
    if batch == 0:
        updates = counted((*shape, *x.shape[depth:])) / 2
        agree("ScatterND", x, indices, updates, reduction=data.draw(st.sampled_from(["add", "max", "min"])))


@few
@given(st.data())
def test_pad(data: st.DataObject) -> None:
    x = counted(data.draw(SHAPES))
    axes = data.draw(st.lists(st.integers(0, x.ndim - 1), min_size=1, unique=True))
    mode = data.draw(st.sampled_from(["constant", "edge", "reflect", "wrap"]))
    sizes = [x.shape[axis] for axis in axes]
    # What onnxruntime refuses or defines by accident is left out: cropping in modes that look at the cropped part,
    # and reflecting more than there is.
    lowest = [-(size // 2) if mode == "constant" else 0 for size in sizes]
    highest = [size - 1 if mode in ("reflect", "wrap") else 3 for size in sizes]
    pads = [data.draw(st.integers(low, high)) for _ in range(2) for low, high in zip(lowest, highest, strict=True)]
    value = np.array(7, np.float32) if data.draw(st.booleans()) else None
    agree("Pad", x, i64(pads), value, i64(axes), mode=mode, opset=19)


REDUCTIONS = ("L1", "L2", "LogSum", "LogSumExp", "Max", "Mean", "Min", "Prod", "Sum", "SumSquare")


@pytest.mark.parametrize("name", REDUCTIONS)
@settings(max_examples=20, deadline=None)
@given(st.data())
def test_reductions(name: str, data: st.DataObject) -> None:
    shape = data.draw(SHAPES)
    x = data.draw(hnp.arrays(np.float32, shape, elements=st.floats(0.125, 4, width=32)))
    axes = data.draw(st.lists(st.integers(0, x.ndim - 1), unique=True))
    keep, empty = data.draw(st.integers(0, 1)), data.draw(st.integers(0, 1))
    if not axes and empty and name not in ("Max", "Mean", "Min", "Prod", "Sum"):
        empty = 0  # onnxruntime copies its input, where ONNX says that the composite ones still do their part
    kwargs = {"keepdims": keep, "noop_with_empty_axes": empty}
    agree(f"Reduce{name}", x, i64(axes), **kwargs, opset=18, rtol=2e-6, atol=2e-6)
    agree(f"Reduce{name}", x, axes=axes or None, keepdims=keep, opset=11, rtol=2e-6, atol=2e-6) if axes else None


def test_composite_reductions_over_no_axes() -> None:
    x = np.array([[-2.0, 3.0]], np.float32)
    none = i64([])
    assert run("ReduceSumSquare", x, none, noop_with_empty_axes=1).tolist() == [[4, 9]]
    assert run("ReduceL1", x, none, noop_with_empty_axes=1).tolist() == [[2, 3]]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Sum", 0),
        ("Prod", 1),
        ("Max", -np.inf),
        ("Min", np.inf),
        ("LogSum", -np.inf),
        ("LogSumExp", -np.inf),
        ("L2", 0),
    ],
)
def test_reductions_of_nothing(name: str, expected: float) -> None:
    found = run(f"Reduce{name}", np.zeros((2, 0), np.float32), i64([1]), keepdims=0, opset=20)
    assert found.tolist() == [expected] * 2


def test_reductions_keep_the_type_and_do_not_overflow_on_the_way() -> None:
    half = np.full((1, 4096), 4.0, np.float16)
    assert run("ReduceMean", half, i64([1])).tolist() == [[4.0]]
    assert run("ReduceL2", half * 16, i64([1])).tolist() == [[4096.0]]  # the sum of squares is far above 65504
    assert run("ReduceSum", counted((3,), np.int32)).dtype == np.int32
    large = np.array([1000.0, 1000.0], np.float32)
    np.testing.assert_allclose(run("ReduceLogSumExp", large), [1000 + math.log(2)], rtol=1e-6)
    assert run("ReduceLogSumExp", np.array([np.inf, 1], np.float32)).tolist() == [np.inf]


INTEGERS = st.integers(-100, 100)


@few
@given(st.data())
def test_integer_division(data: st.DataObject) -> None:
    dtype = data.draw(st.sampled_from([np.int32, np.int64, np.uint8]))
    elements = INTEGERS if dtype != np.uint8 else st.integers(0, 255)
    a = data.draw(hnp.arrays(dtype, (3, 4), elements=elements))
    b = data.draw(hnp.arrays(dtype, (4,), elements=elements.filter(bool)))
    agree("Div", a, b)
    agree("Mod", a, b)
    agree("Mod", a, b, fmod=1)


def test_float_modulus() -> None:
    a, b = np.array([5.3, -5.3, 5.3, -5.3], np.float32), np.array([3, 3, -3, -3], np.float32)
    agree("Mod", a, b, fmod=1)


@pytest.mark.parametrize("base", [np.float32, np.float64, np.int32, np.int64])
@pytest.mark.parametrize("exponent", [np.float32, np.float64, np.int32, np.int64])
def test_pow(base: type, exponent: type) -> None:
    a = np.array([[1, 2, 3], [4, 5, 6]], base)
    for b in ([2], [3], [0, 1, 4]):
        agree("Pow", a, np.array(b, exponent), rtol=2e-7)
    assert run("Pow", np.array([1, -1, 2], np.int32), np.array([-1, -1, -1], np.int32)).tolist() == [1, -1, 0]


@few
@given(st.data())
def test_clip(data: st.DataObject) -> None:
    dtype = data.draw(st.sampled_from([np.float32, np.int32]))
    x = data.draw(hnp.arrays(dtype, (6,), elements=st.integers(-9, 9)))
    low, high = (data.draw(st.one_of(st.none(), st.integers(-5, 5))) for _ in range(2))
    bounds = [None if bound is None else np.array(bound, dtype) for bound in (low, high)]
    agree("Clip", x, *bounds, opset=13)


@few
@given(st.data())
def test_split(data: st.DataObject) -> None:
    sizes = data.draw(st.lists(st.integers(0, 3), min_size=1, max_size=4))
    x = counted((2, sum(sizes), 3))
    agree("Split", x, i64(sizes), axis=-2, outputs=len(sizes))
    if sum(sizes) >= len(sizes):
        kwargs = {"axis": 1, "opset": 18, "num_outputs": len(sizes), "outputs": len(sizes)}
        parts = run("Split", x, **kwargs)
        parts = parts if isinstance(parts, list) else [parts]
        np.testing.assert_array_equal(np.concatenate(parts, 1), x)
        if -(-sum(sizes) // len(sizes)) * (len(sizes) - 1) < sum(sizes):
            agree("Split", x, **kwargs)


@few
@given(st.data())
def test_order(data: st.DataObject) -> None:
    shape = data.draw(SHAPES)
    x = data.draw(hnp.arrays(np.float32, shape, elements=st.integers(0, 3)))  # with many ties
    axis = data.draw(st.integers(0, x.ndim - 1))
    largest, last = data.draw(st.integers(0, 1)), data.draw(st.integers(0, 1))
    count = data.draw(st.integers(1, shape[axis]))
    agree("TopK", x, i64([count]), axis=axis, largest=largest, outputs=2)
    agree("ArgMax", x, axis=axis, select_last_index=last)
    agree("ArgMin", x, axis=axis, select_last_index=last, keepdims=0)
    agree("Unique", x, outputs=4)
    agree("Unique", x, outputs=4, sorted=0)


@few
@given(st.data())
def test_cumulation_and_one_hot(data: st.DataObject) -> None:
    x = counted(data.draw(SHAPES))
    axis = data.draw(st.integers(-x.ndim, x.ndim - 1))
    flags = {"exclusive": data.draw(st.integers(0, 1)), "reverse": data.draw(st.integers(0, 1))}
    agree("CumSum", x, np.array(axis, np.int64), **flags)
    indices = data.draw(hnp.arrays(np.int64, (2, 3), elements=st.integers(-6, 6)))
    agree("OneHot", indices, i64([4]), np.array([0.5, 2], np.float32), axis=data.draw(st.integers(-3, 2)), opset=11)


POINTS = np.concatenate([np.linspace(-12, 12, 481), [-500, -90, 90, 500, 1e-8, -0.0]]).astype(np.float32)


@pytest.mark.parametrize(
    ("name", "attributes"),
    [
        ("Celu", {"alpha": 0.7}), ("Elu", {"alpha": 1.3}), ("Gelu", {}), ("Gelu", {"approximate": "tanh"}),
        ("HardSigmoid", {"alpha": 0.3}), ("HardSwish", {}), ("LeakyRelu", {"alpha": 0.2}), ("LeakyRelu", {"alpha": -2.0}),
        ("Mish", {}), ("Relu", {}), ("Selu", {}), ("Shrink", {"bias": 0.2, "lambd": 1.0}), ("Sigmoid", {}),
        ("Softplus", {}), ("Softsign", {}), ("Tanh", {}), ("ThresholdedRelu", {"alpha": 2.0}), ("Erf", {}),
    ],
)  # fmt: skip
def test_activations(name: str, attributes: dict[str, object]) -> None:
    agree(name, POINTS, opset=20, rtol=2e-6, atol=2e-6, **attributes)
    narrow = run(name, POINTS.astype(np.float16), opset=20, **attributes)
    exact = run(name, POINTS.astype(np.float16).astype(np.float64), opset=20, **attributes)
    assert narrow.dtype == np.float16
    assert exact.dtype == np.float64
    np.testing.assert_allclose(narrow, exact, rtol=2**-10, atol=1e-6)


def test_sigmoid_and_softplus_at_the_ends() -> None:
    ends = np.array([-np.inf, -1e4, 1e4, np.inf], np.float32)
    assert run("Sigmoid", ends).tolist() == [0, 0, 1, 1]
    assert run("Softplus", ends).tolist() == [0, 0, 1e4, np.inf]
    assert run("Mish", ends[1:]).tolist() == [0, 1e4, np.inf]
    assert run("Elu", ends).tolist() == [-1, -1, 1e4, np.inf]


def test_prelu_keeps_positive_values_from_its_slope() -> None:
    x = np.array([[-2.0, 3.0]], np.float32)
    for slope in (np.inf, -np.inf):
        assert run("PRelu", x, np.array([slope], np.float32)).tolist() == [[-2 * slope, 3]]
    agree("PRelu", counted((2, 3, 4)) - 12, np.array([[0.5], [-1], [2]], np.float32))


def test_erf_is_as_accurate_as_it_says() -> None:
    x = np.concatenate([np.linspace(-7, 7, 20011), np.logspace(-300, 0, 301), [0.46875, 4.0, np.inf, -0.0]])
    exact = np.array([math.erf(value) for value in x])
    assert (np.abs(erf(x) - exact) <= 4 * np.spacing(np.abs(exact))).all()
    assert np.isnan(erf(np.array([np.nan, np.nan], np.float32))).all()
    single = x.astype(np.float32)
    exact = np.array([math.erf(value) for value in single.tolist()])
    np.testing.assert_allclose(erf(single), exact, rtol=5e-7, atol=1e-45)


def test_scalars_stay_arrays() -> None:
    x = np.array(2.0, np.float32)
    for name in ("Relu", "Exp", "Sigmoid", "Erf", "Gelu", "IsNaN", "Identity", "Softplus", "ReduceSum", "Elu"):
        found = run(name, x, opset=20)
        assert isinstance(found, np.ndarray), name
        assert found.shape == (), name
    assert isinstance(run("Gather", counted((3,)), np.array(1, np.int64)), np.ndarray)
    assert run("Not", np.array(True)).tolist() is False


def test_mistakes_are_told_as_errors() -> None:
    x = counted((2, 3))
    with pytest.raises(ExecutionError, match="Gather"):
        run("Gather", x, i64([5]))
    with pytest.raises(ExecutionError, match="Reshape"):
        run("Reshape", x, i64([4, -1]))
    with pytest.raises(ExecutionError, match="Split"):
        run("Split", x, i64([1, 1]), axis=1, outputs=2)
