"""Golden plans: what becomes of small networks in every environment that has a table.

`python -m tests.plan.golden` writes them anew after a rule file has changed; read the difference before you commit it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
import onnx.parser
from onnx import numpy_helper

from qlint.plan.model import Plan
from qlint.planning import plan
from qlint.rules import library

HERE = Path(__file__).resolve().parent / "golden"
FIXTURES = HERE.parents[2] / "fixtures"

CONV = {"w1": [4, 4, 3, 3], "w2": [4, 4, 3, 3]}
NETWORKS: dict[str, str | tuple[str, dict[str, list[int]]]] = {
    "chain": "conv_bn_relu.onnx",
    "digits": "digits.onnx",
    "lstm": "lstm_relu_state.onnx",
    "residual-with-a-single-branch": (
        """g (float[1, 4, 8, 8] x) => (float[1, 4, 8, 8] y) {
            [first] a = Conv <pads = [1, 1, 1, 1]> (x, w1)
            [relu] b = Relu(a)
            [gate] c = Sigmoid(b)
            [sum] d = Add(b, c)
            [after] e = Relu(d)
            [second] y = Conv <pads = [1, 1, 1, 1]> (e, w2)
        }""",
        CONV,
    ),
    "float-island": (
        """g (float[1, 4, 8, 8] x) => (float[1, 4, 8, 8] y) {
            [first] a = Conv <pads = [1, 1, 1, 1]> (x, w1)
            [softplus] b = Softplus(a)
            [pool] c = MaxPool <kernel_shape = [3, 3], pads = [1, 1, 1, 1]> (b)
            [relu] d = Relu(c)
            [second] y = Conv <pads = [1, 1, 1, 1]> (d, w2)
        }""",
        CONV,
    ),
}


def path_of(name: str, folder: Path) -> Path:
    """The network's file; one that is given as text is written to a folder."""
    given = NETWORKS[name]
    if isinstance(given, str):
        return FIXTURES / given
    text, weights = given
    model = onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["": 17]> {text}')
    for weight, shape in weights.items():
        model.graph.initializer.append(numpy_helper.from_array(np.zeros(shape, np.float32), weight))
    path = folder / f"{name}.onnx"
    onnx.save(model, path)
    return path


def golden(name: str, folder: Path) -> str:
    """The text that the golden file must hold."""
    environments = [library.load(id, None) for id in library.environments()]
    known = [environment for environment in environments if environment.table.groups]
    lines: list[str] = []
    for planning in plan(str(path_of(name, folder)), known, prepared=True):
        assert planning.prepared is not None
        title = f"{planning.plan.environment.id} {planning.plan.environment.release}"
        lines += [title, *_told(planning.plan), f"{title}, prepared", *_told(planning.prepared.plan)]
    return "\n".join(lines) + "\n"


def _told(found: Plan) -> Iterator[str]:
    for layer in found.layers:
        cause = f" <- {layer.cause}" if layer.cause else ""
        yield f"  {layer.name} {layer.type}: {layer.outcome.value} ({layer.reason}){cause}"
    for what, share in found.summary().items():
        yield f"  {what}: {share.quantized} of {share.total}" + (f", {share.unknown} unknown" if share.unknown else "")
    for island in found.islands:
        yield f"  island: {' '.join(island.layers)} <- {' '.join(cause.id for cause in island.causes)}"


def main() -> None:
    """Write the golden files."""
    with TemporaryDirectory() as folder:
        for name in NETWORKS:
            (HERE / f"{name}.txt").write_text(golden(name, Path(folder)), encoding="utf-8")


if __name__ == "__main__":
    main()
