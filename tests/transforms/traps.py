"""Small networks with batch normalization, made node by node; prepared through the runner and compared."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from qlint.files.model import Graph, Model
from qlint.files.onnx_file import read_model
from qlint.numeric.executor import Executor
from qlint.transforms.fuse_batch_normalization import FuseBatchNormalization
from qlint.transforms.replace_batch_normalization import ReplaceBatchNormalization
from qlint.transforms.run import Prepared, prepare

Array = np.ndarray[Any, Any]

FUSE, REPLACE = FuseBatchNormalization(), ReplaceBatchNormalization()


class Net:
    """A network under construction; in float64 by default, so that a wrong fold cannot hide in rounding.

    Args:
        shape: of the input "x".
        dtype: of the input and the weights.
        statistics: type of the normalizations' parameters.
        opset, ir: versions.
        hold: how constants are held: "initializer", "node" (Constant), "identity" (an Identity after an initializer),
            "input" (initializers that are graph inputs too).
    """

    def __init__(
        self,
        *shape: int,
        dtype: Any = np.float64,
        statistics: Any = None,
        opset: int = 17,
        ir: int = 8,
        hold: str = "initializer",
        seed: int = 0,
    ) -> None:
        self.opset, self.ir, self.hold = opset, ir, hold
        self.dtype, self.statistics = np.dtype(dtype), np.dtype(statistics or dtype)
        self.inputs = {"x": shape}
        self.outputs: list[str] = []
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, Array] = {}
        self.count = 0
        self.random = np.random.default_rng(seed)

    def values(self, *shape: int) -> Array:
        return np.asarray(self.random.standard_normal(shape)).astype(self.dtype)

    def const(self, values: Array, name: str | None = None) -> str:
        """A constant, held as the network holds them."""
        self.count += 1
        name = name or f"c{self.count}"
        if self.hold == "node":
            self.nodes.append(helper.make_node("Constant", [], [name], value=numpy_helper.from_array(values)))
            return name
        self.constants[name] = values
        if self.hold == "identity":
            self.nodes.append(helper.make_node("Identity", [name], [f"{name}_i"]))
            return f"{name}_i"
        return name

    def node(
        self, op: str, *inputs: str | Array, to: str | None = None, more: tuple[str, ...] = (), **attributes: Any
    ) -> str:
        """Append a node; arrays become constants. Returns its output."""
        names = [each if isinstance(each, str) else self.const(each) for each in inputs]
        output = to or f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, names, [output, *more], name=f"n_{output}", **attributes))
        return output

    def bn(self, x: str, channels: int, *, to: str | None = None, more: tuple[str, ...] = (), **given: Any) -> str:
        """A batch normalization with random statistics; `scale`, `bias`, `mean`, `variance` may be given."""
        random = {
            "scale": self.values(channels) + 2,
            "bias": self.values(channels),
            "mean": self.values(channels),
            "variance": self.random.uniform(0.5, 2, channels),
        }
        parameters = [np.asarray(given.pop(key, value)).astype(self.statistics) for key, value in random.items()]
        given.setdefault("epsilon", 1e-3)
        return self.node("BatchNormalization", x, *parameters, to=to, more=more, **given)

    def proto(self, *outputs: str) -> onnx.ModelProto:
        self.outputs = list(outputs)
        kind = helper.np_dtype_to_tensor_dtype(self.dtype)
        inputs = [helper.make_tensor_value_info(name, kind, shape) for name, shape in self.inputs.items()]
        if self.hold == "input":
            inputs += [
                helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)
                for name, array in self.constants.items()
            ]
        graph = helper.make_graph(
            self.nodes,
            "g",
            inputs,
            [helper.make_tensor_value_info(name, kind, None) for name in outputs],
            [numpy_helper.from_array(array, name) for name, array in self.constants.items()],
        )
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)], ir_version=self.ir)

    def feeds(self) -> dict[str, Array]:
        return {name: self.values(*shape) for name, shape in self.inputs.items()}


def read(proto: onnx.ModelProto) -> Model:
    return read_model(Path("made.onnx"), data=proto.SerializeToString())


def operators(graph: Graph) -> Counter[str]:
    """How often each operator stands in a graph and those below it, constants aside."""
    found = Counter(node.op_type for node in graph.nodes if node.op_type not in ("Constant", "Identity"))
    for inner in graph.subgraphs():
        found += operators(inner)
    return found


def prepared(
    net: Net, *outputs: str, transforms: tuple[Any, ...] = (FUSE, REPLACE), tolerance: float = 1e-10
) -> Prepared:
    """Prepare a network; its outputs are the same, and preparing it again finds nothing to do."""
    model = read(net.proto(*outputs))
    result = prepare(model, transforms)
    feeds = net.feeds()
    before, after = Executor(model).run(feeds), Executor(result.model).run(feeds)
    assert list(before) == list(after)
    for name, wanted in before.items():
        assert wanted.dtype == after[name].dtype
        assert wanted.shape == after[name].shape
        bound = tolerance * max(1.0, float(np.abs(wanted.astype(np.float64)).max(initial=0)))
        np.testing.assert_allclose(after[name].astype(np.float64), wanted.astype(np.float64), rtol=0, atol=bound)
    again = prepare(result.model, transforms)
    assert not again.applied
    left = operators(result.model.graph)["BatchNormalization"]
    assert left <= len(result.declined)
    return result


def folded(net: Net, *outputs: str, transforms: tuple[Any, ...] = (FUSE,), **rest: Any) -> Prepared:
    """Prepare a network by fusing alone; no normalization is left."""
    result = prepared(net, *outputs, transforms=transforms, **rest)
    assert not operators(result.model.graph)["BatchNormalization"]
    assert not result.declined
    assert result.applied
    return result


def refused(
    net: Net, *outputs: str, reason: str, transforms: tuple[Any, ...] = (FUSE, REPLACE), **rest: Any
) -> Prepared:
    """Prepare a network in which nothing may be done; `reason` is part of each reason that is given."""
    result = prepared(net, *outputs, transforms=transforms, **rest)
    assert not result.applied
    assert result.declined
    assert all(reason in declined.reason for declined in result.declined), [d.reason for d in result.declined]
    return result
