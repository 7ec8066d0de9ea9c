"""Facts of a whole network that rules of scope `network` read."""

from __future__ import annotations

from collections import Counter

from qlint.files.model import Graph, Model, Shape, ValueType
from qlint.network.network import Value

_QUANTIZED = {"QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "ConvInteger", "MatMulInteger"}
_QUANTIZED_PREFIX = "QLinear"


def network_properties(model: Model) -> dict[str, Value]:
    """The network's properties.

    `Class` is "dlnetwork", which is what MATLAB's importNetworkFromONNX returns. `Quantized` holds if any operator
    quantizes. `NewestKnownOpset` is what the installed onnx knows.
    `OpenInputs` are inputs with sizes that the file leaves open, as `--bind` would fix them.
    """
    import onnx

    operators, domains = _count(model.graph)
    inputs = model.graph.inputs
    opset = model.opsets.get("", 0)
    newest = onnx.defs.onnx_opset_version()
    return {
        "Class": "dlnetwork",
        "Format": "onnx",
        "Quantized": any(op in _QUANTIZED or op.startswith(_QUANTIZED_PREFIX) for op in operators),
        "QuantizationOperators": sum(
            n for op, n in operators.items() if op in _QUANTIZED or op.startswith(_QUANTIZED_PREFIX)
        ),
        "OnnxOpset": opset,
        "OpsetIsKnown": opset <= newest,
        "NewestKnownOpset": newest,
        "IrVersion": model.ir_version,
        "Producer": model.producer,
        "NumInputs": len(inputs),
        "OpenInputs": [
            f"{name}={_sizes(known.shape)}" for name, known in model.graph.inputs.items() if _is_open(known)
        ],
        "Domains": sorted(domain for domain in domains if domain),
    }


def _is_open(known: ValueType) -> bool:
    return known.shape is not None and not all(isinstance(size, int) for size in known.shape)


def _sizes(shape: Shape) -> str:
    """An input's shape as `--bind` takes it: one sample, and N for what else is open.

    The batch comes first, but second in a sequence that says so by a 1 there.
    """
    batch = 1 if shape is not None and len(shape) == 3 and shape[1] == 1 else 0
    sizes = ["1" if axis == batch else "N" for axis in range(len(shape or ()))]
    return ",".join(str(size) if isinstance(size, int) else open for size, open in zip(shape or (), sizes, strict=True))


def _count(graph: Graph) -> tuple[Counter[str], set[str]]:
    operators: Counter[str] = Counter()
    domains: set[str] = set()
    pending = [graph]
    while pending:
        current = pending.pop()
        operators.update(node.op_type for node in current.nodes)
        domains.update(node.domain for node in current.nodes)
        pending.extend(current.subgraphs())
    return operators, domains
