"""No name, path or message of a model reaches the reader raw, in any format."""

from __future__ import annotations

import json
import re

import pytest

from qlint.diagnostics import Location
from qlint.errors import ModelError
from qlint.report import FORMATS
from qlint.session import CheckedModel, Report
from tests.report.building import DIGEST, environment, finding, rendered, undecided, validator

EVIL = 'x\x1b]0;owned\x07\x1b[2J\nfake.onnx:1:1: error\r\u202e\u200b\u2028\udcff\ud800\x7f\x9b" (y)'


def hostile() -> Report:
    place = Location(
        id=EVIL,
        pointer=EVIL,
        layer=EVIL,
        type=EVIL,
        node_index=0,
        node_name=EVIL,
        op_type=EVIL,
        source=EVIL,
        line=1,
        column=1,
    )
    findings = [finding(where=place, message=EVIL, hint=EVIL, model=EVIL), undecided(place, EVIL)]
    findings[0].observed[EVIL] = EVIL
    return Report(
        (environment(),),
        models=[CheckedModel(EVIL, DIGEST, layers=1), CheckedModel("nets/a.onnx", None, EVIL)],
        diagnostics=findings,
        errors=[ModelError(EVIL, EVIL, path=EVIL)],
    )


@pytest.mark.parametrize("format", FORMATS)
def test_nothing_is_raw(format: str) -> None:
    text = rendered(hostile(), format, verbose=True, statistics=True)
    assert all(character.isprintable() or character == "\n" for character in text)
    assert not re.search(r"^fake\.onnx", text, re.MULTILINE)
    text.encode("utf-8")  # strict: no lone surrogate is left
    assert r"\u202e" in text


def test_a_finding_stays_one_line_in_concise() -> None:
    assert len(rendered(hostile(), "concise").splitlines()) == 2


def test_json_stays_valid_and_strict() -> None:
    text = rendered(hostile(), "json")
    assert text.isascii()
    found = json.loads(text)
    json.dumps(found, ensure_ascii=False).encode("utf-8")
    validator("qlint.report.v1").validate(found)
    layer = found["diagnostics"][0]["location"]["layer"]
    assert layer == EVIL.replace("\udcff", r"\udcff").replace("\ud800", r"\ud800")


def test_long_names_are_cut_in_text() -> None:
    report = hostile()
    report.diagnostics = [finding(where=Location(id="i" * 10_000, layer="n" * 10_000, type="t"), model=EVIL)]
    for format in ("full", "concise"):
        assert max(map(len, rendered(report, format).splitlines())) < 700
    assert "n" * 10_000 in rendered(report, "json")
