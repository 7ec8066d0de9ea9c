"""Constant arithmetic goes into the layer next to it, where that is exact."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from qlint.transforms.fold_affine import TRANSFORM
from tests.transforms.rewriting import Rewritten, rewrite

Array = np.ndarray[Any, Any]
RANDOM = np.random.default_rng(5)


def folded(
    *nodes: tuple[str, str, str, dict[str, Any]],
    constants: dict[str, Array],
    shape: tuple[int | str | None, ...] = (2, 2, 5, 5),
    outputs: tuple[str, ...] = ("y",),
    dtype: Any = np.float32,
    overridable: tuple[str, ...] = (),
) -> Rewritten:
    """Nodes as (operator, inputs, output, attributes)."""
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    tensors = [numpy_helper.from_array(np.asarray(values, dtype), name) for name, values in constants.items()]
    graph = helper.make_graph(
        [helper.make_node(operator, inputs.split(), [output], **given) for operator, inputs, output, given in nodes],
        "g",
        [
            helper.make_tensor_value_info("x", kind, list(shape)),
            *(helper.make_tensor_value_info(name, kind, constants[name].shape) for name in overridable),
        ],
        [helper.make_tensor_value_info(name, kind, None) for name in outputs],
        tensors,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return rewrite(model, TRANSFORM)


def values(*shape: int) -> Array:
    return RANDOM.uniform(0.5, 2.0, shape)


CONV = ("Conv", "r w", "c", {"pads": [1, 1, 1, 1]})
WEIGHTS = values(3, 2, 3, 3)
RELU = ("Relu", "x", "r", {})


@pytest.mark.parametrize(
    ("operator", "inputs"),
    [("Mul", "c k"), ("Mul", "k c"), ("Add", "c k"), ("Sub", "c k"), ("Sub", "k c"), ("Div", "c k")],
)
@pytest.mark.parametrize("shape", [(), (1,), (3, 1, 1), (1, 3, 1, 1)])
def test_backward_into_a_convolution(operator: str, inputs: str, shape: tuple[int, ...]) -> None:
    found = folded(RELU, CONV, (operator, inputs, "y", {}), constants={"w": WEIGHTS, "k": values(*shape)})
    assert found.operators == ["Relu", "Conv"]
    (patch,) = found.applied
    assert (patch.id, patch.type, patch.klass) == ("graph/y", "nnet.onnx.layer.ElementwiseAffineLayer", "equivalent")
    found.compare(1e-5)


@pytest.mark.parametrize("operator", ["Mul", "Sub"])
def test_backward_into_other_layers(operator: str) -> None:
    for layer, weights, shape, rank in (
        (("ConvTranspose", "r w b", "c", {"group": 2}), values(2, 2, 3, 3), (1, 2, 5, 5), 4),
        (("Gemm", "r w b", "c", {"alpha": 0.5, "beta": 3.0, "transB": 1}), values(4, 2), (1, 2), 2),
    ):
        constants = {"w": weights, "b": values(4), "k": values(1, 4, *[1] * (rank - 2))}
        found = folded(RELU, layer, (operator, "c k", "y", {}), constants=constants, shape=shape)
        assert found.operators == ["Relu", layer[0]]
        found.compare(1e-5)


def test_a_scale_after_a_matmul_and_its_bias() -> None:
    found = folded(
        RELU, ("MatMul", "r w", "m", {}), ("Add", "m b", "a", {}), ("Mul", "a k", "y", {}),
        constants={"w": values(2, 3), "b": values(3), "k": values(3)}, shape=("N", 7, 2),
    )  # fmt: skip
    assert found.operators == ["Relu", "MatMul", "Add"]
    found.compare(1e-5)


def test_the_bias_of_a_matmul_stays() -> None:
    found = folded(
        RELU,
        ("MatMul", "r w", "m", {}),
        ("Add", "m b", "y", {}),
        constants={"w": values(2, 3), "b": values(3)},
        shape=("N", 2),
    )
    assert found.unchanged()
    assert not found.declined


@pytest.mark.parametrize(
    ("operator", "inputs"), [("Mul", "r k"), ("Add", "k r"), ("Sub", "r k"), ("Sub", "k r"), ("Div", "r k")]
)
def test_forward_into_a_convolution_without_padding(operator: str, inputs: str) -> None:
    found = folded(
        RELU, (operator, inputs, "a", {}), ("Conv", "a w", "y", {}), constants={"w": WEIGHTS, "k": values(2, 1, 1)}
    )
    assert found.operators == ["Relu", "Conv"]
    found.compare(1e-5)


@pytest.mark.parametrize(
    ("operator", "inputs"), [("Mul", "r k"), ("Add", "k r"), ("Sub", "r k"), ("Sub", "k r"), ("Div", "r k")]
)
@pytest.mark.parametrize("shape", [(5,), (1, 5), ()])
@pytest.mark.parametrize("bias", ["row", "place", ""])
def test_forward_into_a_matmul_whose_channels_are_last(
    operator: str, inputs: str, shape: tuple[int, ...], bias: str
) -> None:
    add = [("Add", "m b", "z", {})] if bias else []
    found = folded(
        RELU, (operator, inputs, "a", {}), ("MatMul", "a w", "m", {}), *add, ("Tanh", "z" if bias else "m", "y", {}),
        constants={"w": values(5, 4), "k": values(*shape), "b": values(*[4] if bias == "row" else [3, 1])},
        shape=("N", 3, 5),
    )  # fmt: skip
    assert len(found.applied) == 1
    assert found.operators[:2] == ["Relu", "MatMul"]
    found.compare(1e-5)


@pytest.mark.parametrize(("shape", "data"), [((3, 1), (2, 3, 5)), ((5,), (2, 3, 1)), ((1, 3, 1), (2, 3, 5))])
def test_a_constant_that_is_not_one_number_a_channel_of_a_matmul(shape: tuple[int, ...], data: tuple[int, ...]) -> None:
    found = folded(
        RELU, ("Mul", "r k", "a", {}), ("MatMul", "a w", "y", {}),
        constants={"w": values(5, 4), "k": values(*shape)}, shape=data,
    )  # fmt: skip
    assert found.unchanged()
    assert found.declined


def test_a_scale_forward_into_a_convolution_that_pads() -> None:
    found = folded(
        RELU,
        ("Mul", "k r", "a", {}),
        ("Conv", "a w", "y", {"pads": [1, 1, 1, 1]}),
        constants={"w": WEIGHTS, "k": values(2, 1, 1)},
    )
    assert found.operators == ["Relu", "Conv"]
    found.compare(1e-5)


def test_an_offset_before_padding_is_declined() -> None:
    found = folded(
        RELU,
        ("Add", "r k", "a", {}),
        ("Conv", "a w", "y", {"pads": [1, 1, 1, 1]}),
        constants={"w": WEIGHTS, "k": values(2, 1, 1)},
    )
    assert found.unchanged()
    assert "which pads" in found.reason


def test_a_constant_divided_by_the_data_is_no_scale() -> None:
    found = folded(RELU, CONV, ("Div", "k c", "y", {}), constants={"w": WEIGHTS, "k": values(1)})
    assert found.unchanged()
    assert not found.declined


def test_a_division_by_zero_is_declined() -> None:
    found = folded(
        RELU, CONV, ("Div", "c k", "y", {}), constants={"w": WEIGHTS, "k": np.array([1.0, 0.0, 2.0]).reshape(3, 1, 1)}
    )
    assert found.unchanged()
    assert "division by zero" in found.reason


def test_weights_that_would_not_be_finite_are_declined() -> None:
    found = folded(
        RELU, CONV, ("Mul", "c k", "y", {}), constants={"w": WEIGHTS * 1e30, "k": np.array([1e30])}, dtype=np.float32
    )
    assert found.unchanged()
    assert "would not be finite in float32" in found.reason


def test_a_constant_along_another_axis_is_declined() -> None:
    found = folded(RELU, CONV, ("Mul", "c k", "y", {}), constants={"w": WEIGHTS, "k": values(5)})
    assert found.unchanged()
    assert "not per channel" in found.reason


def test_a_constant_for_each_place_is_declined() -> None:
    found = folded(RELU, CONV, ("Mul", "c k", "y", {}), constants={"w": WEIGHTS, "k": values(3, 1, 5)})
    assert found.unchanged()
    assert found.reason == "its constant, of shape [3, 1, 5], is not one number a channel"


def test_a_constant_that_enlarges_the_data_is_declined() -> None:
    found = folded(
        RELU,
        ("Mul", "r k", "a", {}),
        ("Conv", "a w", "y", {}),
        constants={"w": WEIGHTS, "k": values(2, 1, 1)},
        shape=(2, 1, 5, 5),
    )
    assert found.unchanged()
    assert "'r' is not known to have 2 channels" in found.reason


def test_a_tensor_between_them_that_is_an_output_is_declined() -> None:
    found = folded(
        RELU, CONV, ("Mul", "c k", "y", {}), constants={"w": WEIGHTS, "k": values(3, 1, 1)}, outputs=("y", "c")
    )
    assert found.unchanged()
    assert "'c'" in found.reason


def test_a_constant_that_a_caller_may_override_is_declined() -> None:
    found = folded(
        RELU, CONV, ("Mul", "c k", "y", {}), constants={"w": WEIGHTS, "k": values(3, 1, 1)}, overridable=("k",)
    )
    assert found.unchanged()
    assert "override" in found.reason


def test_weights_shared_by_two_layers_are_split() -> None:
    found = folded(
        RELU, ("Conv", "r w", "c", {}), ("Mul", "c k", "a", {}), ("Conv", "r w", "d", {}), ("Add", "a d", "y", {}),
        constants={"w": WEIGHTS, "k": values(3, 1, 1)},
    )  # fmt: skip
    assert sorted(found.operators) == ["Add", "Conv", "Conv", "Relu"]
    found.compare(1e-5)


def test_the_normalization_of_an_input_is_left_alone() -> None:
    found = folded(("Sub", "x k", "a", {}), ("Conv", "a w", "y", {}), constants={"w": WEIGHTS, "k": values(2, 1, 1)})
    assert found.unchanged()
    assert not found.declined


def test_float16_stays_float16() -> None:
    found = folded(
        RELU, CONV, ("Mul", "c k", "y", {}), constants={"w": WEIGHTS, "k": values(3, 1, 1)}, dtype=np.float16
    )
    assert {tensor.data_type for tensor in found.result.graph.initializer} == {TensorProto.FLOAT16}
    found.compare(1e-2)


@settings(deadline=None, max_examples=40)
@given(st.data())
def test_random_runs(data: st.DataObject) -> None:
    """Any arithmetic around two convolutions, of any shape that broadcasts: equal, whatever was folded."""
    nodes: list[tuple[str, str, str, dict[str, Any]]] = [RELU]
    constants: dict[str, Array] = {"v": values(2, 2, 3, 3)}
    tensor = "r"
    for index in range(data.draw(st.integers(1, 6))):
        kind = data.draw(st.sampled_from(["Conv", "Add", "Sub", "Mul", "Div"]))
        if kind == "Conv":
            nodes.append((kind, f"{tensor} v", f"t{index}", {"pads": data.draw(st.sampled_from([[0] * 4, [1] * 4]))}))
        else:
            constants[f"k{index}"] = values(
                *data.draw(st.sampled_from([(), (1,), (2, 1, 1), (1, 2, 1, 1), (2, 2, 1, 1)]))
            )
            both = [tensor, f"k{index}"]
            if kind != "Div" and data.draw(st.booleans()):
                both.reverse()
            nodes.append((kind, " ".join(both), f"t{index}", {}))
        tensor = f"t{index}"
    found = folded(*nodes, ("Relu", tensor, "y", {}), constants=constants, shape=(2, 2, 17, 17))
    found.compare(1e-4)
