"""Models written back: what was not touched stays, weights are copied, files appear whole."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.helper as oh
import pytest

from qlint.errors import ModelError, OutputError
from qlint.files.onnx_file import read_model
from qlint.files.protos import KEY
from qlint.files.write import copy_model, write_model
from qlint.transforms.apply import apply, editable
from qlint.transforms.base import Transform
from qlint.transforms.patch import AddTensor, Patch, SetInputs
from qlint.transforms.run import prepare
from tests.transforms.trivial import DoubleWeights, DropIdentity, LeakyRelu, conv_network, network, run

FIXTURES = sorted((Path(__file__).resolve().parents[2] / "fixtures").glob("*.onnx"))
FOLDER = os.environ.get("QLINT_MODELS")
ALL = [*FIXTURES, *(sorted(Path(FOLDER).rglob("*.onnx")) if FOLDER else [])]


def written(path: Path, *transforms: Transform, out: Path) -> int:
    """Transform and write; returns the number of rewrites."""
    prepared = prepare(read_model(path), transforms)
    write_model(path, prepared.model, out)
    return len(prepared.applied)


def saved(proto: onnx.ModelProto, path: Path) -> Path:
    onnx.save(proto, path)
    return path


def passes(path: Path) -> bool:
    try:
        onnx.checker.check_model(str(path), full_check=True)
    except Exception:
        return False
    return True


@pytest.mark.parametrize("path", ALL, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_every_model_is_written_back(path: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.onnx"
    assert written(path, out=out) == 0
    assert out.read_bytes() == path.read_bytes()
    # A change of the metadata alone has everything else written through the editor.
    model = editable(read_model(path))
    model.metadata["note"] = "x"
    write_model(path, model, out)
    expected = onnx.load(path)
    expected.metadata_props.add(key="note", value="x")
    assert onnx.load(out) == expected
    # And an edit of every Relu and convolution.
    count = written(path, LeakyRelu(), DoubleWeights(), out=out)
    assert count == 0 or passes(out) or not passes(path)
    one, other = onnx.load(path), onnx.load(out)
    for field in ("opset_import", "functions", "producer_name", "ir_version", "doc_string", "training_info"):
        assert getattr(one, field) == getattr(other, field)
    assert _inputs(one) == _inputs(other)
    assert list(one.graph.output) == list(other.graph.output)
    # Constants go with their last reader, computed ones too.
    touched = ("Relu", "Conv", "MatMul", "Constant", "ConstantOfShape")
    untouched = [node for node in one.graph.node if node.op_type not in touched]
    kept = {node.SerializeToString(deterministic=True) for node in other.graph.node}
    calls = {function.name for function in one.functions}
    for node in untouched:
        inner = any(a.HasField("g") or a.graphs for a in node.attribute)
        assert inner or node.op_type in calls or node.SerializeToString(deterministic=True) in kept
    if count and path.parent.name == "fixtures":
        try:
            before = run(path)
        except Exception:
            return  # onnxruntime does not run this one, or not on these inputs
        for wanted, got in zip(before, run(out), strict=True):
            np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("ir", [3, 8, 10])
@pytest.mark.parametrize("size", [3, 9])
def test_an_edit(tmp_path: Path, ir: int, size: int) -> None:
    proto = conv_network(size, ir)
    if ir == 3:
        proto.graph.input.add().CopyFrom(oh.make_tensor_value_info("w", onnx.TensorProto.FLOAT, [4, 4, size, size]))
        proto.opset_import[0].version = 8
    proto.graph.value_info.add().CopyFrom(oh.make_tensor_value_info("a", onnx.TensorProto.FLOAT, [1, 4, 6, 6]))
    path, out = saved(proto, tmp_path / "in.onnx"), tmp_path / "out.onnx"
    assert written(path, DoubleWeights(), LeakyRelu(), out=out) == 3
    onnx.checker.check_model(str(out), full_check=True)
    np.testing.assert_allclose(run(out)[0], run(path)[0], rtol=1e-5, atol=1e-5)
    result = onnx.load(out)
    assert [node.op_type for node in result.graph.node] == ["Conv", "Mul", "LeakyRelu", "Conv", "Mul"]
    assert result.graph.node[0].doc_string == "kept" and result.graph.node[2].name == "act"
    assert result.graph.doc_string == "of a test"
    assert "w" not in [tensor.name for tensor in result.graph.initializer]
    names = {node.op_type: {p.key: p.value for p in node.metadata_props} for node in result.graph.node}
    if ir >= 10:
        assert names == {
            op: {KEY: name}
            for op, name in (("Conv", "double-weights"), ("Mul", "double-weights"), ("LeakyRelu", "leaky-relu"))
        }
    else:
        assert not any(names.values())
        assert {p.key: p.value for p in result.metadata_props} == {KEY: "double-weights, leaky-relu"}
    # The same input, the same bytes; and nothing but the result lies there.
    written(path, DoubleWeights(), LeakyRelu(), out=tmp_path / "again.onnx")
    assert out.read_bytes() == (tmp_path / "again.onnx").read_bytes()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["again.onnx", "in.onnx", "out.onnx"]


def test_value_info_of_tensors_that_went_goes(tmp_path: Path) -> None:
    proto = network(oh.make_node("Identity", ["x"], ["gone"]), oh.make_node("Relu", ["gone"], ["y"]))
    proto.graph.value_info.add().CopyFrom(oh.make_tensor_value_info("gone", onnx.TensorProto.FLOAT, [1, 4, 6, 6]))
    proto.graph.quantization_annotation.add(tensor_name="gone")
    path, out = saved(proto, tmp_path / "in.onnx"), tmp_path / "out.onnx"
    assert written(path, DropIdentity(), out=out) == 1
    result = onnx.load(out)
    assert not result.graph.value_info and not result.graph.quantization_annotation
    assert result.graph.node[0] == oh.make_node("Relu", ["x"], ["y"])


def test_in_place_and_unknown_fields(tmp_path: Path) -> None:
    path = tmp_path / "in.onnx"
    unknown = b"\xfa\x3e\x03abc"  # field 1007, as a newer onnx may bring
    path.write_bytes(conv_network(9).SerializeToString() + unknown)
    expected = run(path)
    assert written(path, LeakyRelu(), out=path) == 1
    assert unknown in path.read_bytes()
    np.testing.assert_array_equal(run(path)[0], expected[0])


@pytest.mark.parametrize("field", ["float_data", "raw_data"])
def test_data_stays_in_its_field(tmp_path: Path, field: str) -> None:
    weights = np.arange(4 * 4 * 81, dtype=np.float32).reshape(4, 4, 9, 9)
    proto = conv_network(9)
    if field == "float_data":
        proto.graph.initializer[0].CopyFrom(oh.make_tensor("w", 1, weights.shape, weights.ravel()))
    path, out = saved(proto, tmp_path / "in.onnx"), tmp_path / "out.onnx"
    assert written(path, LeakyRelu(), out=out) == 1
    assert onnx.load(out).graph.initializer[0] == proto.graph.initializer[0]


def test_external_data_stays_external(tmp_path: Path) -> None:
    folder, other = tmp_path / "one", tmp_path / "two"
    folder.mkdir()
    other.mkdir()
    proto = conv_network(9)
    extra = onnx.numpy_helper.from_array(np.ones((4, 64, 6, 6), np.float32), "k")
    proto.graph.initializer.append(extra)
    proto.graph.node.add().CopyFrom(oh.make_node("Conv", ["x", "k2"], ["unused"]))
    proto.graph.node.pop()
    path = folder / "in.onnx"
    onnx.save(proto, path, save_as_external_data=True, location="in.data", size_threshold=100)
    for out in (folder / "out.onnx", other / "out.onnx"):
        assert written(path, DoubleWeights(), out=out) == 2
        onnx.checker.check_model(str(out), full_check=True)
        np.testing.assert_allclose(run(out)[0], run(path)[0], rtol=1e-5, atol=1e-5)
        (data,) = out.parent.glob("out.*.data")
        assert out.stat().st_size < 4096
        locations = {t.name: t.external_data[0].value for t in _raw(out).graph.initializer if t.external_data}
        assert locations == {"k": "in.data", "a.weight": data.name, "y.weight": data.name}
        assert (out.parent / "in.data").read_bytes() == (folder / "in.data").read_bytes()
    assert sorted(f.name for f in other.iterdir()) == sorted(["in.data", data.name, "out.onnx"])
    # Again: nothing piles up, and the same bytes.
    before = {file.name: file.read_bytes() for file in other.iterdir()}
    written(path, DoubleWeights(), out=other / "out.onnx")
    assert {file.name: file.read_bytes() for file in other.iterdir()} == before
    data.write_bytes(data.read_bytes()[:-1] + b"?")
    with pytest.raises(OutputError, match="another file"):
        written(path, DoubleWeights(), out=other / "out.onnx")
    # Another file in the way is not overwritten.
    (other / "in.data").write_bytes(b"something else")
    with pytest.raises(OutputError, match="another file"):
        written(path, LeakyRelu(), out=other / "out.onnx")
    assert (other / "in.data").read_bytes() == b"something else"


def test_subgraphs_are_edited(tmp_path: Path) -> None:
    weights = np.random.default_rng(0).normal(size=(4, 4, 9, 9)).astype(np.float32)
    made = onnx.numpy_helper.from_array(weights, "w")
    outputs = [oh.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in ("t", "e")]
    conv = oh.make_node("Conv", ["x", "w"], ["t"], pads=[4] * 4)
    then = oh.make_graph([conv], "then", [], outputs[:1], [made])
    other = oh.make_graph([oh.make_node("Relu", ["x"], ["e"], doc_string="kept")], "else", [], outputs[1:])
    proto = network(
        oh.make_node("If", ["c"], ["y"], then_branch=then, else_branch=other), weights={"c": np.asarray(True)}
    )
    path, out = saved(proto, tmp_path / "in.onnx"), tmp_path / "out.onnx"
    assert written(path, DoubleWeights(), LeakyRelu(), out=out) == 2
    onnx.checker.check_model(str(out), full_check=True)
    np.testing.assert_allclose(run(out)[0], run(path)[0], rtol=1e-5, atol=1e-5)
    branches = {a.name: [n.op_type for n in a.g.node] for a in onnx.load(out).graph.node[0].attribute}
    assert branches == {"then_branch": ["Conv", "Mul"], "else_branch": ["LeakyRelu"]}


def test_a_model_that_changed_since_is_refused(tmp_path: Path) -> None:
    path = saved(conv_network(), tmp_path / "in.onnx")
    model = prepare(read_model(path), [LeakyRelu()]).model
    saved(conv_network(5), path)
    with pytest.raises(ModelError, match="changed since"):
        write_model(path, model, tmp_path / "out.onnx")
    assert not (tmp_path / "out.onnx").exists()


def test_places_that_cannot_be_written(tmp_path: Path) -> None:
    path = saved(conv_network(), tmp_path / "in.onnx")
    for out in (tmp_path, tmp_path / "no" / "such" / "folder.onnx"):
        with pytest.raises(OutputError):
            copy_model(path, out)
    assert [file.name for file in tmp_path.iterdir()] == ["in.onnx"]


def test_permissions_of_a_replaced_file_stay(tmp_path: Path) -> None:
    path = saved(conv_network(), tmp_path / "in.onnx")
    path.chmod(0o640)
    written(path, LeakyRelu(), out=path)
    assert path.stat().st_mode & 0o777 == 0o640


def test_killed_at_any_moment_a_whole_file_is_there(tmp_path: Path) -> None:
    proto = conv_network(9)
    filler = np.random.default_rng(1).normal(size=(1 << 20,)).astype(np.float32)
    proto.graph.initializer.append(onnx.numpy_helper.from_array(filler, "filler"))
    path, out = saved(proto, tmp_path / "in.onnx"), tmp_path / "out.onnx"
    written(path, LeakyRelu(), out=out)
    new = out.read_bytes()
    old = b"the old file"
    script = textwrap.dedent("""
        import sys
        from pathlib import Path
        from qlint.files.onnx_file import read_model
        from qlint.files.write import write_model
        from qlint.transforms.run import prepare
        from tests.transforms.trivial import LeakyRelu
        path, out = Path(sys.argv[1]), Path(sys.argv[2])
        model = prepare(read_model(path), [LeakyRelu()]).model
        print("ready", flush=True)
        while True:
            write_model(path, model, out)
    """)
    for attempt in range(10):
        out.write_bytes(old)
        child = subprocess.Popen([sys.executable, "-c", script, path, out], stdout=subprocess.PIPE)
        assert child.stdout is not None and child.stdout.readline() == b"ready\n"
        if attempt < 9:
            time.sleep(attempt * 0.004)
        else:  # at last one that got through
            while out.stat().st_size != len(new):
                assert child.poll() is None
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
        assert out.read_bytes() in (old, new)
    assert out.read_bytes() == new


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="asks Linux for the peak of the memory")
def test_a_large_model_is_not_held_in_memory(tmp_path: Path) -> None:
    """1.9 GB of zeros in one initializer, in a sparse file."""
    size = 1_900_000_000
    proto = conv_network()
    head = proto.SerializeToString()
    tensor = onnx.TensorProto(name="big", data_type=onnx.TensorProto.UINT8, dims=[size]).SerializeToString()
    body = tensor + b"\x4a" + _varint(size)  # raw_data
    entry = b"\x2a" + _varint(len(body) + size) + body  # an initializer of the graph, which goes on in a second record
    path, out = tmp_path / "in.onnx", tmp_path / "out.onnx"
    with open(path, "wb") as file:
        file.write(head + b"\x3a" + _varint(len(entry) + size) + entry)
        file.truncate(file.tell() + size)
    script = textwrap.dedent("""
        import sys
        from pathlib import Path
        from qlint.files.onnx_file import read_model
        from qlint.files.write import write_model
        from qlint.transforms.run import prepare
        from tests.transforms.trivial import LeakyRelu
        model = prepare(read_model(Path(sys.argv[1])), [LeakyRelu()]).model
        write_model(Path(sys.argv[1]), model, Path(sys.argv[2]))
        # Not ru_maxrss, which a child takes over from its parent.
        print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
    """)
    shown = subprocess.run([sys.executable, "-c", script, path, out], check=True, capture_output=True, text=True)
    assert out.stat().st_size > size
    assert int(shown.stdout) < 500_000  # KiB
    assert [t.name for t in read_model(out).graph.initializers.values()] == ["w", "big"]
    out.unlink()


def test_new_initializers_of_a_body_before_ir_4_are_constants(tmp_path: Path) -> None:
    outputs = [oh.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, 4, 6, 6]) for name in ("t", "e")]
    then = oh.make_graph([oh.make_node("Add", ["x", "x"], ["t"])], "then", [], outputs[:1])
    other = oh.make_graph([oh.make_node("Relu", ["x"], ["e"])], "else", [], outputs[1:])
    proto = network(
        oh.make_node("If", ["c"], ["y"], then_branch=then, else_branch=other),
        weights={"c": np.asarray(True)}, ir=3, opset=8,
    )  # fmt: skip
    proto.graph.input.add().CopyFrom(oh.make_tensor_value_info("c", onnx.TensorProto.BOOL, []))
    path, out = saved(proto, tmp_path / "in.onnx"), tmp_path / "out.onnx"
    model = editable(read_model(path))
    branch = "graph/y.then_branch"
    operations = (
        AddTensor(branch, "one", np.ones((1, 4, 6, 6), np.float32)),
        SetInputs(f"{branch}/t", ("x", "one")),
    )
    apply(model, Patch("t", "lossy", f"{branch}/t", "Add", "", operations, (), (), branch))
    write_model(path, model, out)
    onnx.checker.check_model(str(out), full_check=True)
    branches = {a.name: [n.op_type for n in a.g.node] for a in onnx.load(out).graph.node[0].attribute}
    assert branches == {"then_branch": ["Constant", "Add"], "else_branch": ["Relu"]}
    assert np.isfinite(run(out)[0]).all()


def _inputs(model: onnx.ModelProto) -> list[onnx.ValueInfoProto]:
    """What a caller must give; until IR 3 initializers are inputs, too."""
    made = {tensor.name for tensor in model.graph.initializer}
    return [value for value in model.graph.input if model.ir_version >= 4 or value.name not in made]


def _raw(path: Path) -> Any:
    return onnx.load(path, load_external_data=False)


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])
