"""Control flow: operators that run subgraphs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from qlint.files.element import elements
from qlint.files.model import Graph
from qlint.numeric.kernel.arguments import normal
from qlint.numeric.kernel.registry import Array, Call, Unsupported, operator

_SCAN_WITHOUT_BATCH = 9
"""First opset whose Scan scans whole tensors; before, each element of a batch by itself."""


@operator("If")
def _if(call: Call) -> tuple[Array, ...]:
    taken = call.required(0).reshape(()).item()
    return tuple(call.run(call.attribute("then_branch" if taken else "else_branch"), ()))


@operator("Loop")
def _loop(call: Call) -> tuple[Array, ...]:
    body: Graph = call.attribute("body")
    limit, condition, carried = call.input(0), call.input(1), call.inputs[2:]
    trips = None if limit is None else int(limit.reshape(()))
    going = condition is None or bool(condition.reshape(()))
    state = [_given(value) for value in carried]
    collected: list[list[Array]] = [[] for _ in body.outputs[1 + len(state) :]]
    step = 0
    while going and (trips is None or step < trips):
        ran, *values = call.run(body, (np.array(step, np.int64), np.array(True), *state))
        going = bool(ran.reshape(()))
        state, found = values[: len(state)], values[len(state) :]
        for items, item in zip(collected, found, strict=True):
            items.append(item)
        step += 1
    names = body.outputs[1 + len(state) :]
    return (*state, *(_stacked(items, 0, body, name) for items, name in zip(collected, names, strict=True)))


@operator("Scan")
def _scan(call: Call) -> tuple[Array, ...]:
    values = [_given(value) for value in call.inputs[call.opset < _SCAN_WITHOUT_BATCH :]]
    count = call.attribute("num_scan_inputs")
    state, scanned = values[: len(values) - count], values[len(values) - count :]
    if call.opset < _SCAN_WITHOUT_BATCH:
        return _batched_scan(call, state, scanned)
    axes = call.attribute("scan_input_axes") or [0] * count
    backward = call.attribute("scan_input_directions") or [0] * count
    return _run_scan(call, state, [_moved(*item) for item in zip(scanned, axes, backward, strict=True)])


def _batched_scan(call: Call, state: list[Array], scanned: list[Array]) -> tuple[Array, ...]:
    lengths, longest = call.input(0), scanned[0].shape[1]
    backward = call.attribute("directions") or [0] * len(scanned)
    results = []
    for item in range(len(scanned[0])):
        length = longest if lengths is None else int(lengths[item])
        parts = [_moved(x[item, :length], 0, flag) for x, flag in zip(scanned, backward, strict=True)]
        ends = list(_run_scan(call, [value[item] for value in state], parts))
        for i in range(len(state), len(ends)):
            padding = [(0, longest - length)] + [(0, 0)] * (ends[i].ndim - 1)
            ends[i] = np.pad(ends[i], padding)
        results.append(ends)
    return tuple(np.stack(values) for values in zip(*results, strict=True))


def _run_scan(call: Call, state: list[Array], scanned: list[Array]) -> tuple[Array, ...]:
    """The states in the end and the scan outputs; the inputs are scanned along their first axes."""
    body: Graph = call.attribute("body")
    names = body.outputs[len(state) :]
    collected: list[list[Array]] = [[] for _ in names]
    for items in zip(*scanned, strict=True):
        values = call.run(body, (*state, *map(np.asarray, items)))
        state, found = values[: len(state)], values[len(state) :]
        for results, result in zip(collected, found, strict=True):
            results.append(result)
    axes = call.attribute("scan_output_axes") or [0] * len(names)
    backward = call.attribute("scan_output_directions") or [0] * len(names)
    return (
        *state,
        *(
            _stacked(results[::-1] if flag else results, axis, body, name)
            for results, axis, flag, name in zip(collected, axes, backward, names, strict=True)
        ),
    )


def _moved(x: Array, axis: int, backward: int) -> Array:
    x = np.moveaxis(x, axis, 0)
    return x[::-1] if backward else x


def _given(value: Array | None) -> Array:
    if value is None:
        raise Unsupported("a state without an initial value")
    return value


def _stacked(items: Sequence[Array], axis: int, body: Graph, name: str) -> Array:
    """The values of all iterations; of none, what the body declares, with unknown sizes 0 as in onnxruntime."""
    if items:
        return np.stack(items, axis)
    known = body.types.get(name)
    element = next((e for e in elements().values() if known is not None and e.name == known.type), None)
    if known is None or known.shape is None or element is None:
        raise Unsupported(f"nothing was collected, and the type of {name} is not declared")
    shape = [size if isinstance(size, int) else 0 for size in known.shape]
    shape.insert(normal(axis, len(shape) + 1), 0)
    return np.empty(shape, element.dtype)
