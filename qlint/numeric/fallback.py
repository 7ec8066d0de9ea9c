"""Single nodes through `onnx.reference`, for what the kernel does not compute."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from qlint.errors import ExecutionError
from qlint.files.model import OPAQUE_DOMAIN, Graph, Node
from qlint.numeric.kernel import Array

if TYPE_CHECKING:
    from onnx import NodeProto, TypeProto


def compute(node: Node, inputs: Sequence[Any], attributes: Mapping[str, Any], opsets: dict[str, int]) -> list[Any]:
    """The outputs of a node, as `onnx.reference` computes them.

    Args:
        node: the node.
        inputs: its values; None where omitted.
        attributes: its attributes, tensors as arrays.
        opsets: the versions that the model imports, by domain.

    Raises:
        ExecutionError: if onnx does not know the operator, or it holds subgraphs.
    """
    import onnx
    from onnx import helper
    from onnx.reference import ReferenceEvaluator

    version = opsets.get(node.domain, 1)
    if not onnx.defs.has(node.op_type, domain=node.domain, max_inclusive_version=version):
        if node.domain == OPAQUE_DOMAIN:
            raise ExecutionError(attributes["reason"], "cut the network before it, or compare without it")
        where = f"of domain {node.domain!r}" if node.domain else f"at opset {version}"
        raise ExecutionError(
            f"operator {node.op_type} {where} is not one that can be executed",
            "replace it by operators of ONNX, or cut the network before it",
        )
    named = [f"i{i}" if value is not None else "" for i, value in enumerate(inputs)]
    outputs = [f"o{i}" if name else "" for i, name in enumerate(node.outputs)]
    proto = _node(node, named, outputs, attributes, version)
    graph = helper.make_graph(
        [proto],
        "node",
        [helper.make_value_info(name, _type(value)) for name, value in zip(named, inputs, strict=True) if name],
        [onnx.ValueInfoProto(name=name) for name in outputs if name],
    )
    imports = [helper.make_opsetid(domain, number) for domain, number in opsets.items()]
    model = helper.make_model(graph, opset_imports=imports, ir_version=onnx.IR_VERSION)
    feeds = {name: value for name, value in zip(named, inputs, strict=True) if name}
    computed = iter(ReferenceEvaluator(model).run(None, feeds))
    return [next(computed) if name else None for name in outputs]


def _node(node: Node, inputs: list[str], outputs: list[str], attributes: Mapping[str, Any], version: int) -> NodeProto:
    """The node as a message."""
    import onnx
    from onnx import helper, numpy_helper

    proto = helper.make_node(node.op_type, inputs, outputs, domain=node.domain)
    schema = onnx.defs.get_schema(node.op_type, domain=node.domain, max_inclusive_version=version)
    for name, value in attributes.items():
        if value is None:
            continue
        if isinstance(value, Graph) or (isinstance(value, list) and value and isinstance(value[0], Graph)):
            raise ExecutionError(
                f"operator {node.op_type} runs a subgraph, which qlint executes for If, Loop and Scan only",
                "unroll it, or cut the network before it",
            )
        declared = schema.attributes.get(name)
        kind: Any = declared.type if declared is not None else None
        value = numpy_helper.from_array(value) if isinstance(value, np.ndarray) else value
        proto.attribute.append(helper.make_attribute(name, value, attr_type=None if kind is None else int(kind)))
    return proto


def _type(value: Array | list[Array]) -> TypeProto:
    """The type of a value: a tensor, or a sequence of tensors."""
    from onnx import helper

    if isinstance(value, list):
        element = _type(value[0]) if value else helper.make_tensor_type_proto(1, None)
        return helper.make_sequence_type_proto(element)
    return helper.make_tensor_type_proto(helper.np_dtype_to_tensor_dtype(np.asarray(value).dtype), value.shape)
