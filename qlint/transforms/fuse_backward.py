"""Folding backward: what follows a layer goes into the layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from qlint.transforms.affine import (
    Affine,
    Array,
    Refused,
    arithmetic,
    batch_normalization,
    constant_operand,
    is_batch_normalization,
    is_pass_through,
)
from qlint.transforms.patch import NodeSpec
from qlint.transforms.rewrite import Rewrite, value_reader
from qlint.transforms.scaling import columns, scale_output

if TYPE_CHECKING:
    from qlint.files.model import Node
    from qlint.transforms.base import Context

DEEPEST_CONCAT = 16
"""Concatenations within concatenations that are entered."""


@dataclass(frozen=True, slots=True)
class Run:
    """A layer and the affine nodes after it, each the only reader of the one before.

    Attributes:
        layer: what the nodes are folded into; with branches, a Concat.
        members: the nodes after it, in order; empty for a layer that a Concat reads.
        branches: the inputs of the Concat.
        watchers: nodes that read but the shape or type of a tensor of the run, and the tensor.
        rank, axis, channels: of the layer's output; the rank is None if not known.
    """

    layer: Node
    members: tuple[Node, ...]
    branches: tuple[Run, ...]
    watchers: tuple[tuple[Node, str], ...]
    rank: int | None
    axis: int
    channels: int

    def affine(self, context: Context) -> Affine:
        """What the members compute.

        Raises:
            Refused: if that is not a function per channel.
        """
        total = Affine.identity(self.channels)
        for node in self.members:
            if is_batch_normalization(node):
                step = batch_normalization(context, node)
                if self.axis != 1:
                    raise Refused("the layer before it has its channels on another axis")
                if len(step.scale) != self.channels:
                    raise Refused(f"it has {len(step.scale)} channels and the layer before it {self.channels}")
            elif is_pass_through(context, node):
                continue
            else:
                step = arithmetic(context, node, rank=self.rank, axis=self.axis, channels=self.channels)
            with np.errstate(all="ignore"):
                total = total.then(step)
        return total


def data_input(context: Context, node: Node) -> str:
    """The input of an affine node that is not constant."""
    position = constant_operand(context, node)
    return node.inputs[0] if position is None else node.inputs[1 - position]


def run_to(context: Context, reader: Node, name: str, members: tuple[Node, ...] = (), depth: int = 0) -> Run:
    """The run that ends in a tensor.

    Args:
        context: the graph.
        reader: what reads the tensor, the run's last member or a Concat.
        name: the tensor.
        members: the nodes after it that belong to the run.
        depth: Concats entered so far.

    Raises:
        Refused: if it cannot be followed back to a layer with weights.
    """
    found = list(reversed(members))
    watchers: list[tuple[Node, str]] = []
    while True:
        maker = context.producer(name)
        if maker is None:
            raise Refused("it follows an input of the graph or a constant, and no layer")
        watchers.extend((node, name) for node in value_reader(context, name)[1])
        if any(maker.outputs[1:]) and maker.op_type != "Dropout":
            raise Refused(f"it follows {maker.op_type}, which has several outputs")
        if not is_pass_through(context, maker) and constant_operand(context, maker) is None:
            break
        found.append(maker)
        name = data_input(context, maker)
    after = tuple(reversed(found))
    if maker.op_type != "Concat" or maker.domain:
        return Run(maker, after, (), tuple(watchers), *columns(context, maker))
    rank = context.shape(name)
    axis = maker.attributes.get("axis", 1)
    if (axis + len(rank) if axis < 0 and rank is not None else axis) != 1:
        raise Refused(f"it follows a Concat on axis {axis}, and not on the channel axis")
    if depth == DEEPEST_CONCAT:
        raise Refused(f"it follows more than {DEEPEST_CONCAT} nested Concats")
    branches = tuple(run_to(context, maker, each, (), depth + 1) for each in maker.inputs)
    if any(branch.axis != 1 for branch in branches):
        raise Refused("the channels of a branch of the Concat before it are on another axis")
    channels = sum(branch.channels for branch in branches)
    return Run(maker, after, branches, tuple(watchers), None if rank is None else len(rank), 1, channels)


def fold(rewrite: Rewrite, run: Run, output: str, after: Affine | None = None) -> None:
    """Fold a run into its layer.

    Args:
        rewrite: gathers the operations.
        run: the layer and what follows it.
        output: the name of the tensor that the run ends in.
        after: a function after the run that is folded too.

    Raises:
        Refused: if it cannot be done exactly.
    """
    context = rewrite.context
    total = run.affine(context)
    if after is not None:
        with np.errstate(all="ignore"):
            total = total.then(after)
    kept = [node for node in run.members if is_pass_through(context, node)]
    # A MatMul has no bias: the Add that follows it serves as one, or a new one at the end.
    missing_bias = run.layer.op_type == "MatMul" and bool(total.offset.any())
    adder = run.members[:1] if missing_bias and run.members and run.members[0].op_type == "Add" else ()
    staying = [run.layer, *adder, *kept]
    rewrite.remove(node for node in run.members if node not in staying)
    # The names of what stays gives from now on; the last takes the name that later layers read.
    names = [node.outputs[0] for node in staying]
    names[-1] = context.fresh(output) if missing_bias and not adder else output
    added = _fold_into_layer(rewrite, run, total, names[0])
    rewrite.rewire_watchers(run.watchers, names[0])
    for node, before, name in zip(staying[1:], names, names[1:], strict=False):
        wires = {node.inputs.index(data_input(context, node)): before}
        if node in adder and added is not None:
            stem = node.inputs[constant_operand(context, node) or 0]
            wires[node.inputs.index(stem)] = rewrite.tensor(stem, added, added.dtype, "the bias")
        rewrite.rewire(node, wires, name)
    if added is not None and not adder:
        bias = rewrite.tensor(f"{run.layer.inputs[1]}_bias", added, added.dtype, "the bias")
        rewrite.add(NodeSpec("Add", (names[-1], bias), (output,), {}))


def _fold_into_layer(rewrite: Rewrite, run: Run, total: Affine, output: str) -> Array | None:
    """Fold into the layer itself, or into each branch of the Concat; see `scale_output`."""
    if not run.branches:
        rewrite.inputs[run.layer.inputs[0]] = None
        return scale_output(rewrite, run.layer, total, output)
    begin = 0
    for branch, name in zip(run.branches, run.layer.inputs, strict=True):
        fold(rewrite, branch, name, total.part(begin, begin + branch.channels))
        begin += branch.channels
    rewrite.rewire(run.layer, {}, output)
    return None
