"""The Python source line an exporter recorded for a node."""

from __future__ import annotations

import os
import re

_FRAME = re.compile(r'File "([^"\n]{1,1000})", line (\d{1,9})')


def source_line(metadata: dict[str, str]) -> str | None:
    """`file:line` of the innermost recorded frame whose file exists below the current folder.

    torch's exporter writes a stack trace to `pkg.torch.onnx.stack_trace`. Frames of installed libraries and
    of other machines are passed over, and no absolute path is ever shown.
    """
    trace = metadata.get("pkg.torch.onnx.stack_trace")
    if not trace:
        return None
    root = os.getcwd()
    for path, line in reversed(_FRAME.findall(trace[:100_000])):
        relative = os.path.relpath(path, root) if os.path.isabs(path) else os.path.normpath(path)
        if relative.startswith("..") or os.path.isabs(relative) or "\0" in relative:
            continue
        if os.path.isfile(os.path.join(root, relative)) and "site-packages" not in relative:
            return f"{relative.replace(os.sep, '/')}:{line}"
    return None
