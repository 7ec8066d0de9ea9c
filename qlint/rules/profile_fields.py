"""The fields of a processor profile: those of MATLAB's `dlhdl.ProcessorConfig`, by module, and what they may be."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

from qlint.files.yamlfile import Path
from qlint.rules.mistakes import Mistakes, Section, kind_of
from qlint.suggest import did_you_mean

Setting: TypeAlias = "str | int | tuple[int, ...]"
"""A switch ("on" or "off"), a number, or the size of a memory."""

_DIMENSIONS = 3
_SWITCHES = {True: "on", False: "off", "on": "on", "off": "off"}
_LARGEST = 1 << 40


def _switch(value: Any) -> Setting | None:
    return _SWITCHES.get(value) if isinstance(value, bool | str) else None


def _number(value: Any) -> int | None:
    whole = isinstance(value, int) and not isinstance(value, bool)
    return value if whole and 0 < value <= _LARGEST else None


def _threads(value: Any) -> Setting | None:
    number = _number(value)
    return number if number is not None and math.isqrt(number) ** 2 == number else None


def _memory(value: Any) -> Setting | None:
    if not isinstance(value, list):
        return _number(value)
    sizes = tuple(size for size in map(_number, value) if size is not None)
    return sizes if len(sizes) == len(value) == _DIMENSIONS else None


_SWITCH = (_switch, '"on" or "off"')
_COUNT = (_number, "a whole number above 0")
_THREADS = (_threads, "a square number, such as 16")
_MEMORY = (_memory, "a whole number above 0, or three of them, such as [227, 227, 3]")

FIELDS: dict[str, tuple[Callable[[Any], Setting | None], str]] = {
    "conv.ModuleGeneration": _SWITCH,
    "conv.LRNBlockGeneration": _SWITCH,
    "conv.SegmentationBlockGeneration": _SWITCH,
    "conv.ConvThreadNumber": _THREADS,
    "conv.InputMemorySize": _MEMORY,
    "conv.OutputMemorySize": _MEMORY,
    "conv.FeatureSizeLimit": _COUNT,
    "fc.ModuleGeneration": _SWITCH,
    "fc.SoftmaxBlockGeneration": _SWITCH,
    "fc.SigmoidBlockGeneration": _SWITCH,
    "fc.FCThreadNumber": _COUNT,
    "fc.InputMemorySize": _MEMORY,
    "fc.OutputMemorySize": _MEMORY,
    "custom.Addition": _SWITCH,
    "custom.Multiplication": _SWITCH,
    "custom.Resize2D": _SWITCH,
    "custom.Sigmoid": _SWITCH,
    "custom.TanhLayer": _SWITCH,
    "custom.InputMemorySize": _MEMORY,
    "custom.OutputMemorySize": _MEMORY,
}
"""`module.Property`, how its value is read (None: it is wrong), and what it must be."""

_MODULES = tuple(dict.fromkeys(field.partition(".")[0] for field in FIELDS))


def parse_modules(data: Any, path: Path, mistakes: Mistakes) -> dict[str, Setting]:
    """Read `modules:`; fields that are null or wrong are left out, and wrong ones noted."""
    settings: dict[str, Setting] = {}
    if data is None:
        return settings
    modules = Section(data, path, "modules", mistakes, _MODULES)
    for module in modules.data.keys() & set(_MODULES):
        known = [field.partition(".")[2] for field in FIELDS if field.startswith(f"{module}.")]
        section = Section(modules.data[module], (*path, module), f"module {module}", mistakes, known)
        for key in section.data.keys() & set(known):
            value = section.data[key]
            if value is None:
                continue
            read_setting, like = FIELDS[f"{module}.{key}"]
            setting = read_setting(value)
            if setting is None:
                section.wrong(key, f"{module}.{key} must be {like}, not {kind_of(value)}", "see dlhdl.ProcessorConfig")
            else:
                settings[f"{module}.{key}"] = setting
    return {field: settings[field] for field in FIELDS if field in settings}


def check_field(word: Any, path: Path, mistakes: Mistakes, *, at_key: bool = False) -> None:
    """Note a mistake unless this is the name of a field."""
    if isinstance(word, str) and word in FIELDS:
        return
    problem = f"a processor profile has no field {word[:60]!r}" if isinstance(word, str) else "a field is wanted here"
    remedy = did_you_mean(word if isinstance(word, str) else "", FIELDS, "write module.Property, as custom.Resize2D")
    mistakes.add(path, problem, remedy, at_key=at_key)
