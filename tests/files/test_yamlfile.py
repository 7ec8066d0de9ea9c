"""YAML as rule files use it: what it means, where things stand, and what is refused."""

from __future__ import annotations

import math
import os
from pathlib import Path

import pytest

from qlint.errors import RuleFileError
from qlint.files.document import RULES
from qlint.files.yamlfile import parse, read


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("", None),
        ("a: 1", {"a": 1}),
        ("a: ~\nb:\nc: null", {"a": None, "b": None, "c": None}),
        ("[true, false, 1, -2, 1.5, 1e3, .inf, -.inf]", [True, False, 1, -2, 1.5, 1000.0, math.inf, -math.inf]),
        (
            "[yesterday, 1x, R2025a, '1', \"no\", 1.2.3, e5, +]",
            ["yesterday", "1x", "R2025a", "1", "no", "1.2.3", "e5", "+"],
        ),
        ("1: {-1: x}", {"1": {"-1": "x"}}),
        ("a: >-\n  two\n  lines\nb: {c: [d, {e: f}]}", {"a": "two lines", "b": {"c": ["d", {"e": "f"}]}}),
        ("- [[], {}]\n- - x", [[[], {}], ["x"]]),
        ("\ufeffa: 1", {"a": 1}),
    ],
)
def test_plain_data(text: str, data: object) -> None:
    assert parse(text).data == data


def test_nan() -> None:
    assert math.isnan(parse("[.nan]").data[0])


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("a: 1\na: 2", (2, 1), "occurs twice"),
        ("a: {b: 1, b: 2}", (1, 11), "occurs twice"),
        ("a: &x 1\nb: *x", (2, 4), "aliases"),
        ("a: !!python/object:os.system x", (1, 4), "tag"),
        ("a: !!map {}", (1, 4), "tag"),
        ("<<: {a: 1}", (1, 1), "merge keys"),
        ("a: no", (1, 4), "truth value"),
        ("On: 1", (1, 1), "truth value"),
        ("a: 2024-10-01", (1, 4), "quote it"),
        ("a: 1:30", (1, 4), "quote it"),
        ("a: 0x1F", (1, 4), "quote it"),
        ("a: 0755", (1, 4), "quote it"),
        ("a: 1_000", (1, 4), "quote it"),
        ("a: " + "9" * 5000, (1, 4), "5000 digits"),
        ("[a, b]: 1", (1, 1), "key"),
        ("a: 1\n---\nb: 2", (2, 1), "one document"),
        ("a: 1\n b: 2", (2, 3), "not YAML"),
        ("a: b: c", (1, 5), "not YAML"),
        ("a: 'x", (1, 6), "not YAML"),
        ("[" * 100_000, (1, RULES.depth + 1), "nests deeper"),
        ("{a: " * 100_000, (1, 4 * RULES.depth + 1), "nests deeper"),
        ("- " * 50_000 + "x", (1, 2 * RULES.depth + 1), "nests deeper"),
    ],
)
def test_what_is_refused_is_refused_at_its_place(text: str, place: tuple[int, int], words: str) -> None:
    with pytest.raises(RuleFileError, match=words) as caught:
        parse(text, "x.yaml")
    assert (caught.value.line, caught.value.column) == place
    assert str(caught.value).startswith(f"x.yaml:{place[0]}:{place[1]}: ")
    assert caught.value.remedy


def test_a_billion_laughs_are_refused_at_the_first_alias() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    with pytest.raises(RuleFileError, match="aliases") as caught:
        parse("\n".join(lines))
    assert caught.value.line == 2


def test_places_of_keys_and_values() -> None:
    document = parse("a:\n  - b: 1\n    c: [x, y]\n  - d\ne: {f: g}\n")
    assert document.place(("a", 0, "c")) == (3, 8)
    assert document.place(("a", 0, "c"), key=True) == (3, 5)
    assert document.place(("a", 0, "c", 1)) == (3, 12)
    assert document.place(("a", 1)) == (4, 5)
    assert document.place(("e", "f"), key=True) == (5, 5)
    assert document.place(("e", "missing", "deeper")) == (5, 4)  # the nearest thing around it


def test_spans_hold_what_is_written_and_nothing_around_it() -> None:
    text = "a:\n  - b: 1   # tail\n    c: [x,\n      y]\n  # lead\n  - {d: 2} # tail\ne:\nf: |\n  g\n"
    document = parse(text)

    def written(*path: str | int, key: bool = False) -> str:
        start, end = document.span(path, key=key)
        return text[start:end]

    assert written("a", 0) == "b: 1   # tail\n    c: [x,\n      y]"
    assert written("a", 0, "c") == "[x,\n      y]"
    assert written("a", 1) == "{d: 2}"
    assert written("a", 1, "d", key=True) == "d"
    assert written("a") == text[text.index("- b") : text.index(" # tail\ne")]
    assert written("e") == ""
    assert written("f") == "|\n  g\n"
    assert [document.enclosed(path) for path in (("a",), ("a", 0), ("a", 0, "c"), ("a", 1))] == [
        False,
        False,
        True,
        True,
    ]


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    def refused(path: str | Path) -> str:
        with pytest.raises(RuleFileError) as caught:
            read(path, "shown.yaml")
        assert str(caught.value).startswith("shown.yaml")
        return str(caught.value)

    assert "cannot be read" in refused(tmp_path / "missing.yaml")
    assert "cannot be read" in refused("nul\0name")
    assert "not a file" in refused(tmp_path)
    pipe = tmp_path / "pipe.yaml"
    os.mkfifo(pipe)
    assert "not a file" in refused(pipe)
    (tmp_path / "latin.yaml").write_bytes(b"a: 1\nb: \xe4\n")
    assert ":2:1: this is not UTF-8" in refused(tmp_path / "latin.yaml")
    (tmp_path / "control.yaml").write_bytes(b"a: \x07\n")
    assert "not YAML" in refused(tmp_path / "control.yaml")
    (tmp_path / "huge.yaml").write_bytes(b"a: " + b"x" * RULES.size)
    assert "bytes" in refused(tmp_path / "huge.yaml")


def test_the_digest_is_that_of_the_bytes(tmp_path: Path) -> None:
    import hashlib

    path = tmp_path / "a.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: 1\r\n")
    assert read(path).digest == "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()
    assert read(path).data == {"a": 1}


def test_without_libyaml_everything_means_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    import yaml

    from qlint.rules import library

    text = next(found.text for found in library.files() if found.id == "network")
    expected = parse(text)
    monkeypatch.delattr(yaml, "CSafeLoader")
    slow = parse(text)
    assert slow.data == expected.data
    assert slow.place(("rules", 1, "message")) == expected.place(("rules", 1, "message"))
    with pytest.raises(RuleFileError, match="nests deeper"):
        parse("[" * 1000)
