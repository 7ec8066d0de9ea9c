"""From a rule file to predicates: the closed vocabulary, and a mistake for everything else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qlint.files.yamlfile import Path
from qlint.rules.layerset import LayerSet, parse_layers
from qlint.rules.mistakes import Mistakes, Section, kind_of
from qlint.rules.predicates import learnables as of_learnables
from qlint.rules.predicates.core import Predicate
from qlint.rules.predicates.logic import All, AnyOf, Entries, Not, UnlessKnown
from qlint.rules.predicates.neighbours import Beside, Consumers, Inputs, Predecessor, Successor
from qlint.rules.predicates.operator import Op
from qlint.rules.predicates.own import Count, FixedPoint, Name, OfNetwork, Property, Type
from qlint.rules.predicates.parse_operator import parse_attributes
from qlint.rules.predicates.parse_profile import parse_comparison, parse_profile
from qlint.rules.predicates.parse_tests import (
    PROPERTY,
    check_flag,
    parse_axes,
    parse_mask,
    parse_test,
)
from qlint.rules.predicates.processor import ThreadMultiple, WithinProfile
from qlint.rules.predicates.shapes import InputShape, OutputShape, SameInputShapes
from qlint.rules.predicates.values import ValueTest
from qlint.suggest import did_you_mean

_LEARNABLE_ENTRIES = (
    "present", "constant", "type", "size", "shape", "every", "some", "finite", "shared", "channel-spread",
)  # fmt: skip
_VALUE_ENTRIES = ("every", "some", "finite", "channel-spread")


class Parser:
    """Parses the predicates of one rule, and notes what they need.

    Attributes:
        shapes: it asks for shapes.
        propagates: it asks where data is fixed-point.
        profile: it compares with the processor profile in use.
        beside: its first `predecessor`, which the message's `{predecessor.type}` means.
        weights: paths of entries that read values of learnables that grow with the network.
    """

    def __init__(self, mistakes: Mistakes, *, has_table: bool) -> None:
        """`has_table` says whether the environment has a table of quantized layers, which `fixed-point` needs."""
        self.mistakes = mistakes
        self.has_table = has_table
        self.shapes = False
        self.propagates = False
        self.profile = False
        self.beside: Beside | None = None
        self.weights: list[Path] = []
        self._layer_words: dict[str, Callable[[Any, Path], Predicate]] = {
            "all": lambda data, path: self._several(All, data, path, network=False),
            "any": lambda data, path: self._several(AnyOf, data, path, network=False),
            "not": lambda data, path: Not(self.parse(data, path), data),
            "unless-known": lambda data, path: UnlessKnown(self.parse(data, path), data),
            "type": lambda data, path: Type(self._one_of(data, path), data),
            "op": lambda data, path: Op(self._one_of(data, path), data),
            "attributes": lambda data, path: parse_attributes(data, path, mistakes),
            "name": lambda data, path: Name(parse_test(data, path, mistakes), data),
            "inputs": lambda data, path: self._around(Inputs, data, path),
            "consumers": lambda data, path: self._around(Consumers, data, path),
            "predecessor": lambda data, path: self._beside(Predecessor, data, path),
            "successor": lambda data, path: self._beside(Successor, data, path),
            "input-shape": lambda data, path: self._shape(InputShape, data, path),
            "output-shape": lambda data, path: self._shape(OutputShape, data, path),
            "same-input-shapes": self._same_shapes,
            "learnables": self._learnables,
            "fixed-point": self._fixed_point,
            "network": lambda data, path: OfNetwork(self.parse(data, path, network=True), data),
            "count": self._count,
            "profile": self._profile,
            "within-profile": lambda data, path: self._compared(WithinProfile, data, path),
            "thread-multiple": lambda data, path: self._compared(ThreadMultiple, data, path),
        }
        self._network_words: dict[str, Callable[[Any, Path], Predicate]] = {
            "all": lambda data, path: self._several(All, data, path, network=True),
            "any": lambda data, path: self._several(AnyOf, data, path, network=True),
            "not": lambda data, path: Not(self.parse(data, path, network=True), data),
            "count": self._count,
            "profile": self._profile,
        }

    def parse(self, data: Any, path: Path, *, network: bool = False, besides: tuple[str, ...] = ()) -> Predicate:
        """A mapping of predicates that must all hold.

        Args:
            data: as written.
            path: where it stands.
            network: it is asked of the network rather than of a layer.
            besides: keys that belong to the surrounding predicate and were read there.
        """
        if not isinstance(data, dict):
            self.mistakes.add(
                path, f"a predicate must be a mapping, not {kind_of(data)}", "write property: value entries"
            )
            return Entries(())
        words = self._network_words if network else self._layer_words
        parts: list[Predicate] = []
        for key, value in data.items():
            at = (*path, key)
            if key in words:
                parts.append(words[key](value, at))
            elif PROPERTY.fullmatch(key):
                parts.append(Property(key, parse_test(value, at, self.mistakes), value))
            elif key not in besides:
                self._unknown(key, at, words, network=network)
        if not parts and not besides:
            self.mistakes.add(path, "the predicate is empty", "write what must hold")
        return parts[0] if len(parts) == 1 else Entries(parts)

    def _unknown(self, key: str, path: Path, words: dict[str, Any], *, network: bool) -> None:
        if network and key in self._layer_words:
            problem = f"{key!r} asks about a layer, and this predicate is about the network"
            self.mistakes.add(path, problem, "ask for properties of the network, or use scope: layer", at_key=True)
            return
        remedy = did_you_mean(key, words, "use " + ", ".join(words) + ", or a property with a capital letter")
        self.mistakes.add(path, f"there is no predicate {key!r}", remedy, at_key=True)

    def _several(self, kind: type[All], data: Any, path: Path, *, network: bool) -> Predicate:
        if not isinstance(data, list) or not data:
            self.mistakes.add(
                path, f"{kind.name} takes a list of predicates, not {kind_of(data)}", "start each with '- '"
            )
            return Entries(())
        return kind([self.parse(item, (*path, number), network=network) for number, item in enumerate(data)], data)

    def _around(self, kind: type[Inputs] | type[Consumers], data: Any, path: Path) -> Predicate:
        """A count (a number, or comparisons), or `{count: ..., every: ..., some: ...}`."""
        if not isinstance(data, dict) or not data.keys() & {"count", "every", "some"}:
            return kind(parse_test(data, path, self.mistakes), None, None, data)
        group = Section(data, path, kind.name, self.mistakes, ("count", "every", "some"))
        count = group.get("count")
        every, some = group.get("every"), group.get("some")
        return kind(
            None if count is None else parse_test(count, (*path, "count"), self.mistakes),
            None if every is None else self.parse(every, (*path, "every")),
            None if some is None else self.parse(some, (*path, "some")),
            data,
        )

    def _beside(self, kind: type[Predecessor] | type[Successor], data: Any, path: Path) -> Predicate:
        own = ("through", "sole-consumer")
        through: LayerSet | None = None
        sole: bool | None = None
        if isinstance(data, dict):
            if "through" in data:
                names = Section(data, path, kind.name, self.mistakes, data).texts("through", required=True)
                through = parse_layers(names, (*path, "through"), self.mistakes)
            if "sole-consumer" in data:
                sole = check_flag(data["sole-consumer"], (*path, "sole-consumer"), self.mistakes)
            if not data.keys() - {"through"}:
                self.mistakes.add(path, f"{kind.name} asks for nothing", "write what the layer must be")
        found = kind(self.parse(data, path, besides=own), through, sole, data)
        if self.beside is None and kind is Predecessor:
            self.beside = found
        return found

    def _shape(self, kind: type[InputShape], data: Any, path: Path) -> Predicate:
        self.shapes = True
        section = Section(data, path, kind.name, self.mistakes, ("rank", "axes"))
        rank, axes = section.get("rank"), section.get("axes")
        if section.readable and rank is None and axes is None:
            self.mistakes.add(path, f"{kind.name} asks for nothing", "write rank or axes")
        tests = {} if axes is None else parse_axes(axes, (*path, "axes"), self.mistakes)
        return kind(None if rank is None else parse_test(rank, (*path, "rank"), self.mistakes), tests, data)

    def _one_of(self, data: Any, path: Path) -> ValueTest:
        """A test of a word, or a list of words that it may be."""
        return parse_test({"in": data} if isinstance(data, list) else data, path, self.mistakes)

    def _same_shapes(self, data: Any, path: Path) -> Predicate:
        self.shapes = True
        return SameInputShapes(check_flag(data, path, self.mistakes))

    def _fixed_point(self, data: Any, path: Path) -> Predicate:
        self.propagates = True
        if not self.has_table:
            problem = "fixed-point needs a table of quantized layers"
            self.mistakes.add(path, problem, "add environment.quantization to this file", at_key=True)
        return FixedPoint(check_flag(data, path, self.mistakes))

    def _profile(self, data: Any, path: Path) -> Predicate:
        self.profile = True
        return parse_profile(data, path, self.mistakes)

    def _compared(self, kind: type[WithinProfile], data: Any, path: Path) -> Predicate:
        self.profile = True
        return parse_comparison(kind, data, path, self.mistakes)

    def _count(self, data: Any, path: Path) -> Predicate:
        section = Section(data, path, "count", self.mistakes, ("layers", "is"))
        layers = parse_layers(section.texts("layers", required=True), (*path, "layers"), self.mistakes)
        wanted = section.get("is", required=True)
        test = parse_test(0 if wanted is None else wanted, (*path, "is"), self.mistakes)
        return Count(layers, test, wanted)

    def _learnables(self, data: Any, path: Path) -> Predicate:
        entries: dict[str, list[of_learnables.Entry]] = {}
        if not isinstance(data, dict) or not data:
            self.mistakes.add(path, f"learnables maps names to entries, not {kind_of(data)}", "write {Weights: {...}}")
            return Entries(())
        for name, wanted in data.items():
            at = (*path, name)
            if not PROPERTY.fullmatch(name):
                remedy = "write it as MATLAB does, with a capital letter"
                self.mistakes.add(at, f"{name[:60]!r} is not a learnable's name", remedy, at_key=True)
            section = Section(wanted, at, "a learnable", self.mistakes, _LEARNABLE_ENTRIES)
            if section.readable and not section.data:
                self.mistakes.add(at, "nothing is asked of the learnable", "write present: true, say")
            entries[name] = []
            for key, value in section.data.items():
                entry = self._learnable_entry(key, value, (*at, key))
                if entry is not None:
                    entries[name].append(entry)
                if key in _VALUE_ENTRIES and name.endswith("Weights"):
                    self.weights.append((*at, key))
        return of_learnables.Learnables(entries, data)

    def _learnable_entry(self, key: str, data: Any, path: Path) -> of_learnables.Entry | None:
        flags = {
            "present": of_learnables.Present,
            "constant": of_learnables.Constant,
            "shared": of_learnables.Shared,
            "finite": of_learnables.Finite,
        }
        if key in flags:
            return flags[key](check_flag(data, path, self.mistakes))
        tested = {"type": of_learnables.ElementType, "size": of_learnables.Size, "shape": of_learnables.OfShape}
        if key in tested:
            return tested[key](parse_test(data, path, self.mistakes), data)
        if key in ("every", "some"):
            mask, plus = parse_mask(data, path, self.mistakes)
            return (of_learnables.EveryValue if key == "every" else of_learnables.SomeValue)(mask, plus, data)
        if key == "channel-spread":
            return self._spread(data, path)
        return None

    def _spread(self, data: Any, path: Path) -> of_learnables.Entry | None:
        if not isinstance(data, dict) or not data.keys() - {"axis"}:
            self.mistakes.add(path, "channel-spread needs a comparison", "write {axis: 0, above: 1000}")
            return None
        axis = data.get("axis", 0)
        if isinstance(axis, bool) or not isinstance(axis, int):
            self.mistakes.add((*path, "axis"), f"an axis is a whole number, not {kind_of(axis)}", "count from 0")
            axis = 0
        tests = {key: value for key, value in data.items() if key != "axis"}
        return of_learnables.ChannelSpread(axis, parse_test(tests, path, self.mistakes), data)
