"""The public API for converting networks: ONNX to a network description, and back.

converted = convert("model.onnx", "model.qnet.yaml")
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qlint.comparing import expect_bound
from qlint.errors import OutputError, QlintError, UsageError
from qlint.files.atomic import unwritable
from qlint.files.quoting import quoted
from qlint.files.suffixes import DESCRIPTIONS, ONNX, is_description

if TYPE_CHECKING:
    from qlint.files.binding import Bind
    from qlint.files.description.records import Description
    from qlint.files.model import Model
    from qlint.network.lower.assemble import Lowered
    from qlint.network.raising.network import Beyond, Raised
    from qlint.network.reading import Loaded
    from qlint.verify.compare import Compared


@dataclass(slots=True)
class Converted:
    """What converting a network came to.

    Attributes:
        path: the network, with `/`.
        out: where it was written, with `/`.
        layers: how many layers the description has.
        beyond: what the other side cannot say; nothing was compared then.
        lost: what is not kept though the function is: a network's class, output layers, comments.
        layouts: inputs and outputs whose axes stand in another order: (name, there, here).
        inputs: what both ran on, {name, type, shape, source}.
        outputs: every output, compared.
        reason: why they were not compared; "" where they were.
    """

    path: str
    out: str
    layers: int
    beyond: list[Beyond] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    layouts: list[tuple[str, str, str]] = field(default_factory=list)
    inputs: list[dict[str, Any]] = field(default_factory=list)
    outputs: list[Compared] = field(default_factory=list)
    reason: str = ""


def convert(path: str, out: str, *, bind: Bind | None = None) -> Converted:
    """Convert a network, read the result back, and compare the two.

    An ONNX model becomes a description, with its learnables beside it; a description becomes an ONNX model (opset 21,
    IR 10), or a description in the other notation.

    Args:
        path: of the network.
        out: where the result goes; its ending says what it is to be.
        bind: sizes of symbolic dimensions and shapes of inputs, which the result then has.

    Returns:
        What was done. What could not be said is in `beyond`: the result is partial then.

    Raises:
        UsageError: there is nothing to convert between the two.
        ModelError: the network cannot be read.
        QlintError: the result computes something else, or cannot be written; nothing is written then.
    """
    from qlint.network.reading import read

    _expect_conversion(path, out)
    loaded = read(Path(path), bind=bind)
    expect_bound(bind, loaded.model)
    if loaded.described is None:
        return _described(loaded.model, out)
    description, lowered = loaded.described
    if is_description(out):
        return _rewritten(description, lowered, out)
    return _exported(loaded, lowered, out)


def _expect_conversion(path: str, out: str) -> None:
    endings = ", ".join((*ONNX, *DESCRIPTIONS))
    if not is_description(out) and not out.lower().endswith(ONNX):
        raise UsageError(f"{out} is neither an ONNX model nor a network description", f"name it as one of {endings}")
    if not is_description(path) and not is_description(out):
        raise UsageError(
            "both are ONNX models, between which there is nothing to convert",
            "name OUT as .qnet.yaml for a network description; qlint fix prepares a model",
        )
    if os.path.exists(out) and os.path.exists(path) and os.path.samefile(path, out):
        raise UsageError("OUT is the network itself", "name another file")


@contextmanager
def _staged(out: Path) -> Iterator[Path]:
    """A path of the same name in a folder of its own; what is written there moves beside OUT in the end."""
    folder = out.parent
    if not folder.is_dir():
        raise OutputError("there is no such folder", "make it first", path=folder.as_posix())
    try:
        with tempfile.TemporaryDirectory(prefix=f".{out.name[:60]}.", dir=folder) as stage:
            yield Path(stage) / out.name
            # The arrays first: what names them comes when they are there.
            for name in sorted(os.listdir(stage), key=lambda name: name == out.name):
                os.replace(os.path.join(stage, name), folder / name)
    except OSError as error:
        raise unwritable(out, error) from error
    except QlintError as error:
        if error.path is None or Path(stage).as_posix() in error.path:  # nobody gets to see what stood there
            error.path = out.as_posix()
        raise


def _described(model: Model, out: str) -> Converted:
    """ONNX to a description."""
    from qlint.files.description.write import Draft, write_description
    from qlint.network.raising.axes import canonical, is_canonical, ordered, shown
    from qlint.network.raising.model import raise_model
    from qlint.network.reading import read

    raised = raise_model(model)
    found = Converted(model.path, _slashed(out), len(raised.layers), list(raised.beyond))
    for door in (*raised.inputs, *raised.outputs):
        if door.axes is not None and not is_canonical(door.axes):
            labels = ordered(label for axis in door.axes for label in axis)
            spatial = sum(label.startswith("S") for label in labels)
            found.layouts.append((door.tensor, shown(door.axes), shown(canonical(spatial, time="T" in labels))))
    wide = sorted({known.type for known in model.graph.initializers.values()} & {"float16", "double", "bfloat16"})
    if wide:
        found.lost.append(f"that learnables are {' and '.join(wide)}: descriptions hold single precision")
    if not raised.layers:
        raise QlintError("it has no layers that a description could hold", "check the model", path=model.path)
    with _staged(Path(out)) as stage:
        write_description(Draft(raised.body(), arrays=raised.arrays()), stage)
        loaded = read(stage)
        assert loaded.described is not None
        if found.beyond:
            found.reason = "the description leaves open what the layers that it cannot say compute"
        else:
            _compare_described(found, model, raised, loaded.described[1])
    return found


def _compare_described(found: Converted, model: Model, raised: Raised, lowered: Lowered) -> None:
    from qlint.numeric.executor import Executor
    from qlint.verify.translated import Translated, Way

    inputs = [Way(door.tensor, door.end.layer, door.axes) for door in raised.inputs]
    outputs = [
        Way(door.tensor, lowered.layers[door.end.layer].outputs[door.end.port].tensor, door.axes)
        for door in raised.outputs
    ]
    _compare(found, model, Translated(Executor(lowered.model), inputs, outputs, model))


def _compare(found: Converted, model: Model, second: Any) -> None:
    """Run both; what came of it goes into the record.

    Raises:
        QlintError: they compute different things.
    """
    from qlint.numeric.executor import Executor
    from qlint.verify import whole
    from qlint.verify.compare import Verdict
    from qlint.verify.inputs import attempts
    from qlint.verify.proof import described

    random = whole.random_by_nature(model)
    if random:
        found.reason = f"the network is random by nature ({random})"
        return
    executor = Executor(model)
    attempt, outputs, reason = whole.first_run(executor, attempts(model.graph))
    if attempt is None:
        found.reason = f"the network could not be run: {reason}"
        return
    found.inputs = described(attempt, given=False)
    found.outputs = whole.judge(executor, second, attempt, outputs)
    differs = next((output for output in found.outputs if output.verdict is Verdict.DIFFERS), None)
    if differs is not None:
        problem = f"refused: output {differs.name!r} of the result differs: {differs.reason}"
        raise QlintError(problem, "nothing was written; please report this", path=found.path)


def _exported(loaded: Loaded, lowered: Lowered, out: str) -> Converted:
    """A description to ONNX."""
    from qlint.files.export import write_export
    from qlint.files.model import OPAQUE_DOMAIN
    from qlint.files.onnx_file import read_model
    from qlint.network.lower.opaque import why_opaque
    from qlint.network.raising.network import Beyond
    from qlint.network.raising.recorded import record
    from qlint.numeric.executor import Executor

    found = Converted(loaded.model.path, _slashed(out), len(lowered.layers))
    for name, item in lowered.layers.items():
        if any(node.domain == OPAQUE_DOMAIN for node in item.nodes):
            reason = why_opaque(item.layer.type)
            found.beyond.append(Beyond(name, item.layer.type, reason))
    found.lost = _lost(loaded, lowered)
    with _staged(Path(out)) as stage:
        try:
            record(lowered.proto, lowered)
            write_export(lowered.proto, lowered.learnables, stage)
        except OutputError as error:
            problem = f"it cannot become an ONNX model: {error.problem}"
            raise QlintError(problem, error.remedy, path=found.path) from error
        written = read_model(stage)
        if found.beyond:
            found.reason = "what the layers that ONNX cannot say compute is not known"
        else:
            _checked(stage)
            _compare(found, loaded.model, Executor(written))
    return found


def _lost(loaded: Loaded, lowered: Lowered) -> list[str]:
    """What of a description ONNX has no place for."""
    from qlint.network.matlab.activations import OUTPUT_LAYERS

    assert loaded.described is not None
    description = loaded.described[0]
    lost: list[str] = []
    if description.network_class != "dlnetwork":
        lost.append(f"that the network is a {description.network_class}: ONNX has no classes of networks")
    if description.release is not None:
        lost.append(f"the release {description.release}")
    for name, item in lowered.layers.items():
        layer = item.layer
        if layer.type in OUTPUT_LAYERS:
            lost.append(f"{layer.type} {quoted(name)}, which does nothing at inference")
        elif "rojected" in layer.type:
            lost.append(f"the factors of {layer.type} {quoted(name)}: ONNX gets their product")
        elif layer.type == "multiplicationLayer" and len(item.inputs) > 2:
            lost.append(f"that {layer.type} {quoted(name)} is one layer: ONNX multiplies two tensors at a time")
    ignoring = sum(bool(item.layer.typed.entry.ignore) for item in lowered.layers.values())
    if ignoring:
        lost.append(f"reasons to ignore findings, of {ignoring} layer{'s' if ignoring > 1 else ''}")
    return lost


def _checked(path: Path) -> None:
    import onnx

    try:
        onnx.checker.check_model(str(path), full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        problem = f"refused: the result is no valid ONNX model: {str(error)[:200]}"
        raise QlintError(problem, "nothing was written; please report this") from error


def _rewritten(description: Description, lowered: Lowered, out: str) -> Converted:
    """A description in the other notation."""
    from qlint.files.description.write import Draft, write_description
    from qlint.network.reading import read
    from qlint.numeric.executor import Executor

    found = Converted(description.path, _slashed(out), len(lowered.layers), lost=["comments, and how it is arranged"])
    arrays = {}
    for name in description.arrays.names():
        layer, _, learnable = name.rpartition("/")
        tensor = description.arrays.find(layer, learnable)
        if tensor is not None:
            arrays[name] = tensor
    with _staged(Path(out)) as stage:
        write_description(Draft(description.body, description.network_class, description.release, arrays), stage)
        written = read(stage)
        _compare(found, lowered.model, Executor(written.model))
    return found


def _slashed(path: str) -> str:
    return path.replace(os.sep, "/")
