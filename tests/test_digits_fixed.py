"""The digits network, prepared: it recognizes the same digits as before."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

from qlint.preparing import fix
from qlint.rules import library

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures"


def test_the_digits_network_keeps_its_accuracy(tmp_path: Path) -> None:
    out = tmp_path / "digits.fixed.onnx"
    data = FIXTURES / "digits-test.npz"
    fixed = fix(str(FIXTURES / "digits.onnx"), library.load("matlab", None), out=str(out), data=str(data))
    assert fixed.status == "written" and not fixed.refusal
    model = onnx.load(out)
    onnx.checker.check_model(model, full_check=True)
    assert not {"BatchNormalization", "Dropout"} & {node.op_type for node in model.graph.node}

    known = json.loads((FIXTURES / "digits.json").read_text())
    arrays = np.load(data)
    name = model.graph.input[0].name
    found = {}
    for path in (FIXTURES / "digits.onnx", out):
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        found[path] = session.run(None, {name: arrays["images"]})[0]
    before, after = found.values()
    assert int((after.argmax(1) == arrays["labels"]).sum()) == known["correct"]
    assert np.array_equal(before.argmax(1), after.argmax(1))
    assert float(np.abs(before - after).max()) < 1e-5
