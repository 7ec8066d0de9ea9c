"""Run the fuzz targets one after another and print what they did.

`python -m fuzz.campaign [SECONDS]` gives each target an equal share (default 3600 seconds in all). Each target runs in
its own process, so that a crash of native code is a finding too. Corpora are kept below `.fuzz/` and grow from run to
run; inputs that fail are kept there as `crash-*` and make the exit status 1.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGETS = {"model": ("fixtures", "*.onnx"), "wire": ("fixtures", "*.onnx"), "rules": ("rules", "*.yaml")}
MOST_SEED_BYTES = 40_000
MOST_INPUT_BYTES = 60_000


def seeds(target: str) -> Path:
    """The target's corpus folder, with the repository's own small files in it."""
    corpus = ROOT / ".fuzz" / target / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    folder, pattern = TARGETS[target]
    for path in sorted((ROOT / folder).glob(pattern)):
        if path.stat().st_size <= MOST_SEED_BYTES:
            shutil.copyfile(path, corpus / f"seed-{path.name}")
    return corpus


def run(target: str, seconds: int) -> tuple[int, int, int]:
    """Fuzz one target; returns its executions, its new coverage features and its failures."""
    corpus = seeds(target)
    folder = corpus.parent
    command = [sys.executable, "-m", "fuzz.target", target, str(corpus), f"-max_total_time={seconds}", "-timeout=30"]
    command += [
        f"-max_len={MOST_INPUT_BYTES}",
        "-rss_limit_mb=2000",
        f"-artifact_prefix={folder}/",
        "-print_final_stats=1",
    ]
    # After a failure libFuzzer stops; -fork with -ignore_crashes would go on but cannot instrument Python.
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, errors="replace", check=False)
    log = done.stderr + done.stdout
    (folder / "log.txt").write_text(log)
    count = re.search(r"number_of_executed_units:\s*(\d+)", log)
    features = re.findall(r"\bft: (\d+)", log)
    failures = [path for path in folder.iterdir() if path.name.startswith(("crash-", "timeout-", "oom-"))]
    return int(count[1]) if count else 0, int(features[-1]) if features else 0, len(failures)


def main() -> int:
    """Run every target; returns the exit status."""
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 3600
    failed = False
    print("| target | seconds | executions | features | failures |\n|---|---|---|---|---|")
    for target in TARGETS:
        executions, features, failures = run(target, seconds // len(TARGETS))
        print(f"| {target} | {seconds // len(TARGETS)} | {executions} | {features} | {failures} |", flush=True)
        failed |= failures > 0 or executions == 0
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
