"""Model-local functions, inlined at each call.

Works on the protobuf messages, so that onnx infers the shapes of what a function computes at each call. Iterative over
calls, which may nest as deep as there are functions; what it makes is bounded.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from qlint.errors import ModelError
from qlint.files.calls import Call, Function, Key
from qlint.files.quoting import quoted, text
from qlint.files.records import INLINED, domain_of

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto

NODE_LIMIT = 200_000
"""Most nodes that inlining may make, calls included."""

BYTE_LIMIT = 1 << 28
"""Most bytes of nodes that inlining may make."""

DEPTH_LIMIT = 30
"""Deepest that subgraphs may nest after inlining; protobuf cannot hold more."""

_FORMAL_BYTES = 64
"""What each input of a function counts at a call."""

PREFIX_LIMIT = 100
"""Longest prefix of a tensor's name; nested calls would make names ever longer."""

_REMEDY = "inline the functions with onnx.inliner, or export without them"


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
    inliner.check(model.graph)
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
        from onnx import NodeProto

        self.new_node = NodeProto
        self.functions: dict[Key, Function] = {}
        for index, function in enumerate(model.functions):
            key = (domain_of(function.domain), text(function.name), text(function.overload))
            if key not in self.functions:
                self.functions[key] = Function.of(key, index, function)
        self.taken = set(_names(model.graph))
        self.calls = 0
        self.made = 0
        self.outermost = ""
        self.placements = 0

    def check(self, graph: GraphProto) -> None:
        """Count what inlining will make before it makes it: functions may double it at each step."""
        sizes: dict[Key, int] = {}
        bodies: dict[Key, tuple[int, Counter[Key]]] = {}
        main = self.called(graph.node)[1]
        pending = list(main)
        while pending:
            key = pending[-1]
            if key in sizes:
                pending.pop()
                continue
            if key not in bodies:
                bodies[key] = self.called(self.functions[key].nodes)
                pending.extend(callee for callee in bodies[key][1] if callee not in sizes)
                continue
            # Everything that was put on top of it has its size by now, except what waits for it in turn.
            own, calls = bodies[key]
            if any(callee not in sizes for callee in calls):
                raise ModelError(f"the function {quoted(key[1])} calls itself, perhaps through others", _REMEDY)
            sizes[key] = own + sum(count * sizes[callee] for callee, count in calls.items())
        if sum(count * sizes[key] for key, count in main.items()) > NODE_LIMIT:
            raise ModelError("its functions, inlined at each call, make more nodes than can be checked", _REMEDY)

    def called(self, nodes: Iterable[NodeProto]) -> tuple[int, Counter[Key]]:
        """The number of nodes, and how often each function is called among them, in their graphs too."""
        total = 0
        calls: Counter[Key] = Counter()
        pending = list(nodes)
        while pending:
            node = pending.pop()
            total += 1
            key = (domain_of(node.domain), text(node.op_type), text(node.overload))
            if key in self.functions:
                calls[key] += 1
            for attribute in node.attribute:
                for graph in (attribute.g, *attribute.graphs):
                    pending.extend(graph.node)
        return total, calls

    def graph(self, graph: GraphProto, pointer: str, call: Call | None, depth: int) -> None:
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

    def expanded(self, nodes: Iterable[NodeProto], pointer: str, call: Call | None, depth: int) -> list[NodeProto]:
        """The nodes with every call among them replaced."""
        result: list[NodeProto] = []
        stack: list[tuple[Iterator[tuple[int, NodeProto]], str, Call | None]] = [
            (enumerate(list(nodes)), pointer, call)
        ]
        while stack:
            remaining, where, current = stack[-1]
            index, node = next(remaining, (-1, None))
            if node is None:
                stack.pop()
                continue
            if current is None:
                self.outermost = ""
            placed = self.placed(node, f"{where}/node/{index}", current, depth)
            called = self.functions.get((domain_of(placed.domain), text(placed.op_type), text(placed.overload)))
            if called is None:
                result.append(placed)
                continue
            if current is None:
                self.outermost = f"{where}/node/{index}"
            entered, passed_through = self.entered(placed, called)
            result.extend(passed_through)
            stack.append((enumerate(called.nodes), called.pointer, entered))
        return result

    def placed(self, node: NodeProto, pointer: str, call: Call | None, depth: int) -> NodeProto:
        """A copy of a node with the names and attributes that hold at the call it stands in."""
        new = self.new_node()
        new.CopyFrom(node)
        new.doc_string = self.mark(pointer)
        own = list(enumerate(new.attribute))
        if call is not None:
            self.charge(node.ByteSize())
            new.input[:] = [self.renamed(text(name), call) for name in node.input]
            new.output[:] = [self.renamed(text(name), call) for name in node.output]
            if node.name:
                new.name = f"{call.prefix}/{text(node.name)}"
            if own:
                del new.attribute[:]
                own = []
            for index, attribute in enumerate(node.attribute):
                if not attribute.ref_attr_name:
                    own.append((index, new.attribute.add()))
                    own[-1][1].CopyFrom(attribute)
                    continue
                given = call.attributes.get(text(attribute.ref_attr_name))
                if given is not None:
                    self.charge(given.ByteSize())
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

    def entered(self, call: NodeProto, function: Function) -> tuple[Call, list[NodeProto]]:
        """A call's names and attributes, and nodes for inputs that the function gives back as they are."""
        inputs, outputs = [*map(text, call.input)], [*map(text, call.output)]
        if len(inputs) > len(function.inputs) or len(outputs) > len(function.outputs):
            counts = f"{len(inputs)} inputs and {len(outputs)} outputs"
            takes = f"{len(function.inputs)} and {len(function.outputs)}"
            raise ModelError(
                f"a call of the function {quoted(function.key[1])} has {counts}; it has {takes}",
                "export the model again",
            )
        self.calls += 1
        self.charge(_FORMAL_BYTES * (len(function.inputs) + len(function.defaults)))
        prefix = next(filter(None, outputs), function.key[1])
        if len(prefix) > PREFIX_LIMIT:
            prefix = f"{prefix[:20]}...{self.calls}"
        names = dict.fromkeys(function.inputs, "")  # what the call leaves out is an omitted input inside, too
        names.update(zip(function.inputs, inputs, strict=False))
        through: list[NodeProto] = []
        for index, (inner, outer) in enumerate(zip(function.outputs, outputs, strict=False)):
            if not outer:
                continue
            if inner in names:
                same = self.new_node(op_type="Identity", input=[names[inner]], output=[outer])
                same.doc_string = self.mark(f"{function.pointer}/output/{index}")
                through.append(same)
            else:
                names[inner] = outer
        attributes = {**function.defaults, **{text(attribute.name): attribute for attribute in call.attribute}}
        return Call(prefix, names, attributes), through

    def mark(self, pointer: str) -> str:
        """What a node carries that stands at `pointer`, see `INLINED`."""
        self.placements += 1
        return f"{INLINED}{pointer}" + (f"@{self.outermost}#{self.placements}" if self.outermost else "")

    def charge(self, size: int) -> None:
        """Note what is about to be made."""
        self.made += size
        if self.made > BYTE_LIMIT:
            raise ModelError("its functions, inlined at each call, take more memory than can be given", _REMEDY)

    def renamed(self, name: str, call: Call) -> str:
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
