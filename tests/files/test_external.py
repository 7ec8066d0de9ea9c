"""The model file itself and its external data: what is read, what is refused and never opened."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.external_data_helper import convert_model_to_external_data

from qlint.errors import ExternalDataError, LfsPointerError, ModelError
from qlint.files.external import ExternalFiles
from qlint.files.source import Source
from qlint.files.tensors import Tensor
from qlint.files.wire import strip
from tests.files.handmade import model_of, protos, read

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 12345\n"
ARRAY = np.arange(4, dtype=np.float32)


def tensor(location: str | None = "w.data", array: np.ndarray = ARRAY, **entries: object) -> TensorProto:
    """A tensor whose data is external."""
    found = TensorProto(
        name="w",
        data_type=helper.np_dtype_to_tensor_dtype(array.dtype),
        dims=array.shape,
        data_location=TensorProto.EXTERNAL,
    )
    for key, value in {"location": location, **entries}.items():
        if value is not None:
            found.external_data.add(key=key, value=str(value))
    return found


def located(folder: Path, proto: TensorProto) -> Tensor:
    """The tensor of a model in this folder."""
    (found,) = read(model_of(proto).SerializeToString(), folder / "m.onnx")[2]
    return found


def opened(path: Path) -> list[Tensor]:
    """Every tensor of a model on disk."""
    with Source.open(path) as source:
        stripped = strip(source.buffer)
    external = ExternalFiles(source)
    model = onnx.ModelProto.FromString(stripped.content)
    return [Tensor.from_proto(proto, stripped, source, external) for proto in protos(model)]


@pytest.mark.parametrize("one_file", [True, False])
def test_one_file_and_many(tmp_path: Path, one_file: bool) -> None:
    arrays = [np.arange(size, dtype=np.float32) + size for size in (1, 300, 70, 5000)]
    model = model_of(*(numpy_helper.from_array(array, f"w{array.size}") for array in arrays))
    convert_model_to_external_data(model, one_file, "weights.bin" if one_file else None, size_threshold=0)
    onnx.save(model, tmp_path / "m.onnx")
    assert len(list(tmp_path.iterdir())) == (2 if one_file else 5)
    found = {tensor.name: tensor for tensor in opened(tmp_path / "m.onnx")}
    for array in arrays:
        assert np.array_equal(found[f"w{array.size}"].values(), array)


@pytest.mark.parametrize("array", [ARRAY, np.arange(7).astype(np.int64), ARRAY.astype(np.float16)])
@pytest.mark.parametrize("offset", [None, 0, 4096])
@pytest.mark.parametrize("length", [True, False])
def test_offsets_and_lengths(tmp_path: Path, array: np.ndarray, offset: int | None, length: bool) -> None:
    (tmp_path / "w.data").write_bytes(b"\xff" * (offset or 0) + array.tobytes())
    proto = tensor(array=array, offset=offset, length=array.nbytes if length else None)
    assert np.array_equal(located(tmp_path, proto).values(), array)


def test_narrow_types(tmp_path: Path) -> None:
    proto = TensorProto(name="w", data_type=TensorProto.INT4, dims=[3], data_location=TensorProto.EXTERNAL)
    proto.external_data.add(key="location", value="w.data")
    (tmp_path / "w.data").write_bytes(b"\x21\x0f")
    assert located(tmp_path, proto).values().astype(int).tolist() == [1, 2, -1]


def test_subfolders_and_odd_names(tmp_path: Path) -> None:
    for name in ("a/b/w.data", "./x", "a/../y", "..z", "ü ñ", "ab:c"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(ARRAY.tobytes())
        assert np.array_equal(located(tmp_path, tensor(name)).values(), ARRAY)


def test_entries_without_external_location_are_ignored(tmp_path: Path) -> None:
    proto = numpy_helper.from_array(ARRAY, "w")
    proto.external_data.add(key="location", value="/etc/passwd")
    assert np.array_equal(located(tmp_path, proto).values(), ARRAY)
    large = numpy_helper.from_array(np.arange(1000, dtype=np.float32), "w")
    large.external_data.add(key="location", value="/etc/passwd")
    assert np.array_equal(located(tmp_path, large).values(), np.arange(1000))


def test_zero_elements(tmp_path: Path) -> None:
    (tmp_path / "w.data").write_bytes(b"")
    assert located(tmp_path, tensor(array=np.empty((0, 3), np.float32))).values().shape == (0, 3)


def test_link_farms_of_model_caches(tmp_path: Path) -> None:
    blobs, snapshot = tmp_path / "blobs", tmp_path / "snapshots" / "1"
    blobs.mkdir()
    snapshot.mkdir(parents=True)
    (blobs / "aaaa").write_bytes(model_of(tensor("weights/w.data")).SerializeToString())
    (blobs / "bbbb").write_bytes(ARRAY.tobytes())
    (snapshot / "weights").mkdir()
    (snapshot / "m.onnx").symlink_to("../../blobs/aaaa")
    (snapshot / "weights" / "w.data").symlink_to("../../../blobs/bbbb")
    (found,) = opened(snapshot / "m.onnx")
    assert np.array_equal(found.values(), ARRAY)


def test_a_link_to_the_model_alone(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "m.onnx").write_bytes(model_of(tensor()).SerializeToString())
    (tmp_path / "real" / "w.data").write_bytes(ARRAY.tobytes())
    (tmp_path / "link.onnx").symlink_to("real/m.onnx")
    (found,) = opened(tmp_path / "link.onnx")
    assert np.array_equal(found.values(), ARRAY)


def test_the_folder_may_be_reached_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "m.onnx").write_bytes(model_of(tensor()).SerializeToString())
    (tmp_path / "real" / "w.data").write_bytes(ARRAY.tobytes())
    (tmp_path / "link").symlink_to("real")
    (found,) = opened(tmp_path / "link" / "m.onnx")
    assert np.array_equal(found.values(), ARRAY)


REFUSED = {
    "missing.data": "does not exist",
    "folder/missing": "does not exist",
    "w.data/below": "does not exist|cannot be reached",
    "": "names no file",
    "w\0.data": "names no file",
    "/etc/passwd": "absolute",
    "//server/share": "absolute",
    "\\\\server\\share": "absolute",
    "C:/w.data": "absolute",
    "c:w.data": "absolute",
    "C:\\w.data": "absolute",
    "/dev/zero": "absolute",
    "/proc/self/environ": "absolute",
    "../secret": "climbs out",
    "..": "climbs out",
    "folder/../../secret": "climbs out",
    "..\\secret": "climbs out",
    "folder\\..\\..\\secret": "climbs out",
    "folder\\w.data": "backslash",
    "../models-too/secret": "climbs out",
    "link": "leads out",
    "links/secret": "leads out",
    "links/models-too/secret": "leads out",
    "device": "leads out",
    "proc": "leads out",
    "dangling": "link to a file that does not exist",
    "loop": "cannot be reached",
    "folder": "is a folder",
    ".": "is a folder",
    "pipe": "is a named pipe",
    "to pipe": "is a named pipe",
    "x" * 5000: "does not exist|cannot be reached",
    "\ud800": "",
}


@pytest.mark.usefixtures("no_opening")
@pytest.mark.parametrize("location", [location for location in REFUSED if location != "\ud800"])
def test_refused_and_never_opened(folder: Path, location: str) -> None:
    with pytest.raises(ExternalDataError, match=REFUSED[location]) as caught:
        located(folder, tensor(location))
    assert caught.value.code == "QL003"
    assert caught.value.remedy
    assert str(caught.value).isprintable()
    assert len(caught.value.problem) < 300


@pytest.mark.usefixtures("no_opening")
def test_locations_that_are_no_file_name(folder: Path) -> None:
    with pytest.raises(ExternalDataError):
        ExternalFiles(Source.open(folder / "m.onnx", b"x")).locate("w", "\ud800", 0, None, 4)


@pytest.mark.usefixtures("no_opening")
def test_sockets_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("s")
        with pytest.raises(ExternalDataError, match="is a socket"):
            located(tmp_path, tensor("s"))


@pytest.mark.usefixtures("no_opening")
@pytest.mark.parametrize("location", ["proc/self/environ", "proc/self/mem", "dev/zero", "dev/stdin"])
def test_a_model_in_the_root_folder(location: str) -> None:
    if not Path("/", location).exists():
        pytest.skip("there is none here")
    with pytest.raises(ExternalDataError):
        located(Path("/"), tensor(location))


EXTENTS = {
    "offset past the end": ({"offset": 3000}, "would end at byte 3016, but the file has 2000"),
    "one byte too far": ({"offset": 1985}, "would end"),
    "negative offset": ({"offset": -4}, "negative"),
    "negative length": ({"length": -16}, "negative"),
    "short length": ({"length": 12}, "12 bytes, but its type and dims need 16"),
    "long length": ({"length": 20}, "20 bytes"),
    "huge offset": ({"offset": 2**62}, "would end"),
    "offset of many digits": ({"offset": "9" * 5000}, "no number"),
    "offset in words": ({"offset": "four"}, "no number"),
    "offset with a line": ({"offset": "4\n"}, "no number"),
    "no length": ({"length": ""}, "no number"),
    "other digits": ({"offset": "\u0664"}, "no number"),
}


@pytest.mark.usefixtures("no_opening")
@pytest.mark.parametrize("case", EXTENTS)
def test_extents(folder: Path, case: str) -> None:
    entries, problem = EXTENTS[case]
    with pytest.raises(ExternalDataError, match=problem):
        located(folder, tensor(**entries))


def test_too_short(tmp_path: Path) -> None:
    (tmp_path / "w.data").write_bytes(bytes(12))
    with pytest.raises(ExternalDataError, match="would end at byte 16, but the file has 12 bytes"):
        located(tmp_path, tensor())


def test_no_location(tmp_path: Path) -> None:
    with pytest.raises(ExternalDataError, match="names no file"):
        located(tmp_path, tensor(None))


def test_external_strings(folder: Path) -> None:
    proto = tensor()
    proto.data_type = TensorProto.STRING
    with pytest.raises(ExternalDataError, match="strings"):
        located(folder, proto)


def test_data_in_both_places(folder: Path) -> None:
    proto = tensor()
    proto.raw_data = bytes(16)
    with pytest.raises(ModelError, match="both"):
        located(folder, proto)


def test_a_pointer_as_external_data(tmp_path: Path) -> None:
    (tmp_path / "w.data").write_bytes(POINTER)
    with pytest.raises(LfsPointerError, match="run git lfs pull") as caught:
        located(tmp_path, tensor())
    assert caught.value.code == "QL002"


def test_each_file_is_looked_at_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looked = []
    real = os.path.realpath
    monkeypatch.setattr(os.path, "realpath", lambda path, **more: (looked.append(path), real(path, **more))[1])
    read(model_of(*(tensor(offset=16 * i) for i in range(50))).SerializeToString(), folder / "m.onnx")
    assert len([path for path in looked if str(path).endswith("w.data")]) == 1


def test_data_that_changes_later(tmp_path: Path) -> None:
    (tmp_path / "w.data").write_bytes(ARRAY.tobytes())
    found = located(tmp_path, tensor())
    (tmp_path / "w.data").unlink()
    os.mkfifo(tmp_path / "w.data")
    with pytest.raises(ModelError, match="changed"):
        found.values()
    (tmp_path / "w.data").unlink()
    with pytest.raises(ModelError, match="cannot be read"):
        found.values()
