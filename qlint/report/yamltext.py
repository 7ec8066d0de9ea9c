"""Parts of a rule file as the text their author might have written."""

from __future__ import annotations

from typing import Any

import yaml

from qlint.report.escape import visible

_ENDLESS = 1_000_000


class _Plain(yaml.SafeDumper):
    """Writes what occurs twice twice: anchors are no help to a reader."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def yaml_lines(value: Any, width: int) -> list[str]:
    """A part of a rule file as YAML, innermost lists and mappings on one line, escaped.

    Args:
        value: lists, mappings and scalars.
        width: columns to keep to.
    """
    return [visible(line) for line in _dump(value, None, width).split("\n") if line]


def yaml_flow(value: Any) -> str:
    """The same on one line."""
    return visible(_dump(value, True, _ENDLESS).rstrip("\n"))


def _dump(value: Any, flow: bool | None, width: int) -> str:
    text: str = yaml.dump(
        value, Dumper=_Plain, sort_keys=False, default_flow_style=flow, width=width, allow_unicode=True
    )
    return text.removesuffix("...\n")
