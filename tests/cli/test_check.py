"""`qlint check`: exit statuses, selection, formats, standard input."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from qlint.cli import check
from tests.cli.running import DIGITS, FIXTURES, BytesInput, Run

DYNAMIC = str(FIXTURES / "dynamic_axes.onnx")
CLEAN = str(FIXTURES / "residual_add.onnx")


def codes(result: object) -> list[str]:
    return [d["code"] for d in result.json["diagnostics"]]  # type: ignore[attr-defined]


def test_findings_end_with_1_and_a_summary(qlint: Run) -> None:
    result = qlint("check", DIGITS)
    assert result.status == 1
    assert "NET401" in result.out and "MAT401" in result.out
    assert "matlab" in result.out.splitlines()[0]
    assert result.err == ""


@pytest.mark.parametrize(
    ("flags", "status"),
    [
        (["--exit-zero"], 0),
        (["--fail-on", "never"], 0),
        (["--select", "MAT105"], 0),
        (["--select", "MAT105", "--fail-on", "info"], 1),
        (["--select", "NET401"], 1),
        (["--ignore", "MAT4,NET4"], 0),
        (["--select", "dropout-layer", "--ignore", "NET401"], 0),
    ],
)
def test_selection_and_failing(qlint: Run, flags: list[str], status: int) -> None:
    assert qlint("check", DIGITS, *flags).status == status


def test_select_runs_only_what_it_names(qlint: Run) -> None:
    found = codes(qlint("check", DIGITS, "--select", "NET401", "--output-format", "json"))
    assert set(found) == {"NET401"}
    assert set(codes(qlint("check", DIGITS, "--ignore", "NET401", "--output-format", "json"))).isdisjoint({"NET401"})


def test_bind_decides_what_was_undecided(qlint: Run) -> None:
    def undecided(*flags: str) -> int:
        found = qlint("check", DYNAMIC, "--output-format", "json", *flags).json["diagnostics"]
        return sum(d["outcome"] == "undecided" for d in found)

    assert undecided() > 0
    assert undecided("--undecided", "hide") == 0
    names = {d["hint"] for d in qlint("check", DYNAMIC, "--output-format", "json").json["diagnostics"]}
    assert any("--bind" in hint for hint in names)
    flags = [flag for name in ("N", "batch", "height", "width", "H", "W") for flag in ("--bind", f"{name}=32")]
    kept = [
        f
        for pair in zip(flags[::2], flags[1::2], strict=True)
        for f in pair
        if qlint("check", DYNAMIC, *pair).status != 2
    ]
    assert undecided(*kept) < undecided()


def test_undecided_can_fail(qlint: Run) -> None:
    assert qlint("check", DYNAMIC, "--fail-on", "never").status == 0
    assert qlint("check", DYNAMIC, "--fail-on", "never", "--undecided", "fail").status == 1


def test_a_bind_that_matches_nothing_is_an_error(qlint: Run) -> None:
    result = qlint("check", DIGITS, "--bind", "nowhere=3")
    assert result.status == 2
    assert "'nowhere'" in result.err


@pytest.mark.parametrize(
    ("flags", "hint"),
    [
        (["-e", "matlob"], "'matlab'"),
        (["-e", "matlab@R1999a"], "R2026b"),
        (["--select", "NET40l"], "NET40"),
        (["--output-format", "jsn"], "'json'"),
        (["--fail-on", "eror"], "'error'"),
        (["--undecided", "fial"], "'fail'"),
        (["--slect", "X"], "'--select'"),
        (["--bind", "N"], "--bind N=1"),
        (["--bind", "N=0"], "--bind N=1"),
        (["--output-format", "json", "--output-format", "concise"], "FILE"),
        (["--stdin-filename", "x.onnx"], "check -"),
    ],
)
def test_usage_errors_end_with_2_and_say_what_was_meant(qlint: Run, flags: list[str], hint: str) -> None:
    result = qlint("check", DIGITS, *flags)
    assert result.status == 2
    assert result.out == ""
    assert result.err.startswith("qlint: error: ") and result.err.count("\n") == 1
    assert hint in result.err


def test_an_unknown_command_is_a_usage_error(qlint: Run) -> None:
    result = qlint("chek")
    assert (result.status, result.out) == (2, "")
    assert "'check'" in result.err


def test_environments_are_case_insensitive_and_release_can_be_given(qlint: Run) -> None:
    document = qlint("check", CLEAN, "-e", "MATLAB@r2025a", "--output-format", "json").json
    assert [(e["id"], e["release"]) for e in document["environments"]] == [("matlab", "R2025a")]
    assert {e["id"] for e in qlint("check", CLEAN, "-e", "all", "--output-format", "json").json["environments"]} >= {
        "matlab"
    }


def test_no_model_ends_with_3(qlint: Run, tmp_path: Path) -> None:
    result = qlint("check", str(tmp_path))
    assert result.status == 3
    assert "no model found" in result.err
    assert qlint("check", str(tmp_path), "--allow-empty").status == 0


def test_a_bad_model_does_not_keep_others_from_being_checked(qlint: Run, tmp_path: Path) -> None:
    shutil.copy(DIGITS, tmp_path / "good.onnx")
    (tmp_path / "bad.onnx").write_bytes(b"\x08")
    result = qlint("check", str(tmp_path), "--output-format", "json")
    assert result.status == 2
    assert result.err.count("\n") == 1 and "bad.onnx: " in result.err
    assert [model["status"] for model in result.json["models"]] == ["unreadable", "checked"]
    assert "NET401" in codes(result) and len(result.json["errors"]) == 1


def test_a_missing_file_is_named(qlint: Run, tmp_path: Path) -> None:
    result = qlint("check", str(tmp_path / "nothing.onnx"), DIGITS)
    assert result.status == 2
    assert "nothing.onnx: there is no such file" in result.err


def test_reports_go_to_files_whole(qlint: Run, tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    result = qlint("check", DIGITS, "--output-format", f"json:{file}", "--output-format", "concise")
    assert result.status == 1
    assert file.read_text() == qlint("check", DIGITS, "--output-format", "json").out
    assert [path.name for path in tmp_path.iterdir()] == ["report.json"]
    assert qlint("check", DIGITS, "--output-format", f"json:{tmp_path}/no/such").status == 2


def test_standard_input(qlint: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check.sys, "stdin", BytesInput(Path(DIGITS).read_bytes()))
    piped = qlint("check", "-", "--stdin-filename", DIGITS, "--output-format", "json")
    assert piped.status == 1
    assert piped.json == qlint("check", DIGITS, "--output-format", "json").json


def test_quiet_and_verbose(qlint: Run) -> None:
    infos = "MAT105"
    assert infos not in qlint("check", DIGITS, "--output-format", "concise").out
    assert infos in qlint("check", DIGITS, "-v", "--output-format", "concise").out
    quiet = qlint("check", DIGITS, "-q")
    assert "NET401" in quiet.out
    assert len(quiet.out) < len(qlint("check", DIGITS).out)


def test_statistics(qlint: Run) -> None:
    out = qlint("check", DIGITS, "--statistics").out
    assert "dropout-layer" in out.rpartition("NET401")[2]


def test_a_rule_that_fails_internally_is_reported_and_others_go_on(qlint: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from qlint.rules import library

    broken = library.find_rule("MAT401")

    def explode(*_: object, **__: object) -> bool:
        raise ZeroDivisionError

    monkeypatch.setattr(type(broken.body), "holds", explode)
    result = qlint("check", DIGITS, "--select", "MAT401,MAT403,MAT303", "--output-format", "json")
    assert result.status == 2
    assert any(error["code"].startswith("QL9") for error in result.json["errors"])
    assert "Traceback" not in result.err
