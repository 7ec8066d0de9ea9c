"""What is generated of network descriptions from the tables: a page for people, a JSON Schema for editors."""

from __future__ import annotations

import json
from typing import Any

from qlint.files.description.text import yaml_line
from qlint.network.matlab import ports
from qlint.network.matlab.opaque import NESTING
from qlint.network.matlab.registry import TYPES
from qlint.network.matlab.schema import schema
from qlint.network.matlab.table import LayerType

INTRODUCTION = """\
# Layers of network descriptions

Which layer types a description may hold, with the properties that mean something, their values and the defaults that
MATLAB documents. Where no default is given, a property that is left out is not known: rules about it stay undecided,
and what needs it says so. `null`, and MATLAB's `auto`, are not known either. Sizes are in MATLAB's order.

Every layer may also have `Name`, `Description`, initializers, learning rate and regularization factors, which mean
nothing at inference. A type with a dot in its name, and any type with `custom: true`, is a custom layer: it may have
any property, and its ports are those that are connected, or that `InputNames`, `OutputNames`, `NumInputs` and
`NumOutputs` tell. A layer of several inputs that does not give `NumInputs` has as many as are connected. A connection that names no
port means the first one.

Learnables are arrays in MATLAB's order, named `<layer>/<learnable>` in the file that `weights` names (`.npz`, or `.mat`
up to version 7), or nested lists under a layer's `learnables`.
"""


def schema_text() -> str:
    """The JSON Schema as a file."""
    return json.dumps(schema(), indent=1, ensure_ascii=False) + "\n"


def page() -> str:
    """Every layer type with its properties."""
    lines = [INTRODUCTION]
    for layer in TYPES.values():
        lines += [f"## {layer.name}", ""]
        lines += [f"* `{name}`: {item.kind.says}{_default(item.default)}" for name, item in layer.properties.items()]
        lines += [
            f"* `{name}`, short for {_listed(item.targets)}: {item.kind.says}"
            for name, item in layer.shorthands.items()
        ]
        lines += _further(layer)
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _default(value: Any) -> str:
    return "" if value is None else f" (default {yaml_line(value)})"


def _further(layer: LayerType) -> list[str]:
    """Learnables, ports that are not `in` and `out`, and what else there is to say."""
    told: dict[str, Any] = {name: True for name in layer.properties if name.startswith("Has")}
    inputs, outputs = ports(layer.name, {**told, "NumInputs": None})
    lines = [f"* learnables: {_listed(layer.learnables)}"] if layer.learnables else []
    if inputs != ("in",):
        lines.append(f"* inputs: {_listed(inputs)}" if inputs else "* no inputs")
    if outputs != ("out",):
        lines.append(f"* outputs: {_listed(outputs)}" if outputs else "* no outputs")
    if layer.name in NESTING:
        lines.append("* `Network`: its layers and connections, as of a whole description")
    if layer.open:
        lines.append("* any other property")
    if layer.opaque:
        lines.append(f"* not computed: {layer.opaque}")
    return lines or ["* no properties"]


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)
