"""Facts of a whole network that rules of scope `network` read."""

from __future__ import annotations

from collections import Counter

from qlint.files.model import Graph, Model
from qlint.network.network import Value

_QUANTIZED = {"QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "ConvInteger", "MatMulInteger"}
_QUANTIZED_PREFIX = "QLinear"


def network_properties(model: Model) -> dict[str, Value]:
    """The network's properties.

    `Class` is "dlnetwork", which is what MATLAB's importNetworkFromONNX returns. `Quantized` holds if any operator
    quantizes. `NewestKnownOpset` is what the installed onnx knows.
    """
    import onnx

    operators, domains = _count(model.graph)
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
        "NumInputs": len(model.graph.inputs),
        "Domains": sorted(domain for domain in domains if domain),
    }


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
