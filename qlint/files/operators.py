"""Nodes against onnx's own schemas: operators that do not exist, inputs that are missing, attributes of a wrong kind.

Only the default domain is judged, and only as `onnx.checker` would; what tools of old wrote is let through.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

from qlint.errors import ModelError
from qlint.files.model import Graph, Node
from qlint.files.order import described
from qlint.files.tensors import Tensor

_AGAIN = "export the model again"

_EXPERIMENTAL = frozenset(
    {"ATen", "Affine", "ConstantFill", "Crop", "DynamicSlice", "GRUUnit", "GivenTensorFill", "ImageScaler",
     "MeanVarianceNormalization", "ParametricSoftplus", "Scale", "ScaledTanh", "ThresholdedRelu", "Upsample"}
)  # fmt: skip
"""Operators that onnx had on trial before opset 10 and has forgotten since; CoreML's converter wrote them."""

_EXPERIMENTAL_UNTIL = 10


@dataclass(frozen=True, slots=True)
class _Schema:
    """What is checked of an operator.

    Attributes:
        withdrawn: whether it is gone at this opset.
        least_inputs, most_inputs, least_outputs, most_outputs: counts.
        required: positions of inputs that may not be omitted.
        kinds: Python types that each attribute's value may have, with that of the elements of a list.
        demanded: names of attributes that must be there.
    """

    withdrawn: bool
    least_inputs: int
    most_inputs: int
    least_outputs: int
    most_outputs: int
    required: tuple[int, ...]
    kinds: dict[str, tuple[type, type | None]]
    demanded: tuple[str, ...]


def check_operators(graphs: list[Graph], opsets: dict[str, int], function_opsets: list[int]) -> None:
    """Hold every node against its schema.

    Args:
        graphs: all of the model's.
        opsets: the model's, the default domain as "".
        function_opsets: the opset of the default domain that each model-local function imports; 0 for none.

    Raises:
        ModelError: for the first node that onnx's checker would refuse too.
    """
    from onnx import defs

    newest = defs.onnx_opset_version()
    own = opsets.get("")
    for node in (node for graph in graphs for node in graph.nodes):
        if not node.op_type:
            raise ModelError(f"{node.pointer}: a node without an operator type", _AGAIN)
        if node.domain:
            continue
        opset = own
        if node.pointer.startswith("/functions/"):
            opset = function_opsets[int(node.pointer.split("/", 3)[2])] or own
        if opset is None:
            raise ModelError("the model imports no opset of the default domain", _AGAIN)
        if opset < 1:
            raise ModelError(f"the model imports opset {opset} of the default domain; the first one is 1", _AGAIN)
        _check(node, opset, newest)


def _check(node: Node, opset: int, newest: int) -> None:
    schema = _schema(node.op_type, min(opset, newest))
    if schema is None or schema.withdrawn:
        trial = node.op_type in _EXPERIMENTAL and opset < _EXPERIMENTAL_UNTIL
        if opset <= newest and not trial:
            raise ModelError(
                f"{described(node)}: {_gone(node.op_type, opset)}", "convert the model to an opset that has it"
            )
        return
    given = len(node.inputs)
    if given < schema.least_inputs:
        raise ModelError(f"{described(node)} has {given} inputs; {node.op_type} needs {schema.least_inputs}", _AGAIN)
    for position in schema.required:
        if not node.inputs[position]:
            raise ModelError(f"{described(node)} lacks its input {position}, which {node.op_type} needs", _AGAIN)
    made = len(node.outputs) if any(node.outputs[: schema.most_outputs]) else 0
    if made < schema.least_outputs:
        raise ModelError(f"{described(node)} has {made} outputs; {node.op_type} makes {schema.least_outputs}", _AGAIN)
    for name, value in node.attributes.items():
        kind = schema.kinds.get(name)
        if kind is not None and not _fits(value, *kind):
            raise ModelError(f"{described(node)}: its attribute {name} has a wrong type", _AGAIN)
    if opset > newest:
        return  # what a newer opset allows in addition is not known here
    while given > schema.most_inputs and not node.inputs[given - 1]:
        given -= 1
    if given > schema.most_inputs:
        raise ModelError(f"{described(node)} has {given} inputs; {node.op_type} takes {schema.most_inputs}", _AGAIN)
    for name in schema.demanded:
        if name not in node.attributes:
            raise ModelError(f"{described(node)} has no attribute {name}, which {node.op_type} needs", _AGAIN)
    if node.op_type == "Split" and node.attributes.get("num_outputs", len(node.outputs)) != len(node.outputs):
        raise ModelError(
            f"{described(node)}: num_outputs is not the number of its outputs, {len(node.outputs)}", _AGAIN
        )


def _gone(op_type: str, opset: int) -> str:
    shown = op_type if op_type.isidentifier() and len(op_type) <= 80 else "this operator"
    return f"{shown} does not exist in opset {opset}"


def _fits(value: object, kind: type, element: type | None) -> bool:
    if element is None or not isinstance(value, list):
        return isinstance(value, kind)
    return not value or isinstance(value[0], element)  # protobuf's lists are of one type


@functools.lru_cache(maxsize=4096)
def _schema(op_type: str, opset: int) -> _Schema | None:
    """An operator's schema in the default domain; None if it does not exist at an opset."""
    from onnx import defs

    try:
        schema = defs.get_schema(op_type, opset, "")
    except (defs.SchemaError, UnicodeError):
        return None
    kind = defs.OpSchema.AttrType
    kinds: dict[Any, tuple[type, type | None]] = {
        kind.FLOAT: (float, None), kind.INT: (int, None), kind.STRING: (str, None), kind.TENSOR: (Tensor, None),
        kind.GRAPH: (Graph, None), kind.FLOATS: (list, float), kind.INTS: (list, int), kind.STRINGS: (list, str),
        kind.TENSORS: (list, Tensor), kind.GRAPHS: (list, Graph),
    }  # fmt: skip
    single = defs.OpSchema.FormalParameterOption.Single
    # GroupNormalization was deprecated in the very opset that brought it, after exporters had begun to write it.
    withdrawn = schema.deprecated and _schema(op_type, schema.since_version - 1) is not None
    return _Schema(
        withdrawn,
        schema.min_input,
        schema.max_input,
        schema.min_output,
        schema.max_output,
        tuple(i for i, given in enumerate(schema.inputs[: schema.min_input]) if given.option == single),
        {name: kinds[attribute.type] for name, attribute in schema.attributes.items() if attribute.type in kinds},
        tuple(name for name, a in schema.attributes.items() if a.required),
    )
