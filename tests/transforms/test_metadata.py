"""The model's metadata as patches change it: applied, undone, saved, written, and refused when stale."""

from __future__ import annotations

import json
from pathlib import Path

import onnx
import pytest

from qlint.errors import StalePatchError
from qlint.files.onnx_file import read_model
from qlint.files.write import write_model
from qlint.transforms.apply import apply, editable
from qlint.transforms.inverse import invert
from qlint.transforms.patch import Patch, SetMetadata
from qlint.transforms.patchfile import apply_file, load, save
from tests.transforms.trivial import conv_network

OPERATIONS = (SetMetadata("new", "1"), SetMetadata("old", "ü"), SetMetadata("gone", None), SetMetadata("never", None))
PATCH = Patch("t", "exact", "graph/y", "Relu", "metadata", OPERATIONS, (), (), "graph")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    model = conv_network()
    onnx.helper.set_model_props(model, {"kept": "0", "old": "a", "gone": "b"})
    onnx.save(model, tmp_path / "m.onnx")
    return tmp_path / "m.onnx"


def written(path: Path) -> dict[str, str]:
    return {entry.key: entry.value for entry in onnx.load(path).metadata_props}


def test_it_is_written_and_undone(path: Path) -> None:
    model = read_model(path)
    changed = editable(model)
    applied = apply(changed, PATCH)
    assert model.metadata == {"kept": "0", "old": "a", "gone": "b"}
    out = path.with_name("o.onnx")
    write_model(path, changed, out)
    assert written(out) == {"kept": "0", "old": "ü", "new": "1"}
    apply(changed, invert(applied))
    assert changed.metadata == model.metadata
    write_model(path, changed, out)
    assert out.read_bytes() == path.read_bytes()


def test_it_is_saved_and_applied(path: Path) -> None:
    model = read_model(path)
    save(path.with_name("p.json"), model, [apply(editable(model), PATCH)])
    assert load(path.with_name("p.json"))[1][0].operations == OPERATIONS
    assert apply_file(path.with_name("p.json"), model).model.metadata == {"kept": "0", "old": "ü", "new": "1"}


@pytest.mark.parametrize(("place", "value"), [(0, "x"), (1, "x"), (1, None), (3, "x")])
def test_it_is_refused_where_the_metadata_are_others(path: Path, place: int, value: str | None) -> None:
    model = read_model(path)
    file = path.with_name("p.json")
    save(file, model, [apply(editable(model), PATCH)])
    document = json.loads(file.read_bytes())
    document["patches"][0]["operations"][place]["expect"]["value"] = value
    file.write_text(json.dumps(document))
    with pytest.raises(StalePatchError, match=f"the metadata '{OPERATIONS[place].key}' is not what"):
        apply_file(file, model)
