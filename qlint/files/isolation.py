"""Shape inference that cannot take this process, or the machine's memory, with it.

onnx's inference of Slice computes with whatever size came before it, and onnx's Linux builds abort where that is
negative: a window larger than its input, a Pad that crops too much, a Split that takes more than there is. Such models
are inferred in a process of their own. And onnx follows shape arithmetic through every vector, a record for each
element: a hundred bytes that make a vector of 10^12 elements and add to it would take all memory there is.
"""

from __future__ import annotations

import contextlib
import os
import sys
import warnings
from typing import TYPE_CHECKING

from qlint.files.model import Graph

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto

_LENGTH_BYTES = 8
_MOST_MEMORY = 256 << 20
_MEMORY_PER_BYTE = 100
_FOLLOWED = {"Add", "Div", "Mul", "Sub"}
_NOWHERE = "qlint.not_inferred"


def may_end_the_process(graphs: list[Graph]) -> bool:
    """Whether inference could abort or take all memory: a Slice with its bounds as inputs, or arithmetic it follows.

    Only Linux has both ways: its builds abort, and its processes can be held to an amount of memory.
    """
    if sys.platform != "linux":
        return False
    return any(
        node.op_type in _FOLLOWED or (node.op_type == "Slice" and len(node.inputs) > 1)
        for graph in graphs
        for node in graph.nodes
        if not node.domain
    )


def _bound_memory(model: ModelProto) -> None:
    """Hold this process to memory that grows with the model's bytes; onnx may well end it where it meets the limit."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    with open("/proc/self/statm") as statistics:
        used = int(statistics.read().split()[0]) * resource.getpagesize()
    most = used + _MOST_MEMORY + _MEMORY_PER_BYTE * model.ByteSize()
    limits = [limit for limit in (soft, hard, most) if limit != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_AS, (min(limits), hard))


def infer_apart(model: ModelProto, *, data_prop: bool) -> ModelProto | None:
    """Shapes inferred in a child process; None if it failed or aborted."""
    from onnx import ModelProto, shape_inference

    reader, writer = os.pipe()
    with warnings.catch_warnings():
        # Other threads do not matter to a child that only infers and ends.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if not child:
        try:
            _silence()
            _bound_memory(model)
            content = shape_inference.infer_shapes(model, data_prop=data_prop).SerializeToString()
            with os.fdopen(writer, "wb") as pipe:
                pipe.write(len(content).to_bytes(_LENGTH_BYTES) + content)
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        answer = pipe.read()
    with contextlib.suppress(ChildProcessError):  # where the caller lets the system reap children
        os.waitpid(child, 0)
    content = answer[_LENGTH_BYTES:]
    if not answer or int.from_bytes(answer[:_LENGTH_BYTES]) != len(content):
        return None
    inferred = ModelProto()
    inferred.ParseFromString(content)
    return inferred


def without_slices(model: ModelProto) -> ModelProto:
    """A copy whose Slice nodes nobody infers."""
    from onnx import ModelProto

    copy = ModelProto()
    copy.CopyFrom(model)
    copy.opset_import.add(domain=_NOWHERE, version=1)
    pending: list[GraphProto] = [copy.graph]
    while pending:
        for node in pending.pop().node:
            if node.op_type == "Slice":
                node.domain = _NOWHERE
            for attribute in node.attribute:
                pending.extend((attribute.g,) if attribute.HasField("g") else ())
                pending.extend(attribute.graphs)
    return copy


def _silence() -> None:
    """An abort would be reported on standard error, by whoever listens for one, and leave a core dump."""
    import faulthandler
    import resource
    import signal

    faulthandler.disable()
    with contextlib.suppress(ValueError):  # in a thread other than the main one, which has no handlers then
        signal.signal(signal.SIGABRT, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
