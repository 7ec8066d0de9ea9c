"""Runs a model: nodes in order, tensors freed as soon as nothing needs them any more."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from qlint.errors import ExecutionError, QlintError, UsageError
from qlint.files.model import Graph, Model, Node
from qlint.numeric import fallback
from qlint.numeric.feeds import checked
from qlint.numeric.kernel import Array, Call, Pointwise, Unsupported, find, follower
from qlint.numeric.kernel.threads import team
from qlint.numeric.ort import Session
from qlint.numeric.plan import Plan, plan
from qlint.numeric.weights import Weights

BACKENDS = ("numpy", "ort")
"""What can run a network in the types it has."""


class _Frame:
    """The values of one running graph; outer graphs' values are seen through it."""

    __slots__ = ("graph", "outer", "values")

    def __init__(self, graph: Graph, outer: _Frame | None, values: dict[str, Any]) -> None:
        self.graph = graph
        self.outer = outer
        self.values = values


class Executor:
    """Runs one model, as often as wanted.

    Args:
        model: the model.
        backend: one of `BACKENDS`: "ort" computes in onnxruntime.

    Attributes:
        backend: as given.
        fallbacks: how often each operator was computed by `onnx.reference`, in all runs so far.

    Raises:
        UsageError: if there is no such backend, or onnxruntime is not installed.
        ExecutionError: if onnxruntime cannot load the model.
    """

    def __init__(self, model: Model, *, backend: str = "numpy") -> None:
        if backend not in BACKENDS:
            raise UsageError(f"there is no backend {backend!r}", f"use one of {', '.join(BACKENDS)}")
        self.model = model
        self.backend = backend
        self.fallbacks: Counter[str] = Counter()
        self._weights = Weights()
        self._plans: dict[tuple[Graph, tuple[str, ...]], Plan] = {}
        self._kept: dict[tuple[tuple[Node, ...], np.dtype[Any], int], tuple[Pointwise, ...]] = {}
        self._session = Session(model) if backend == "ort" else None

    def run(
        self, inputs: Mapping[str, Array], *, outputs: Sequence[str] | None = None, keep: Collection[str] = ()
    ) -> dict[str, Array]:
        """Compute tensors of the main graph.

        Args:
            inputs: values of the graph's inputs (those that are needed), and of initializers a caller may override.
            outputs: names of the tensors to compute, any of the graph's; None for the graph's outputs.
            keep: names of further tensors to return.

        Returns:
            The values by name, outputs first.

        Raises:
            ExecutionError: if an input is missing, unknown, or of another type or shape; if an operator is unknown or
                its inputs are such that it cannot be computed.
        """
        graph = self.model.graph
        wanted = tuple(dict.fromkeys((*(graph.outputs if outputs is None else outputs), *keep)))
        self._expect_names(wanted)
        todo = self._plan(graph, wanted)
        given = checked(graph, inputs, todo.inputs)
        if self._session is not None:
            return self._session.run(given, wanted)
        frame = _Frame(graph, None, given)
        with np.errstate(all="ignore"), warnings.catch_warnings(), team():
            warnings.simplefilter("ignore", RuntimeWarning)  # means of nothing are NaN, as ONNX has it
            self._execute(todo, frame)
        return {name: self._value(name, frame) for name in wanted}

    def _expect_names(self, wanted: tuple[str, ...]) -> None:
        graph = self.model.graph
        for name in wanted:
            if name not in graph.producer and name not in graph.inputs and name not in graph.initializers:
                raise ExecutionError(f"the network has no tensor {name!r}", "name one of its tensors")

    def _plan(self, graph: Graph, wanted: tuple[str, ...]) -> Plan:
        key = (graph, wanted)
        found = self._plans.get(key)
        if found is None:
            found = self._plans[key] = plan(graph, wanted)
        return found

    def _execute(self, todo: Plan, frame: _Frame) -> None:
        values = frame.values
        for step in todo.steps:
            joined = len(step.nodes) > 1 and self._joined(step.nodes, frame)
            for node, dead in zip(step.nodes, step.dead, strict=True):
                if not joined:
                    results = zip(node.outputs, self._compute(node, frame), strict=False)
                    values.update((name, result) for name, result in results if name and result is not None)
                    del results
                for name in dead:
                    values.pop(name, None)

    def _value(self, name: str, frame: _Frame) -> Any:
        """A tensor's value, looked for from the inside out."""
        at: _Frame | None = frame
        while at is not None:
            value = at.values.get(name)
            if value is not None:
                return value
            tensor = at.graph.initializers.get(name)
            if tensor is not None:
                return self._weights(tensor)
            at = at.outer
        raise ExecutionError(f"nothing gives tensor {name!r} a value", "check the model with onnx.checker")

    def _joined(self, nodes: tuple[Node, ...], frame: _Frame) -> bool:
        """Compute nodes at once; False where that cannot be: one by one they can, or show which of them cannot."""
        function = find(nodes[0].op_type, nodes[0].domain)
        if function is None:
            return False
        call = self._call(nodes[0], frame)
        try:
            call.then = self._then(nodes, call.required(0).dtype, len(call.required(1)), frame)
            result = function(call)
        except Exception:  # whatever does not fit is found again by the node that it does not fit
            return False
        frame.values[nodes[-1].outputs[0]] = result
        return True

    def _then(
        self, nodes: tuple[Node, ...], dtype: np.dtype[Any], channels: int, frame: _Frame
    ) -> tuple[Pointwise, ...]:
        """What all nodes but the first do to its result; kept where it follows from the model alone."""
        key = (nodes, dtype, channels)
        found = self._kept.get(key)
        read = {name for node in nodes[1:] for name in node.inputs[1:] if name}
        constant = frame.outer is None and read.isdisjoint(frame.values)
        if found is None or not constant:
            makers = ((node, follower(node.op_type, node.domain)) for node in nodes[1:])
            found = tuple(make(self._call(node, frame, known=False), dtype, channels) for node, make in makers if make)
            if constant:
                self._kept[key] = found
        return found

    def _call(self, node: Node, frame: _Frame, *, known: bool = True) -> Call:
        """A node and the values that it reads; without that of the first input where that is not known yet."""

        def run(graph: Graph, given: Sequence[Array]) -> list[Array]:
            return self._subgraph(graph, given, frame)

        names = node.inputs if known else ["", *node.inputs[1:]]
        inputs = [self._value(name, frame) if name else None for name in names]
        attributes = self._weights.attributes(node)
        return Call(node.op_type, self.model.opsets.get("", 1), inputs, _outputs(node), attributes, run)

    def _compute(self, node: Node, frame: _Frame) -> Sequence[Any]:
        """The outputs of one node."""
        call = self._call(node, frame)
        try:
            function = find(node.op_type, node.domain)
            if function is not None and not any(isinstance(value, list) for value in call.inputs):
                try:
                    result = function(call)
                except Unsupported:
                    pass  # onnx.reference has it, or its error says what is wrong
                else:
                    return result if isinstance(result, tuple) else (result,)
            self.fallbacks[node.op_type] += 1
            return fallback.compute(node, call.inputs, call.attributes, self.model.opsets)
        except QlintError as error:
            raise error.at(self.model.path) from error.__cause__
        except Exception as error:
            shapes = ", ".join(_described(value) for value in call.inputs)
            raise ExecutionError(
                f"{node.op_type} node {node.name or node.outputs[0]!r} cannot be computed from ({shapes}): {error}",
                "check that the inputs fit the network, and the model with onnx.checker",
                path=self.model.path,
            ) from error

    def _subgraph(self, graph: Graph, given: Sequence[Array], outer: _Frame) -> list[Array]:
        """The outputs of a subgraph on the values of its inputs, in order."""
        todo = self._plan(graph, tuple(graph.outputs))
        frame = _Frame(graph, outer, dict(zip(graph.inputs, given, strict=False)))
        self._execute(todo, frame)
        return [self._value(name, frame) for name in graph.outputs]


def _outputs(node: Node) -> int:
    """How many outputs are asked for. One without a name at the end is as good as left out, but for a Split's parts."""
    count = len(node.outputs)
    while node.op_type != "Split" and count and not node.outputs[count - 1]:
        count -= 1
    return count


def _described(value: Any) -> str:
    """Type and shape of a value, for a message."""
    if isinstance(value, np.ndarray):
        return f"{value.dtype}{list(value.shape)}"
    return "nothing" if value is None else type(value).__name__
