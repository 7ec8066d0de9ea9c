"""What `qlint check` costs, and `qlint plan` beside it.

`python -m benchmarks.check_speed FOLDER` prints a table; FOLDER keeps the models between runs (2.5 GB on disk).
ResNet-50 is made by `python tools/get_models.py --resnet50 FOLDER`; without it those rows are left out.
onnx-doctor is compared where it is installed beside qlint. All figures are of whole processes; every ratio
compares two commands run in turn.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import sysconfig
from functools import partial
from pathlib import Path

from benchmarks import models
from benchmarks.timing import compare, run

SCRIPTS = Path(sysconfig.get_path("scripts"))
QLINT = str(SCRIPTS / "qlint")
IMPORTS = [sys.executable, "-c", "import onnx, networkx, numpy, yaml"]


def check(model: str) -> list[str]:
    """The command under measurement: all findings as JSON, so that ten thousand of them count."""
    return [QLINT, "check", "--output-format", "json", model]


def row(what: str, figure: str, bound: str) -> None:
    """One line of the table."""
    print(f"| {what} | {figure} | {bound} |", flush=True)


def start_up() -> None:
    """Commands that need no model."""
    for arguments, bound in ((["--help"], "0.100 s"), (["rule", "MAT201"], "0.150 s")):
        found = compare([QLINT, *arguments], [sys.executable, "-c", "pass"])
        row(f"`qlint {' '.join(arguments)}`", f"{found.seconds:.3f} s, {found.ratio:.1f} x an empty Python", bound)


def resnet(folder: Path) -> None:
    """A real architecture with its weights' weight."""
    model = folder / "resnet50.onnx"
    if not model.exists():
        return
    found = compare(check(str(model)), IMPORTS)
    row(
        "ResNet-50, 102 MB : importing onnx, networkx, numpy, yaml", f"{found.ratio:.2f} ({found.seconds:.3f} s)", "1.8"
    )
    doctor = shutil.which("onnx-doctor", path=str(SCRIPTS))
    if doctor:
        found = compare(check(str(model)), [doctor, "check", str(model)])
        row("ResNet-50, 102 MB : `onnx-doctor check`", f"{found.ratio:.2f}", "1")


def weights(folder: Path) -> None:
    """The same graph with weights and without."""
    tiny = models.made(folder, "weights-tiny", partial(models.weighted, megabytes=0, external=False))
    for name, megabytes, external, typed in (
        ("2.5 GB external", 2500, True, False),
        ("1.9 GB inline", 1900, False, False),
        ("400 MB float_data", 400, False, True),
    ):
        make = partial(models.weighted, megabytes=megabytes, external=external, typed=typed)
        path = models.made(folder, "weights-" + name.replace(" ", "-"), make)
        found = compare(check(path), check(tiny))
        row(f"{name} : tiny weights", f"{found.ratio:.2f}, peak {found.megabytes:.0f} MB", "1.2, 120 MB")


def size(folder: Path) -> None:
    """Time per node as graphs grow."""
    for name, make in (("chain", models.chain), ("residual", models.residual)):
        small = models.made(folder, f"{name}-10000", partial(make, count=10_000))
        large = models.made(folder, f"{name}-100000", partial(make, count=100_000))
        found = compare(check(large), check(small), runs=3)
        row(f"{name}: 100,000 : 10,000 nodes, per node", f"{found.ratio / 10:.2f}", "1.4")
        row(f"{name}: 100,000 nodes", f"{found.seconds:.1f} s, {found.megabytes:.0f} MB", "25 s, 1500 MB")
        found = compare([QLINT, "plan", "--output-format", "json", large], check(large), runs=3)
        row(f"{name}: 100,000 nodes, `qlint plan` : `qlint check`", f"{found.ratio:.2f}", "1.3")
    odd = {
        "a tensor with 20,000 readers": models.made(folder, "fan-out", partial(models.fan_out, count=20_000)),
        "a ladder with 2^60 paths": models.made(folder, "ladder", partial(models.ladder, steps=60)),
    }
    for name, path in odd.items():
        row(name, f"{min(run(check(path)).seconds for _ in range(3)):.2f} s", "")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    folder: Path = parser.parse_args().folder
    print("| what | measured | at most |\n|---|---|---|")
    start_up()
    resnet(folder)
    weights(folder)
    size(folder)


if __name__ == "__main__":
    main()
