"""What `qlint fix` costs.

`python -m benchmarks.fix_speed FOLDER` prints a table; FOLDER keeps the models between runs (7.5 GB on disk). ResNet-50
is made by `python tools/get_models.py --resnet50 FOLDER`; without it those rows are left out. All figures are of whole
processes; every ratio compares two commands run in turn, with the least time of each, since other work on the machine
only ever adds.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import models
from benchmarks.check_speed import QLINT, row
from benchmarks.kernel_speed import settings
from benchmarks.timing import Run, run

PRE_PROCESS = "from onnxruntime.quantization.shape_inference import quant_pre_process as p; p({!r}, {!r}{})"
COPY = "cp {0}.data {1}.data && cp {0}.onnx {1}.onnx && sync {1}.data {1}.onnx"


def least(commands: list[list[str]], runs: int = 7) -> list[Run]:
    """The fastest of several runs of each command, run in turn after a warm-up."""
    found: list[list[Run]] = [[] for _ in commands]
    for _ in range(runs + 1):
        for command, times in zip(commands, found, strict=True):
            times.append(run(command))
            if times[-1].status != 0:
                raise SystemExit(f"a command failed: {command} -> {times[-1].status}")
    return [min(times[1:], key=lambda one: one.seconds) for times in found]


def resnet(model: Path, out: Path) -> None:
    """All rewrites of the MATLAB environment, with proof, against onnxruntime's preparation."""
    prepared = str(out / "ort.onnx")
    fix, full, quick = least(
        [
            [QLINT, "fix", str(model), "-o", str(out / "fixed.onnx")],
            [sys.executable, "-c", PRE_PROCESS.format(str(model), prepared, "")],
            [sys.executable, "-c", PRE_PROCESS.format(str(model), prepared, ", skip_symbolic_shape=True")],
        ]
    )
    for name, other in (("quant_pre_process", full), ("the same, skip_symbolic_shape", quick)):
        ratio = f"{fix.seconds / other.seconds:.2f} ({fix.seconds:.2f} s : {other.seconds:.2f} s)"
        row(f"ResNet-50, 102 MB : {name}", ratio, "2")
    row("ResNet-50, 102 MB, peak", f"{fix.megabytes:.0f} MB", "1500 MB")


def dropout(folder: Path, out: Path) -> None:
    """Dropout removal from a large model, in its own folder and into another one, against a copy of its files."""
    model = Path(models.made(folder, "dropouts", partial(models.dropouts, megabytes=2500)))
    beside = model.with_name("dropouts.fixed.onnx")
    only = ["--select", "remove-dropout"]
    copy, away, near = least(
        [
            ["sh", "-c", f"rm -f {out}/*; {COPY.format(model.with_suffix(''), out / 'copy')}"],
            ["sh", "-c", f"rm -f {out}/*; {QLINT} fix {model} -o {out / 'fixed.onnx'} {' '.join(only)}"],
            [QLINT, "fix", str(model), "-o", str(beside), *only],
        ],
        runs=3,
    )
    beside.unlink()
    ratio = f"{away.seconds / copy.seconds:.2f} ({away.seconds:.2f} s : {copy.seconds:.2f} s)"
    row("2.5 GB, dropout removed, into another folder : cp and sync", ratio, "")
    row("2.5 GB, dropout removed, in the same folder", f"{near.seconds:.2f} s, {near.megabytes:.0f} MB", "")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    folder: Path = parser.parse_args().folder
    settings()
    print("| what | measured | at most |\n|---|---|---|")
    with TemporaryDirectory(dir=folder) as name:
        out = Path(name)
        model = folder / "resnet50.onnx"
        if model.exists():
            resnet(Path(shutil.copy(model, out)), out)
        dropout(folder, out)


if __name__ == "__main__":
    main()
