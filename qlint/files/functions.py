"""Model-local functions, inlined at each call.

Works on the protobuf messages, so that onnx infers the shapes of what a function computes at each call. Iterative over
calls, which may nest as deep as there are functions; what it makes is bounded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from qlint.errors import ModelError
from qlint.files.quoting import quoted, text
from qlint.files.records import INLINED, domain_of

if TYPE_CHECKING:
    from onnx import AttributeProto, FunctionProto, GraphProto, ModelProto, NodeProto

NODE_LIMIT = 200_000
"""Most nodes and calls that inlining may visit."""

BYTE_LIMIT = 1 << 28
"""Most bytes of nodes that inlining may make."""

DEPTH_LIMIT = 30
"""Deepest that subgraphs may nest after inlining; protobuf cannot hold more."""

PREFIX_LIMIT = 100
"""Longest prefix of a tensor's name; nested calls would make names ever longer."""

_REMEDY = "inline the functions with onnx.inliner, or export without them"

_Key: TypeAlias = tuple[str, str, str]


@dataclass(slots=True)
class _Call:
    """A call being inlined.

    Attributes:
        key: the function.
        prefix: begins the names of tensors that exist only inside.
        names: tensor names inside -> names in the graph.
        attributes: values of the function's attributes.
    """

    key: _Key
    prefix: str
    names: dict[str, str]
    attributes: dict[str, AttributeProto] = field(default_factory=dict)


def inline(model: ModelProto) -> bool:
    """Replace all calls of model-local functions by their bodies; the functions are removed.

    Every node then carries its JSON pointer in its doc string, as positions no longer tell where it came from (see
    `INLINED`). Domains that only functions import are imported by the model.

    Returns:
        False if the model has no functions; it is left as it is then.

    Raises:
        ModelError: if functions call each other in a circle, get more than they take, or make too many nodes.
    """
    if not model.functions:
        return False
    inliner = _Inliner(model)
    inliner.graph(model.graph, "/graph", None, 0)
    imported = {domain_of(entry.domain) for entry in model.opset_import}
    for function in model.functions:
        for entry in function.opset_import:
            if domain_of(entry.domain) not in imported:
                imported.add(domain_of(entry.domain))
                model.opset_import.add().CopyFrom(entry)
    del model.functions[:]
    return True


class _Inliner:
    def __init__(self, model: ModelProto) -> None:
        self.functions: dict[_Key, tuple[int, FunctionProto]] = {}
        for index, function in enumerate(model.functions):
            key = (domain_of(function.domain), text(function.name), text(function.overload))
            self.functions.setdefault(key, (index, function))
        self.taken = set(_names(model.graph))
        self.active: set[_Key] = set()
        self.visited = 0
        self.made = 0

    def graph(self, graph: GraphProto, pointer: str, call: _Call | None, depth: int) -> None:
        """Inline in a graph, in place; with a call, the graph stands in that function's body and is renamed too."""
        if depth > DEPTH_LIMIT:
            raise ModelError(f"with its functions inlined, subgraphs nest more than {DEPTH_LIMIT} deep", _REMEDY)
        if call is not None:
            for value in (*graph.input, *graph.output, *graph.value_info, *graph.initializer):
                value.name = self.renamed(text(value.name), call)
            for sparse in graph.sparse_initializer:
                sparse.values.name = self.renamed(text(sparse.values.name), call)
        nodes = self.expanded(graph.node, pointer, call, depth)
        del graph.node[:]
        graph.node.extend(nodes)

    def expanded(self, nodes: Iterable[NodeProto], pointer: str, call: _Call | None, depth: int) -> list[NodeProto]:
        """The nodes with every call among them replaced."""
        result: list[NodeProto] = []
        stack: list[tuple[Iterator[tuple[int, NodeProto]], str, _Call | None]] = [
            (enumerate(list(nodes)), pointer, call)
        ]
        while stack:
            remaining, where, current = stack[-1]
            index, node = next(remaining, (-1, None))
            if node is None:
                stack.pop()
                if stack and current is not None:
                    self.active.discard(current.key)
                continue
            placed = self.placed(node, f"{where}/node/{index}", current, depth)
            found = self.functions.get((domain_of(placed.domain), text(placed.op_type), text(placed.overload)))
            if found is None:
                result.append(placed)
                continue
            position, function = found
            entered, passed_through = self.entered(placed, function)
            result.extend(passed_through)
            stack.append((enumerate(function.node), f"/functions/{position}", entered))
        return result

    def placed(self, node: NodeProto, pointer: str, call: _Call | None, depth: int) -> NodeProto:
        """A copy of a node with the names and attributes that hold at the call it stands in."""
        from onnx import NodeProto

        self.visited += 1
        self.made += node.ByteSize()
        if self.visited > NODE_LIMIT or self.made > BYTE_LIMIT:
            raise ModelError("its functions, inlined at each call, make more nodes than can be checked", _REMEDY)
        new = NodeProto()
        new.CopyFrom(node)
        new.doc_string = INLINED + pointer
        own = list(enumerate(new.attribute))
        if call is not None:
            new.input[:] = [self.renamed(text(name), call) for name in node.input]
            new.output[:] = [self.renamed(text(name), call) for name in node.output]
            if node.name:
                new.name = f"{call.prefix}/{text(node.name)}"
            del new.attribute[:]
            own = []
            for index, attribute in enumerate(node.attribute):
                if not attribute.ref_attr_name:
                    own.append((index, new.attribute.add()))
                    own[-1][1].CopyFrom(attribute)
                    continue
                given = call.attributes.get(text(attribute.ref_attr_name))
                if given is not None:
                    added = new.attribute.add()
                    added.CopyFrom(given)
                    added.name = text(attribute.name)
        # A graph that came through a reference belongs to the caller, who has placed it already.
        for index, attribute in own:
            if attribute.HasField("g"):
                self.graph(attribute.g, f"{pointer}/attribute/{index}/g", call, depth + 1)
            for number, graph in enumerate(attribute.graphs):
                self.graph(graph, f"{pointer}/attribute/{index}/graphs/{number}", call, depth + 1)
        return new

    def entered(self, call: NodeProto, function: FunctionProto) -> tuple[_Call, list[NodeProto]]:
        """A call's names and attributes, and nodes for inputs that the function gives back as they are."""
        from onnx import NodeProto

        key = (domain_of(function.domain), text(function.name), text(function.overload))
        if key in self.active:
            raise ModelError(f"the function {quoted(function.name)} calls itself, perhaps through others", _REMEDY)
        for given, taken, what in ((call.input, function.input, "inputs"), (call.output, function.output, "outputs")):
            if len(given) > len(taken):
                raise ModelError(
                    f"a call of the function {quoted(function.name)} has {len(given)} {what}; it takes {len(taken)}",
                    "export the model again",
                )
        self.active.add(key)
        outputs = [text(name) for name in call.output]
        prefix = next(filter(None, outputs), text(function.name))
        if len(prefix) > PREFIX_LIMIT:
            prefix = f"{prefix[:20]}...{self.visited}"
        inputs = [text(name) for name in call.input]
        names = dict(zip(map(text, function.input), inputs + [""] * (len(function.input) - len(inputs)), strict=True))
        through: list[NodeProto] = []
        for inner, outer in zip(map(text, function.output), outputs, strict=False):
            if not outer:
                continue
            if inner in names:
                node = NodeProto(op_type="Identity", input=[names[inner]], output=[outer], doc_string=call.doc_string)
                through.append(node)
            else:
                names[inner] = outer
        entered = _Call(key, prefix, names)
        for attribute in (*function.attribute_proto, *call.attribute):
            entered.attributes[text(attribute.name)] = attribute
        return entered, through

    def renamed(self, name: str, call: _Call) -> str:
        """A tensor's name at a call: the caller's for inputs and outputs, else one that nothing else has."""
        if not name:
            return name
        found = call.names.get(name)
        if found is None:
            found = f"{call.prefix}/{name}"
            if found in self.taken:
                found = f"{found}~{len(self.taken)}"  # the set only grows, so the number is new
                while found in self.taken:
                    found += "~"
            self.taken.add(found)
            call.names[name] = found
        return found


def _names(graph: GraphProto) -> Iterator[str]:
    """Every name that a graph and those below it define."""
    pending = [graph]
    while pending:
        current = pending.pop()
        for value in (*current.input, *current.initializer):
            yield text(value.name)
        for node in current.node:
            yield from map(text, node.output)
            for attribute in node.attribute:
                pending.extend((attribute.g,) if attribute.HasField("g") else ())
                pending.extend(attribute.graphs)
