"""The distribution: what it needs, and that the rules travel with it."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import qlint

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_the_five_dependencies_and_no_more() -> None:
    names = {requirement.partition(">")[0] for requirement in PROJECT["dependencies"]}
    assert names == {"jsonschema", "networkx", "numpy", "onnx", "pyyaml"}
    assert (PROJECT["name"], PROJECT["requires-python"], PROJECT["license"]) == ("onnx-qlint", ">=3.11", "Apache-2.0")


def _run(arguments: list[str], folder: Path, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_an_editable_install_finds_the_rules_at_the_top_of_the_repository(tmp_path: Path) -> None:
    where = _run(["-c", "from qlint.rules.paths import shipped_rules; print(shipped_rules())"], tmp_path)
    assert Path(where.strip()) == ROOT / "rules"
    assert "MAT201" in _run(["-m", "qlint", "rule", "MAT201"], tmp_path)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, unpacked."""
    out = tmp_path_factory.mktemp("dist")
    _run(["-m", "build", "--wheel", "--outdir", str(out), str(ROOT)], out)
    unpacked = out / "unpacked"
    with zipfile.ZipFile(next(out.glob("*.whl"))) as file:
        file.extractall(unpacked)
    return unpacked


def test_a_wheel_brings_its_rules_schemas_and_type_marker(wheel: Path) -> None:
    package = wheel / "qlint"
    shipped = {path.name for path in (package / "_shipped_rules").iterdir()}
    assert shipped == {path.name for path in (ROOT / "rules").iterdir()}
    profiles = {path.name for path in (package / "_shipped_rules" / "profiles").iterdir()}
    assert profiles == {path.name for path in (ROOT / "rules" / "profiles").iterdir()} != set()
    assert (package / "py.typed").is_file()
    schemas = {path.relative_to(ROOT / "qlint") for path in (ROOT / "qlint").rglob("*.schema.json")}
    assert schemas and all((package / path).is_file() for path in schemas)
    assert not (wheel / "tests").exists()


def test_a_wheel_works_without_the_repository(wheel: Path, tmp_path: Path) -> None:
    script = "import qlint, qlint.rules.paths as p; print(qlint.__file__, p.shipped_rules())"
    package, rules = _run(["-c", script], tmp_path, PYTHONPATH=str(wheel)).split()
    assert Path(package).is_relative_to(wheel) and Path(rules).is_relative_to(wheel)
    assert "nonzero-average-pooling-padding" in _run(["-m", "qlint", "rule", "MAT201"], tmp_path, PYTHONPATH=str(wheel))
    model = ROOT / "fixtures" / "residual_add.onnx"
    assert _run(["-m", "qlint", "check", "--exit-zero", str(model)], tmp_path, PYTHONPATH=str(wheel))
    assert qlint.__version__ in next(wheel.glob("*.dist-info")).name
