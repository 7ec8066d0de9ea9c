"""Names from a file as an error may show them: never raw, never long."""

from __future__ import annotations

SHOWN = 80
"""Most characters of a name that a message shows."""


def text(value: str | bytes) -> str:
    r"""A protobuf string; of one that is not UTF-8 (protobuf gives bytes), the stray bytes as `\xff`."""
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else value


def quoted(value: str | bytes) -> str:
    """A name in quotes, on one line, without control, direction or undecodable characters, of bounded length."""
    whole = text(value)
    return repr(whole if len(whole) <= SHOWN else whole[: SHOWN - 3] + "...")
