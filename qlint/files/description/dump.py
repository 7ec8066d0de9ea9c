"""The text of a new description."""

from __future__ import annotations

from typing import Any

from qlint.files.description.records import SCHEMA, Body
from qlint.files.description.text import body_data, connection_data, json_line, layer_data, yaml_line


def dump(body: Body, *, network: dict[str, Any], weights: str | None, as_json: bool) -> str:
    """The text of a description: a line for each layer and each connection.

    Args:
        body: layers and connections.
        network: `class` and `release`.
        weights: name of the array file, or None.
        as_json: JSON, else YAML.

    Raises:
        OutputError: what JSON, or a description, cannot say.
    """
    head: dict[str, Any] = {"schema": SCHEMA, "network": network}
    if weights is not None:
        head["weights"] = weights
    if not as_json:
        lines = [f"{key}: {yaml_line(value)}" for key, value in head.items()]
        return "\n".join([*lines, *_yaml_body(body, "")]) + "\n"
    lines = [f'  "{key}": {json_line(value)}' for key, value in head.items()]
    for key, items in body_data(body).items():
        lines.append(f'  "{key}": [\n' + ",\n".join(f"    {json_line(item)}" for item in items) + "\n  ]")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _yaml_body(body: Body, indent: str) -> list[str]:
    lines = [f"{indent}layers:"]
    for entry in body.layers.values():
        data = layer_data(entry)
        if entry.nested is None:
            lines.append(f"{indent}  - {yaml_line(data)}")
            continue
        del data["Network"]
        first, *rest = [f"{key}: {yaml_line(value)}" for key, value in data.items()]
        lines += [f"{indent}  - {first}", *(f"{indent}    {line}" for line in rest), f"{indent}    Network:"]
        lines += _yaml_body(entry.nested, f"{indent}      ")
    if not body.sequential:
        pairs = [yaml_line(connection_data(connection, body.layers)) for connection in body.connections]
        lines += [f"{indent}connections:", *(f"{indent}  - {pair}" for pair in pairs)]
        if not pairs:
            lines[-1] += " []"
    return lines
