"""Golden findings: what `check` says of every described fixture, before and after `fix`.

`python -m tests.described.golden` writes them anew after a rule file has changed; read the difference before you
commit it.
"""

from __future__ import annotations

import io
from contextlib import redirect_stdout
from pathlib import Path
from tempfile import TemporaryDirectory

from qlint.cli.main import main as qlint

HERE = Path(__file__).resolve().parent / "golden"
FIXTURES = HERE.parents[2] / "fixtures"
DESCRIPTIONS = sorted(FIXTURES.glob("*.qnet.*"), key=lambda path: path.name)


def findings(path: Path, environment: str = "matlab") -> str:
    """What `qlint check` finds in a description, a line each, without its folder."""
    out = io.StringIO()
    with redirect_stdout(out):
        qlint(["check", str(path), "-e", environment, "--output-format", "concise", "--undecided", "show", "-v"])
    return out.getvalue().replace(f"{path.parent.as_posix()}/", "")


def codes(lines: str) -> list[tuple[str, str]]:
    """Code and layer id of each finding ("" for the network's)."""
    found = []
    for line in lines.splitlines():
        words = line.split()
        layer = line.partition(" layer ")[2]
        found.append((words[2], layer.partition("(")[2].partition(")")[0] if layer else ""))
    return found


def fixed(path: Path, folder: Path) -> Path:
    """The description that `qlint fix` makes; it proves what it did, or writes nothing."""
    out = folder / path.name
    with redirect_stdout(io.StringIO()):
        status = qlint(["fix", str(path), "-o", str(out)])
    assert status == 0, path.name
    return out


def golden(path: Path, folder: Path) -> str:
    """The text that the golden file must hold."""
    return f"{findings(path)}\nfixed:\n{findings(fixed(path, folder))}"


def main() -> None:
    """Write the golden files."""
    for path in DESCRIPTIONS:
        with TemporaryDirectory() as folder:
            (HERE / f"{path.name}.txt").write_text(golden(path, Path(folder)), encoding="utf-8")


if __name__ == "__main__":
    main()
