"""Message templates: one sentence with `{placeholders}`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from qlint.diagnostics import EvidenceKind
from qlint.files.yamlfile import Path
from qlint.rules.mistakes import Mistakes
from qlint.rules.model import Scope
from qlint.rules.predicates.core import NO_LAYER, Facts, Subject
from qlint.rules.profile_fields import check_field
from qlint.rules.shown import shown
from qlint.suggest import did_you_mean
from qlint.tristate import Unknown

if TYPE_CHECKING:
    from qlint.network.network import Layer
    from qlint.rules.predicates.neighbours import Beside

LENGTH_LIMIT = 120
TYPES_SHOWN = 5

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_PROPERTY = re.compile(r"[A-Z][A-Za-z0-9_]*")
_TWO_SENTENCES = re.compile(r"[.!?]\s+[A-Z]")
_ATTRIBUTE = re.compile(r"attributes\.[A-Za-z_][A-Za-z0-9_]*")
_OF_LAYERS = ("type", "op", "name", "predecessor.type", "predecessor.name", "cause.type", "cause.name")
_OF_RUNS = ("run.count", "run.types")
_PROFILE = "profile"


class Template:
    """A rule's message.

    Attributes:
        text: as written.
        placeholders: their names, in order.
    """

    __slots__ = ("_beside", "_parts", "placeholders", "text")

    def __init__(self, text: str, beside: Beside | None = None) -> None:
        """`beside` finds the layer that `{predecessor.*}` means; without it that is the first input's."""
        self.text = text
        self._parts = _PLACEHOLDER.split(text)  # literal, name, literal, name, ..., literal
        self.placeholders = tuple(self._parts[1::2])
        self._beside = beside

    def render(self, layer: Subject, facts: Facts, run: Sequence[Layer] = ()) -> str:
        """The sentence for a layer, for the run of layers it begins, or (layer None) for the network."""
        if not self.placeholders:
            return self.text
        values = (shown(self._value(name, layer, facts, run)) for name in self.placeholders)
        return self._parts[0] + "".join(
            value + literal for value, literal in zip(values, self._parts[2::2], strict=True)
        )

    def unknown(self, layer: Subject, facts: Facts, run: Sequence[Layer] = ()) -> list[str]:
        """Placeholders that nothing is known for."""
        values = ((name, self._value(name, layer, facts, run)) for name in self.placeholders)
        return [name for name, value in values if value is None or isinstance(value, Unknown)]

    def _value(self, name: str, layer: Subject, facts: Facts, run: Sequence[Layer]) -> Any:
        thing, _, what = name.partition(".")
        if thing == _PROFILE:
            profile = facts.environment.profile
            return None if profile is None else profile.setting(what) if what else profile.name
        if layer is None:
            return facts.property(name)
        if name in ("type", "op"):
            return layer.type if name == "type" else layer.op
        if name == "name":
            return layer.name or layer.id
        if name == "run.count":
            return len(run)
        if name == "run.types":
            return _types(run)
        if thing == "attributes":
            return layer.attribute(what)
        if thing == "predecessor":
            if self._beside is not None:
                found = self._beside.find(layer, facts)[0]
            else:
                found = (layer.sources[0] if layer.sources else None) or NO_LAYER
            return _described(found, what, "the network's input")
        if thing == "cause":
            cause = facts.propagation.cause(layer)
            return _described(cause or NO_LAYER, what, "outside the network" if what == "name" else "no layer")
        return layer.property(name)


def _described(layer: Layer, what: str, otherwise: str) -> str:
    if layer is NO_LAYER:
        return otherwise
    return layer.type if what == "type" else layer.name or layer.id


def _types(run: Iterable[Layer]) -> str:
    """The types in a run, each once, in order of appearance."""
    types = list(dict.fromkeys(map(_class, run)))
    more = len(types) - TYPES_SHOWN
    return ", ".join(types[:TYPES_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _class(layer: Layer) -> str:
    """A layer's type; of a custom layer in a description the class that is written there."""
    found = layer.properties.get("Class") if layer.type == "customLayer" else None
    return found if isinstance(found, str) else layer.type


def check_message(
    text: str, path: Path, mistakes: Mistakes, *, scope: Scope, kind: EvidenceKind, has_table: bool
) -> None:
    """Note what is wrong with a template; `has_table` says whether the environment quantizes (for `{cause.*}`)."""
    if len(text) > LENGTH_LIMIT:
        mistakes.add(path, f"the message has {len(text)} characters", f"say it in {LENGTH_LIMIT}")
    if "\n" in text or _TWO_SENTENCES.search(text):
        mistakes.add(path, "the message must be one sentence", "move the rest to hint or why")
    if kind is EvidenceKind.RECALLED and "from memory" not in text:
        problem = 'the evidence is recalled, and the message does not say "from memory"'
        mistakes.add(path, problem, "say so in the message")
    known = () if scope is Scope.NETWORK else (*_OF_LAYERS, *_OF_RUNS) if scope is Scope.RUN else _OF_LAYERS
    known = (*known, _PROFILE)
    forms = (_PROPERTY,) if scope is Scope.NETWORK else (_PROPERTY, _ATTRIBUTE)
    for name in _PLACEHOLDER.findall(text):
        if name.startswith("cause.") and name in known and not has_table:
            problem = f"{{{name}}} needs a table of quantized layers"
            mistakes.add(path, problem, "add environment.quantization to this file")
        elif name.startswith(f"{_PROFILE}."):
            check_field(name.partition(".")[2], path, mistakes)
        elif name not in known and not any(form.fullmatch(name) for form in forms):
            listed = (*known, "attributes.NAME") if _ATTRIBUTE in forms else known
            remedy = did_you_mean(name, known, "use a property's name" + "".join(f", {k}" for k in listed))
            mistakes.add(path, f"there is no placeholder {{{name}}}", remedy)
    if "{" in _PLACEHOLDER.sub("", text) or "}" in _PLACEHOLDER.sub("", text):
        mistakes.add(path, "a brace has no partner", "write placeholders as {Name}")
