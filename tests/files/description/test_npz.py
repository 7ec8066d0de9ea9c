"""Array files: read lazily, and refused where they are damaged, hostile or not what the description needs."""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qlint.errors import DescriptionError, LfsPointerError, ModelError
from qlint.files.description.read import read_description
from tests.files.description.describing import HEAD, judged

TEXT = HEAD + "weights: {}\nlayers: [{{name: fc, type: fullyConnectedLayer}}, {{name: x/y, type: preluLayer}}]\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "net.qnet.yaml").write_text(TEXT.format("net.npz"))
    return tmp_path


def save(path: Path, **arrays: Any) -> None:
    np.savez(path, **{name.replace("__", "/"): array for name, array in arrays.items()})


def member(content: bytes, name: str = "fc/Weights.npy", compression: int = zipfile.ZIP_STORED) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", compression) as archive:
        archive.writestr(name, content)
    return held.getvalue()


def npy(array: np.ndarray, *, version: tuple[int, int] | None = None, header: str | None = None) -> bytes:
    held = io.BytesIO()
    np.lib.format.write_array(held, array, version=version)
    if header is None:
        return held.getvalue()
    data = header.encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(data).to_bytes(2, "little") + data + array.tobytes()


def refused(folder: Path, words: str) -> None:
    with pytest.raises(DescriptionError) as caught:
        read_description(folder / "net.qnet.yaml")
    judged(caught.value, (2, 10), words)


@pytest.mark.parametrize("dtype", ["<f2", "<f4", "<f8", ">f4", ">f8", "int8", "uint16", "int64", "bool"])
@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("order", ["C", "F"])
def test_values_come_as_single_in_the_order_of_the_array(
    folder: Path, dtype: str, compressed: bool, order: Any
) -> None:
    array = np.asarray(np.arange(24).reshape(2, 3, 4) % 2 if dtype == "bool" else np.arange(24).reshape(2, 3, 4))
    array = np.array(array, dtype, order=order)
    (np.savez_compressed if compressed else np.savez)(folder / "net.npz", **{"fc/Weights": array})
    tensor = read_description(folder / "net.qnet.yaml").arrays.find("fc", "Weights")
    assert tensor is not None
    assert (tensor.type, tensor.shape, tensor.name) == ("float", (2, 3, 4), "fc/Weights")
    values = tensor.values()
    assert isinstance(values, np.ndarray)
    assert values.dtype == np.float32 and not values.flags.writeable
    assert np.array_equal(values, array.astype(np.float32))


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_every_version_of_the_format(folder: Path, version: tuple[int, int]) -> None:
    (folder / "net.npz").write_bytes(member(npy(np.float32([[1, 2]]), version=version)))
    tensor = read_description(folder / "net.qnet.yaml").arrays.find("fc", "Weights")
    assert tensor is not None and tensor.values().tolist() == [[1, 2]]


def test_names_may_hold_slashes_and_shapes_may_be_empty(folder: Path) -> None:
    save(folder / "net.npz", x__y__Alpha=np.float32(3), fc__Bias=np.zeros((0, 1)))
    arrays = read_description(folder / "net.qnet.yaml").arrays
    assert arrays.names() == ("fc/Bias", "x/y/Alpha")
    alpha, bias = arrays.find("x/y", "Alpha"), arrays.find("fc", "Bias")
    assert alpha is not None and alpha.values().tolist() == 3
    assert bias is not None and bias.values().shape == (0, 1)


def test_a_gigabyte_of_zeros_is_not_read(folder: Path) -> None:
    """The file is sparse: reading it whole would show in the bytes that the process has read."""
    head = npy(
        np.zeros(1 << 28, np.float32)[:0], header="{'descr': '<f4', 'fortran_order': False, 'shape': (268435456,)}"
    )
    local = bytearray(member(head))
    size = len(head) + (1 << 30)
    directory = local.index(b"PK\x01\x02")
    for at in (18, 22, directory + 20, directory + 24):
        local[at : at + 4] = size.to_bytes(4, "little")
    end = local.index(b"PK\x05\x06")
    local[end + 16 : end + 20] = (directory + (1 << 30)).to_bytes(4, "little")
    with (folder / "net.npz").open("wb") as file:
        file.write(local[:directory])
        file.seek(1 << 30, os.SEEK_CUR)
        file.write(local[directory:])
    before = _read_bytes()
    description = read_description(folder / "net.qnet.yaml")
    assert _read_bytes() - before < 1 << 20
    tensor = description.arrays.find("fc", "Weights")
    assert tensor is not None and tensor.shape == (1 << 28,)


def _read_bytes() -> int:
    """Bytes that this process has read, in whatever way."""
    counters = Path("/proc/self/io")
    if not counters.exists():
        pytest.skip("the system does not count what is read")
    return int(counters.read_text().split("rchar: ")[1].split()[0])


@pytest.mark.parametrize(
    ("location", "words"),
    [
        ("missing.npz", "does not exist"),
        ("../net.npz", "climbs out"),
        ("/etc/x.npz", "absolute path"),
        ("C:x.npz", "absolute path"),
        ("'a\\b.npz'", "backslash"),
        ("net.txt", "neither an .npz nor a .mat"),
        ("net", "neither an .npz nor a .mat"),
        ("folder.npz", "a folder"),
        ("link.npz", "leads out"),
        ("dangling.npz", "does not exist"),
    ],
)
def test_a_file_that_must_not_be_read(tmp_path: Path, location: str, words: str) -> None:
    folder = tmp_path / "inside"
    (folder / "folder.npz").mkdir(parents=True)
    save(tmp_path / "outside.npz", fc__Weights=np.zeros(1))
    (folder / "link.npz").symlink_to(tmp_path / "outside.npz")
    (folder / "dangling.npz").symlink_to(folder / "gone.npz")
    (folder / "net.qnet.yaml").write_text(TEXT.format(location))
    refused(folder, words)


def test_a_git_lfs_pointer(folder: Path) -> None:
    (folder / "net.npz").write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    with pytest.raises(LfsPointerError, match="git lfs pull"):
        read_description(folder / "net.qnet.yaml")


FLOAT = np.float32([[1, 2]])
HEADER = "{'descr': %s, 'fortran_order': False, 'shape': %s}"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is no .npz file"),
        (b"not a zip file", "is no .npz file"),
        (member(npy(FLOAT))[:60], "is no .npz file"),
        (member(npy(FLOAT), "readme.txt"), "which is no array"),
        (member(b"short"), "no .npy array"),
        (member(npy(FLOAT)[:-4]), "its type and shape need 8"),
        (member(npy(FLOAT) + b"more"), "its type and shape need 8"),
        (member(npy(FLOAT, header=HEADER % ("'|O'", "(1,)"))), "pickled objects"),
        (member(npy(FLOAT, header=HEADER % ("'<c8'", "(1,)"))), "as <c8"),
        (member(npy(FLOAT, header=HEADER % ("[('a', '<f4')]", "(2,)"))), "save it as single"),
        (member(npy(FLOAT, header=HEADER % ("'<f4'", "(-1,)"))), "damaged header"),
        (member(npy(FLOAT, header=HEADER % ("'<f4'", "[2]"))), "damaged header"),
        (member(npy(FLOAT, header="__import__('os').getpid()")), "damaged header"),
        (member(npy(FLOAT, header="(" * 116)), "damaged header"),
        (member(npy(FLOAT), "nothing/Weights.npy"), "belongs to no layer"),
        (member(npy(FLOAT), "fcc/Weights.npy"), "did you mean 'fc'"),
        (member(npy(FLOAT), "Weights.npy"), "belongs to no layer"),
        (member(npy(FLOAT), "../fc/Weights.npy"), "belongs to no layer"),
    ],
)
def test_a_damaged_or_hostile_file(folder: Path, content: bytes, words: str) -> None:
    (folder / "net.npz").write_bytes(content)
    refused(folder, words)


def test_a_member_twice(folder: Path) -> None:
    with zipfile.ZipFile(folder / "net.npz", "w") as archive:
        archive.writestr("fc/Weights.npy", npy(FLOAT))
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("fc/Weights.npy", npy(FLOAT))
    refused(folder, "twice")


def test_members_that_overlap(folder: Path) -> None:
    """Both entries of the directory lead to one member: the way of zip bombs to grow without end."""
    content = bytearray(member(npy(FLOAT)))
    start, end = content.index(b"PK\x01\x02"), content.index(b"PK\x05\x06")
    entry = bytes(content[start:end])
    tail = bytearray(content[end:])
    tail[8:12] = b"\x02\x00\x02\x00"
    tail[12:16] = (2 * len(entry)).to_bytes(4, "little")
    (folder / "net.npz").write_bytes(bytes(content[:start]) + entry + entry + bytes(tail))
    refused(folder, "overlap")


def test_a_member_that_claims_more_than_deflate_can_hold(folder: Path) -> None:
    content = bytearray(member(npy(np.zeros(1000, np.float32)), compression=zipfile.ZIP_DEFLATED))
    directory = content.index(b"PK\x01\x02")
    content[directory + 24 : directory + 28] = (1 << 30).to_bytes(4, "little")
    (folder / "net.npz").write_bytes(content)
    refused(folder, "compressed")


def test_damage_that_only_reading_finds(folder: Path) -> None:
    np.savez_compressed(folder / "net.npz", **{"fc/Weights": np.random.default_rng(0).standard_normal(5000)})
    content = bytearray((folder / "net.npz").read_bytes())
    middle = len(content) // 2
    content[middle : middle + 64] = bytes(64)
    (folder / "net.npz").write_bytes(content)
    tensor = read_description(folder / "net.qnet.yaml").arrays.find("fc", "Weights")
    assert tensor is not None
    with pytest.raises(ModelError, match="damaged"):
        tensor.values()


def test_a_file_that_changes_meanwhile(folder: Path) -> None:
    save(folder / "net.npz", fc__Weights=np.zeros((2, 2)))
    tensor = read_description(folder / "net.qnet.yaml").arrays.find("fc", "Weights")
    save(folder / "net.npz", fc__Weights=np.ones((3, 3)))
    assert tensor is not None
    with pytest.raises(ModelError, match="changed"):
        tensor.values()


def test_in_the_text_and_in_the_file(folder: Path) -> None:
    save(folder / "net.npz", fc__Bias=np.zeros(2))
    text = HEAD + "weights: net.npz\nlayers: [{name: fc, type: fullyConnectedLayer, learnables: {Bias: 1}}]\n"
    (folder / "net.qnet.yaml").write_text(text)
    with pytest.raises(DescriptionError) as caught:
        read_description(folder / "net.qnet.yaml")
    judged(caught.value, (3, 67), "is also in 'net.npz'")


def test_the_digest_covers_names_and_shapes_but_not_values(folder: Path) -> None:
    def digest(**arrays: Any) -> str:
        save(folder / "net.npz", **arrays)
        return read_description(folder / "net.qnet.yaml").digest

    one = digest(fc__Weights=np.zeros((2, 3)))
    assert one == digest(fc__Weights=np.ones((2, 3)))
    assert one != digest(fc__Weights=np.zeros((3, 2)))
    assert one != digest(fc__Bias=np.zeros((2, 3)))
