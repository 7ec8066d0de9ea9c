"""`transforms:` of rule files: what prepares a network, in order, and whose it is."""

from __future__ import annotations

import pytest

from qlint.rules import library
from qlint.rules.loader import validate_text
from qlint.transforms import registry

FILE = """schema: qlint.rules/v1
environment:
  id: own
  prefix: OWN
  title: Own
  summary: A test.
  releases: ["1"]
  transforms:
    - transform: remove-dropout
      origin: qlint
      evidence: {kind: inferred, source: a test}
rules: []
"""


def test_what_every_environment_needs_runs_first() -> None:
    names = [step.transform for step in library.load("matlab", None).transforms]
    assert names[:2] == ["remove-dropout", "fuse-batch-normalization"]
    assert names.index("fuse-batch-normalization") < names.index("replace-batch-normalization")
    assert len(set(names)) == len(names)


def test_every_listed_transform_exists_and_bears_its_name() -> None:
    for step in library.load("matlab", None).transforms:
        assert registry.load(step.transform).name == step.transform


def test_what_preparenetwork_does_is_told_from_what_qlint_adds() -> None:
    origin = {step.transform: step.origin for step in library.load("matlab", None).transforms}
    own = {
        "fold-constants",
        "merge-matmul-add",
        "fold-affine",
        "fold-normalization",
        "clear-padding-value",
        "zero-average-padding",
    }
    for name, whose in origin.items():
        assert whose == ("qlint" if name in own else "prepareNetwork"), name


def test_a_right_file_has_no_mistakes() -> None:
    assert validate_text(FILE) == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("origin: qlint", "origin: matlab", "origin must be one of prepareNetwork, qlint"),
        ("      origin: qlint\n", "", "lacks 'origin'"),
        ("transform: remove-dropout", "transform: Remove Dropout", "is not a transform's name"),
        ("      evidence: {kind: inferred, source: a test}\n", "", "lacks 'evidence'"),
        ("origin: qlint", "origin: qlint\n      order: 1", "has no key 'order'"),
    ],
)
def test_mistakes_are_said_with_their_place(old: str, new: str, said: str) -> None:
    found = validate_text(FILE.replace(old, new))
    assert said in str(found[0]) and found[0].line is not None and 8 < found[0].line < 13


def test_a_transform_is_listed_once() -> None:
    entry = FILE[FILE.index("    - transform") : FILE.index("rules:")]
    (found,) = validate_text(FILE.replace("rules:", entry + "rules:"))
    assert "listed twice" in str(found)
