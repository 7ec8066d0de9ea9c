"""Processor profiles: what a bitstream's processor has, which rules compare layers with.

The fields are those of MATLAB's `dlhdl.ProcessorConfig`, by module. What a profile leaves out is unknown.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass

from qlint.diagnostics import Evidence
from qlint.errors import QlintError, RuleFileError, UsageError
from qlint.files.document import Document, Sort
from qlint.files.yamlfile import read
from qlint.rules.header import parse_evidence
from qlint.rules.mistakes import Mistakes, Section, kind_of
from qlint.rules.paths import shipped_rules
from qlint.rules.profile_fields import Setting, parse_modules
from qlint.suggest import did_you_mean
from qlint.tristate import Unknown

SCHEMA = "qlint.profile/v1"
FOLDER = "profiles"
"""Of the shipped ones, in the folder of the rule files."""

_SORT = Sort("processor profile", RuleFileError, size=1 << 16, depth=8)
_ENDINGS = (".yaml", ".yml")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_ID = re.compile(r"[a-z][a-z0-9_-]*")


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """A processor profile.

    Attributes:
        name: what reports call it; title: in a few words.
        environment: id of the environment that it belongs to.
        evidence: where the settings come from; None where a user's file does not say.
        settings: by field, in the order of `profile_fields.FIELDS`.
        path: the file as messages name it; sha256: hex digest of its bytes.
    """

    name: str
    title: str
    environment: str
    evidence: Evidence | None
    settings: Mapping[str, Setting]
    path: str
    sha256: str

    def setting(self, field: str) -> Setting | Unknown:
        """A field's value; `Unknown` where the profile does not say."""
        value = self.settings.get(field)
        if value is None:
            remedy = f"give {field} in a profile of your own (--profile FILE)"
            return Unknown(f"{field} of processor profile {self.name}", remedy)
        return value


def names() -> list[str]:
    """Names of the shipped profiles, sorted."""
    try:
        found = os.listdir(os.path.join(shipped_rules(), FOLDER))
    except OSError as exc:
        raise QlintError("the processor profiles that come with qlint are missing", "install onnx-qlint again") from exc
    return sorted(name.removesuffix(".yaml") for name in found if name.endswith(".yaml"))


def load(word: str) -> Profile:
    """A shipped profile by its name in any case, or a user's own by its path.

    Raises:
        UsageError: it is neither.
        RuleFileError: the file cannot be read or has a mistake.
    """
    known = {name.casefold(): name for name in names()}
    shipped = known.get(word.casefold())
    if shipped is not None:
        path = os.path.join(shipped_rules(), FOLDER, f"{shipped}.yaml")
        return _load(read(path, f"rules/{FOLDER}/{shipped}.yaml", _SORT))
    if not (word.endswith(_ENDINGS) or os.sep in word or os.path.isfile(word)):
        listed = f"there are {', '.join(known.values())}; your own is given by its path, as my.yaml"
        raise UsageError(f"there is no processor profile {word!r}", did_you_mean(word, known.values(), listed))
    return _load(read(word, sort=_SORT))


def _load(document: Document) -> Profile:
    found, errors = examine(document)
    if errors:
        raise errors[0]
    return found


def examine(document: Document) -> tuple[Profile, list[RuleFileError]]:
    """The profile a document describes, and its mistakes; with any, the profile is not to be used."""
    mistakes = Mistakes()
    top = Section(document.data, (), "a processor profile", mistakes, ("schema", "profile", "modules"))
    schema = top.get("schema", required=True)
    if schema is not None and schema != SCHEMA:
        top.wrong("schema", f"the schema is {kind_of(schema)}", f"this qlint reads {SCHEMA}")
    head = top.get("profile", required=True)
    section = Section(
        {} if head is None else head,
        ("profile",),
        "profile",
        mistakes if head is not None else Mistakes(),
        ("name", "title", "environment", "evidence"),
    )
    found = Profile(
        name=section.text("name", required=True, pattern=_NAME, like="a word of letters, digits, _, - and .") or "",
        title=section.text("title") or "",
        environment=section.text("environment", required=True, pattern=_ID, like="an environment's id") or "",
        evidence=None if section.get("evidence") is None else parse_evidence(section),
        settings=parse_modules(top.get("modules", required=True), ("modules",), mistakes),
        path=document.path,
        sha256=document.digest.partition(":")[2],
    )
    return found, mistakes.errors(document) if mistakes.found else []
