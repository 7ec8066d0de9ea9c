"""`qlint fix`: what it writes, what it says, and how it ends."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest

from tests.cli.running import DIGITS, FIXTURES, Run
from tests.report.building import validator

SCHEMA = "qlint.fix.v1"
NOTHING_TO_DO = str(FIXTURES / "avgpool_include_pad.onnx")


@pytest.fixture
def digits(tmp_path: Path) -> Path:
    shutil.copy(DIGITS, tmp_path / "digits.onnx")
    return tmp_path / "digits.onnx"


def operators(path: Path) -> set[str]:
    return {node.op_type for node in onnx.load(path).graph.node}


def test_the_result_stands_beside_the_model(qlint: Run, digits: Path) -> None:
    before = digits.read_bytes()
    result = qlint("fix", str(digits))
    out = digits.with_name("digits.fixed.onnx")
    assert result.status == 0 and result.out.endswith(f"Written: {out.as_posix()}\n")
    assert digits.read_bytes() == before
    assert not operators(out) & {"BatchNormalization", "Dropout"}
    assert "fuse-batch-normalization (equivalent, prepareNetwork's): batchNormalizationLayer" in result.out
    assert "the whole network on random inputs" in result.out


def test_the_report_as_data(qlint: Run, digits: Path, tmp_path: Path) -> None:
    out = str(tmp_path / "out.onnx")
    result = qlint("fix", str(digits), "-o", out, "--output-format", "json")
    found = result.json
    validator(SCHEMA).validate(found)
    assert result.status == 0 and found["status"] == "written" and found["out"] == out
    fused = [entry for entry in found["applied"] if entry["transform"] == "fuse-batch-normalization"]
    assert len(fused) == 3
    assert {entry["class"] for entry in fused} == {"equivalent"}
    assert {entry["evidence"]["origin"] for entry in fused} == {"prepareNetwork"}
    assert {entry["evidence"]["kind"] for entry in fused} == {"documented"}
    proven = found["verification"]
    assert proven["scope"] == "network" and 0 <= proven["error"] <= proven["bound"] < 1e-4
    assert proven["inputs"] == [{"name": "image", "type": "float32", "shape": [1, 1, 8, 8], "source": "random"}]
    assert proven["regions"] == len(found["applied"])


def test_the_same_bytes_twice_and_nothing_left_for_a_second_run(qlint: Run, digits: Path, tmp_path: Path) -> None:
    outs = [tmp_path / name for name in ("a.onnx", "b.onnx", "c.onnx")]
    for out in outs[:2]:
        assert qlint("fix", str(digits), "-o", str(out)).status == 0
    assert outs[0].read_bytes() == outs[1].read_bytes()
    again = qlint("fix", str(outs[0]), "-o", str(outs[2]), "--output-format", "json")
    assert again.status == 0 and again.json["applied"] == [] and again.json["status"] == "copied"
    assert outs[2].read_bytes() == outs[0].read_bytes()


def test_where_nothing_has_to_change_the_copy_is_the_same_to_the_byte(qlint: Run, tmp_path: Path) -> None:
    out = tmp_path / "out.onnx"
    result = qlint("fix", NOTHING_TO_DO, "-o", str(out), "--output-format", "json")
    validator(SCHEMA).validate(result.json)
    assert result.status == 0 and result.json["verification"]["scope"] == "none"
    assert out.read_bytes() == Path(NOTHING_TO_DO).read_bytes()


def test_in_place(qlint: Run, digits: Path) -> None:
    assert qlint("fix", str(digits), "--in-place").status == 0
    assert not operators(digits) & {"BatchNormalization", "Dropout"}
    os.utime(digits, ns=(1, 1))
    before = digits.read_bytes()
    again = qlint("fix", str(digits), "--in-place", "--output-format", "json")
    assert again.status == 0 and again.json["status"] == "untouched"
    assert digits.stat().st_mtime_ns == 1 and digits.read_bytes() == before


def test_a_difference_writes_nothing_and_is_exit_1(qlint: Run, digits: Path) -> None:
    before = set(digits.parent.iterdir())
    result = qlint("fix", str(digits), "--diff")
    assert result.status == 1 and set(digits.parent.iterdir()) == before
    gone = [line for line in result.out.splitlines() if line.startswith("-") and "BatchNormalization(" in line]
    assert len(gone) == 3
    assert any(line.startswith("+bn1_out = Conv(center_out, ") for line in result.out.splitlines())
    assert qlint("fix", NOTHING_TO_DO, "--diff").status == 0


def test_transforms_are_chosen_by_name(qlint: Run, digits: Path) -> None:
    arguments = ("fix", str(digits), "--diff", "--output-format", "json")
    chosen = qlint(*arguments, "--select", "remove-dropout").json
    assert {entry["transform"] for entry in chosen["applied"]} == {"remove-dropout"}
    left = [entry for entry in chosen["declined"] if entry["type"] == "batchNormalizationLayer"]
    assert len(left) == 3 and {entry["reason"] for entry in left} == {"the transform was left out"}
    ignored = qlint(*arguments, "--ignore", "remove-dropout,fold-affine").json
    assert [entry["id"] for entry in ignored["declined"] if entry["type"] == "dropoutLayer"] == ["graph/dropout_out"]


def test_every_normalization_and_dropout_that_stays_has_its_reason(qlint: Run, tmp_path: Path) -> None:
    for path in sorted(FIXTURES.glob("*.onnx")):
        out = tmp_path / path.name
        result = qlint("fix", str(path), "-o", str(out), "--output-format", "json")
        assert result.status == 0, result.err
        validator(SCHEMA).validate(result.json)
        declined = {entry["id"] for entry in result.json["declined"]}
        pending = [("graph", onnx.load(out, load_external_data=False).graph)]
        while pending:
            at, graph = pending.pop()
            for node in graph.node:
                if node.op_type in ("BatchNormalization", "Dropout"):
                    assert f"{at}/{node.output[0]}" in declined, path.name
                for attribute in node.attribute:
                    if attribute.type == onnx.AttributeProto.GRAPH:
                        pending.append((f"{at}/{node.output[0]}.{attribute.name}", attribute.g))


def test_what_cannot_be_run_as_a_whole_is_proven_by_regions(qlint: Run, tmp_path: Path) -> None:
    out = str(tmp_path / "out.onnx")
    result = qlint("fix", str(FIXTURES / "dropout_training.onnx"), "-o", out, "--output-format", "json")
    proven = result.json["verification"]
    assert proven["scope"] in ("regions", "none")
    if proven["scope"] == "regions":
        assert "random by nature" in proven["reason"]


def test_a_rewrite_that_is_not_proven_is_refused(qlint: Run, digits: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fold with a wrong epsilon, as other tools have it, must not get through."""
    from qlint.transforms import registry
    from qlint.transforms.patch import AddTensor, Patch

    right = registry.load("fuse-batch-normalization")

    class Wrong:
        name = right.name

        def find(self, context):  # type: ignore[no-untyped-def]
            for entry in right.find(context):
                if isinstance(entry, Patch):
                    operations = tuple(
                        AddTensor(o.graph, o.name, o.values * np.float32(1.00001)) if isinstance(o, AddTensor) else o
                        for o in entry.operations
                    )
                    entry = Patch(
                        entry.transform, entry.klass, entry.id, entry.type, entry.title, operations,
                        entry.inputs, entry.outputs, entry.graph,
                    )  # fmt: skip
                yield entry

    load = registry.load
    monkeypatch.setattr(registry, "load", lambda name: Wrong() if name == right.name else load(name))
    result = qlint("fix", str(digits), "--output-format", "json")
    assert result.status == 2 and "is not proven" in result.err and "nothing was written" in result.err
    validator(SCHEMA).validate(result.json)
    assert result.json["status"] == "refused" and result.json["out"] is None
    assert not digits.with_name("digits.fixed.onnx").exists()
    assert qlint("fix", str(digits)).status == 2


def test_a_rewrite_whose_region_cannot_be_computed_is_declined_and_the_others_are_done(
    qlint: Run, digits: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from qlint.verify import regions

    prove = regions.prove

    def cannot(model, graph, patch, *rest):  # type: ignore[no-untyped-def]
        if patch.id.endswith("bn2_out"):
            return regions.RegionProof(np.inf, np.inf, "it cannot be computed: no", computed=False)
        return prove(model, graph, patch, *rest)

    monkeypatch.setattr(regions, "prove", cannot)
    result = qlint("fix", str(digits), "--select", "fuse-batch-normalization", "--output-format", "json")
    assert result.status == 0 and len(result.json["applied"]) == 2
    assert [node.op_type for node in onnx.load(result.json["out"]).graph.node].count("BatchNormalization") == 1
    (left,) = [entry for entry in result.json["declined"] if entry["id"].endswith("bn2_out")]
    assert "could not be proven: it cannot be computed: no" in left["reason"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-e", "all", "-e", "matlab", "--in-place", "--diff"], "--diff"),
        (["--select", "fuse-batch-normalisation"], "fuse-batch-normalization"),
        (["-e", "matlub"], "matlab"),
        (["--tolerance", "-1"], "positive"),
        (["--data", "none.npz"], "the data cannot be read"),
        (["--output-format", "html"], "html"),
    ],
)
def test_usage_errors(qlint: Run, digits: Path, arguments: list[str], said: str) -> None:
    result = qlint("fix", str(digits), *arguments)
    assert result.status == 2 and said in result.err and not result.out
    assert not digits.with_name("digits.fixed.onnx").exists()


def test_out_must_not_be_the_model(qlint: Run, digits: Path) -> None:
    before = digits.read_bytes()
    result = qlint("fix", str(digits), "-o", str(digits))
    assert result.status == 2 and "--in-place" in result.err and digits.read_bytes() == before


def test_an_unreadable_model(qlint: Run, tmp_path: Path) -> None:
    (tmp_path / "bad.onnx").write_bytes(b"\x08\x08nonsense")
    result = qlint("fix", str(tmp_path / "bad.onnx"))
    assert result.status == 2 and result.err.startswith("qlint: error: ") and "Traceback" not in result.err


def test_a_lossy_rewrite_is_not_called_the_same(qlint: Run, tmp_path: Path) -> None:
    model = onnx.parser.parse_model(
        '<ir_version: 8, opset_import: ["": 17]> g (float[2, 8] x) => (float[2, 8] y)'
        " <float z = {0}, float c = {0.25}> { y = Clip(x, z, c) }"
    )
    onnx.save(model, tmp_path / "m.onnx")
    out = str(tmp_path / "o.onnx")
    assert qlint("fix", str(tmp_path / "m.onnx"), "-o", out, "--select", "relu6-to-relu").status == 2
    result = qlint("fix", str(tmp_path / "m.onnx"), "-o", out, "--unsafe")
    assert result.status == 0 and "NOT THE SAME FUNCTION: 1 lossy rewrite" in result.out
    found = qlint("fix", str(tmp_path / "m.onnx"), "-o", out, "--unsafe", "--output-format", "json").json
    validator(SCHEMA).validate(found)
    assert [entry["class"] for entry in found["applied"]] == ["lossy"]
    assert found["verification"]["bound"] is None and found["verification"]["error"] > 0.25
    assert operators(Path(out)) == {"Relu"}


def test_onnxruntime_runs_the_whole_network(qlint: Run, digits: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from qlint.numeric.ort import Session

    runs: list[str] = []
    run = Session.run
    monkeypatch.setattr(Session, "run", lambda self, *rest: runs.append("") or run(self, *rest))
    found = qlint("fix", str(digits), "--backend", "ort", "--output-format", "json").json
    assert len(runs) >= 2 and found["verification"]["scope"] == "network"
    assert found["verification"]["regions"] == len(found["applied"]) > 0
    fixed = str(digits.with_name("digits.fixed.onnx"))
    assert qlint("verify", str(digits), fixed, "--backend", "ort").status == 0
    assert qlint("verify", str(digits), fixed, "--backend", "orc").status == 2
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    without = qlint("fix", str(digits), "--backend", "ort")
    assert without.status == 2 and "pip install 'onnx-qlint[ort]'" in without.err


def test_quiet(qlint: Run, digits: Path) -> None:
    shown = qlint("fix", str(digits), "--diff", "-q")
    assert shown.status == 1 and shown.out.startswith("--- ") and "Rewritten" not in shown.out
    written = qlint("fix", str(digits), "-q")
    assert written.status == 0 and not written.out and digits.with_name("digits.fixed.onnx").exists()


def test_sizes_may_be_bound(qlint: Run, tmp_path: Path) -> None:
    model = onnx.parser.parse_model(
        '<ir_version: 8, opset_import: ["": 17]> g (float[N, M] x) => (float[N, M] y) { y = Dropout(x) }'
    )
    onnx.save(model, tmp_path / "m.onnx")
    arguments = ("fix", str(tmp_path / "m.onnx"), "-o", str(tmp_path / "o.onnx"), "--output-format", "json")
    found = qlint(*arguments, "--bind", "N=2", "--bind", "M=7").json
    assert found["verification"]["inputs"][0]["shape"] == [2, 7]
    result = qlint(*arguments, "--bind", "K=2")
    assert result.status == 2 and "'K'" in result.err
