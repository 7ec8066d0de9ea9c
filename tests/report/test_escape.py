from __future__ import annotations

import io
import json

import numpy
import pytest

from qlint.report.escape import MESSAGE_LIMIT, NAME_LIMIT, message, name, quoted, to_json, visible, write_members
from qlint.tristate import Unknown


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("\x1b[31m", r"\x1b[31m"),
        ("a\nb\tc\r", r"a\nb\tc\r"),
        ("\x00\x7f\x85\x9b", r"\x00\x7f\x85\x9b"),
        ("\u202egpj", r"\u202egpj"),
        ("\u200b\u200f\u2066\u2069\ufeff\u061c", r"\u200b\u200f\u2066\u2069\ufeff\u061c"),
        ("\u2028\u2029\xa0\u3000", r"\u2028\u2029\xa0\u3000"),
        ("\udcff", r"\udcff"),
        ("\U000e0041", r"\U000e0041"),
        ("conv_1/Größe 畳み込み", "conv_1/Größe 畳み込み"),
    ],
)
def test_what_does_not_print_becomes_visible(raw: str, shown: str) -> None:
    assert visible(raw) == shown


def test_lengths_are_bounded() -> None:
    assert name("x" * NAME_LIMIT) == "x" * NAME_LIMIT
    assert name("x" * 300) == "x" * (NAME_LIMIT - 3) + "..."
    assert len(message("x" * 5000)) == MESSAGE_LIMIT


def test_a_quote_cannot_end_a_quoted_name() -> None:
    assert quoted('a" (b): fake') == r'"a\" (b): fake"'


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("\udcff", r'"\\udcff"'),
        ("\ud83d", r'"\\ud83d"'),
        ("\udcff\udcfe", r'"\\udcff\\udcfe"'),
        ("\U0001f600", r'"\ud83d\ude00"'),
        ("\ud83d\U0001f600\ude00", r'"\\ud83d\ud83d\ude00\\ude00"'),
        ("\\udcff", r'"\\udcff"'),
        ("\\\udcff", r'"\\\\udcff"'),
        ("\x7f\x1b\u202e", r'"\u007f\u001b\u202e"'),
    ],
)
def test_json_is_ascii_without_lone_surrogates(value: str, text: str) -> None:
    assert to_json(value) == text
    json.loads(text).encode("utf-8")  # strict: a lone surrogate would raise


def test_a_number_json_does_not_have_is_refused() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        to_json([float("nan")])


def test_values_json_does_not_know_become_plain() -> None:
    assert (
        to_json({"a": numpy.float32(0.5), "b": numpy.arange(3), "c": Unknown("size")})
        == '{"a": 0.5, "b": [0, 1, 2], "c": null}'
    )


def test_members_are_written_piece_by_piece() -> None:
    class Pieces(io.StringIO):
        longest = 0

        def write(self, text: str) -> int:
            self.longest = max(self.longest, len(text))
            return super().write(text)

    out = Pieces()
    write_members(out, [("a", 1), ("none", iter(())), ("many", ({"n": n} for n in range(1000)))])
    assert json.loads(out.getvalue()) == {"a": 1, "none": [], "many": [{"n": n} for n in range(1000)]}
    assert out.getvalue().endswith("}\n")
    assert out.longest < 20
