"""The numeric kernel against onnxruntime and onnx.reference: same inputs, same cores, in turn.

Usage: python -m benchmarks.kernel_speed [--runs N] [--no-reference]

Runs a MobileNet-like network made here, and ResNet-50 where QLINT_MODELS holds resnet50.onnx.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
import onnxruntime
from onnx.reference import ReferenceEvaluator

from benchmarks.mobile import mobile_network
from qlint.files.onnx_file import read_model
from qlint.numeric.executor import Executor
from qlint.numeric.kernel.threads import blas_threads

RESNET = {"at most, times onnxruntime": 5.0, "at least, times faster than onnx.reference": 4.0}
MOBILE = {"at least, times faster than onnx.reference": 8.0}


def seconds(function: Callable[[], object]) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def settings() -> None:
    """Print what decides how fast matrix products are."""
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]  # type: ignore[index]
    print(f"numpy {np.__version__}, BLAS: {blas.get('openblas configuration') or blas.get('name')}")
    print(f"cores: {len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count()}", end="; ")
    print(f"OpenBLAS threads: {blas_threads() or 'another BLAS'}; load: {os.getloadavg()[0]:.2f}")
    names = sorted({n for n in os.environ if "BLAS" in n or n.startswith(("OMP_", "MKL_"))})
    for name in names or ["OPENBLAS_CORETYPE"]:
        print(f"  {name}={os.environ.get(name, '(unset)')}")


def measure(path: Path, goals: dict[str, float], runs: int, *, reference: bool) -> None:
    """Print one network's figures."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = blas_threads() or 0
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # it would spin in the others' time
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    executor = Executor(read_model(path))
    feeds = {
        value.name: np.random.default_rng(0).standard_normal(value.shape).astype(np.float32)
        for value in session.get_inputs()
    }
    (wanted,) = session.run(None, feeds)
    (found,) = executor.run(feeds).values()
    error = np.abs(found - wanted).max() / np.abs(wanted).max()
    ours, ort, ratios = [], [], []
    for _ in range(runs):
        ours.append(seconds(lambda: executor.run(feeds)))
        ort.append(seconds(lambda: session.run(None, feeds)))
        ratios.append(ours[-1] / ort[-1])
    print(f"{path.stem}: largest difference to onnxruntime {error:.1e} of the largest output")
    print(f"  qlint          {statistics.median(ours):8.3f} s")
    against = statistics.median(ratios)
    print(f"  onnxruntime    {statistics.median(ort):8.3f} s   qlint takes {against:.2f} times as long", end="")
    limit = goals.get("at most, times onnxruntime")
    print(f" (goal: at most {limit:g})" if limit else "")
    if reference:
        evaluator = ReferenceEvaluator(onnx.load(path))
        slow = min(seconds(lambda: evaluator.run(None, feeds)) for _ in range(2))
        goal = goals["at least, times faster than onnx.reference"]
        print(
            f"  onnx.reference {slow:8.3f} s   qlint is {slow / statistics.median(ours):.1f} times faster"
            f" (goal: at least {goal:g})"
        )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--no-reference", action="store_true")
    arguments = parser.parse_args()
    settings()
    with TemporaryDirectory() as folder:
        path = Path(folder) / "mobile.onnx"
        onnx.save(mobile_network(), path)
        measure(path, MOBILE, arguments.runs, reference=not arguments.no_reference)
    resnet = Path(os.environ.get("QLINT_MODELS", "")) / "resnet50.onnx"
    if not resnet.is_file():
        sys.exit("ResNet-50 was not measured: set QLINT_MODELS to a folder that holds resnet50.onnx")
    measure(resnet, RESNET, arguments.runs, reference=not arguments.no_reference)


if __name__ == "__main__":
    main()
