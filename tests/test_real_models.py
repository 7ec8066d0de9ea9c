"""`qlint check -e matlab` on real networks, from the folder that QLINT_MODELS names (`make test` fetches them)."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import onnx
import pytest
from jsonschema import Draft202012Validator

from qlint.cli.main import main
from qlint.session import read_network

ROOT = Path(__file__).resolve().parent.parent
FOLDER = os.environ.get("QLINT_MODELS")
MODELS = sorted(Path(FOLDER).rglob("*.onnx")) if FOLDER else []
ALL = [*sorted((ROOT / "fixtures").glob("*.onnx")), *MODELS]
SCHEMA = json.loads((ROOT / "qlint/report/schema/qlint.report.v1.schema.json").read_text())
PREPARED = {"BatchNormalization": "batchNormalizationLayer", "Dropout": "dropoutLayer"}


def test_the_collection_is_whole() -> None:
    if not FOLDER:
        pytest.skip("QLINT_MODELS is not set; `make test` fetches the real networks and sets it")
    assert len(MODELS) >= 20


def operators(graph: onnx.GraphProto, functions: dict[tuple[str, str], onnx.FunctionProto]) -> dict[str, int]:
    """How often the operators that preparation deals with occur, subgraphs and functions included, by onnx alone."""
    found = dict.fromkeys(PREPARED, 0)
    pending: list[Any] = [*graph.node]
    while pending:
        node = pending.pop()
        if node.op_type in found and node.domain in ("", "ai.onnx"):
            found[node.op_type] += 1
        function = functions.get((node.domain, node.op_type))
        if function is not None:
            pending += function.node
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                pending += inner.node
    return found


@pytest.mark.parametrize("path", ALL, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_check_in_the_matlab_environment(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["check", "-e", "matlab", str(path), "--output-format", "json"]
    assert main(arguments) in (0, 1)
    first = capsys.readouterr()
    assert main(arguments) in (0, 1)
    assert capsys.readouterr().out == first.out
    assert first.err == ""

    document = json.loads(first.out)
    Draft202012Validator(SCHEMA).validate(document)
    found = document["diagnostics"]
    fingerprints = [d["fingerprint"] for d in found]
    assert len(set(fingerprints)) == len(fingerprints)

    # Every batch normalization and every dropout gets exactly one finding that says what becomes of it.
    model = onnx.load(path, load_external_data=False)
    functions = {(f.domain, f.name): f for f in model.functions}
    counted = operators(model.graph, functions)
    reported = dict.fromkeys(PREPARED, 0)
    for operator, type in PREPARED.items():
        codes = {"batchNormalizationLayer": ("MAT401", "MAT402", "MAT403"), "dropoutLayer": ("NET401", "NET403")}[type]
        ids = {d["location"]["id"] for d in found if d["location"]["type"] == type and d["code"] in codes}
        reported[operator] = len(ids)
    assert reported == counted
    network, _ = read_network(str(path))
    for operator, type in PREPARED.items():
        assert sum(layer.type == type for layer in network) == counted[operator]
