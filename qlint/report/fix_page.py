"""`qlint fix`: what was rewritten, what was left alone and why, and how the result was proven."""

from __future__ import annotations

from collections.abc import Iterator
from math import isfinite
from typing import TYPE_CHECKING, Any

from qlint.report import records, sizes
from qlint.report.apply_page import rewrite
from qlint.report.escape import MESSAGE_LIMIT, name, quoted, visible
from qlint.report.layout import Style, count

if TYPE_CHECKING:
    from qlint.preparing import Fixed
    from qlint.transforms.described.base import Rewrite
    from qlint.transforms.patch import Declined, Patch
    from qlint.verify.proof import Verification

SCHEMA = "qlint.fix/v1"


def text(fixed: Fixed, width: int = 100) -> str:
    """What was done to a model, in words.

    Args:
        fixed: what `qlint.preparing.fix` returned.
        width: columns that sentences are wrapped to.
    """
    style = Style(width=width)
    release = f"@{fixed.environment.release}" if fixed.environment.release else ""
    lines = [f"{visible(fixed.path)} prepared for {fixed.environment.id}{release}"]
    lines += sizes.lines(fixed.bind, style, "; rewrites may rely on these sizes")
    if fixed.applied:
        lines += ["", f"Rewritten: {count(len(fixed.applied), 'time')}"]
        lines += [line for patch in fixed.applied for line in _applied(patch, fixed, style)]
    if fixed.declined:
        lines += ["", f"Left alone: {count(len(fixed.declined), 'layer')}"]
        lines += [line for declined in fixed.declined for line in _declined(declined, style)]
    lines += ["", *_verification(fixed, style), "", _ending(fixed)]
    return "\n".join(lines) + "\n"


def _applied(patch: Patch | Rewrite, fixed: Fixed, style: Style) -> Iterator[str]:
    step = fixed.steps.get(patch.transform)
    whose = "prepareNetwork's" if step is not None and step.origin == "prepareNetwork" else "qlint's own"
    layer = f" {quoted(patch.id)}" if patch.id else ""
    yield f"  {patch.transform} ({patch.klass}, {whose}): {name(patch.type)}{layer}"
    yield style.wrap(patch.title, 4)


def _declined(declined: Declined, style: Style) -> Iterator[str]:
    yield f"  {declined.transform}: {name(declined.type)} {quoted(declined.id)}"
    yield style.wrap(f"declined: {declined.reason}", 4)


def _verification(fixed: Fixed, style: Style) -> Iterator[str]:
    found = fixed.verification
    if found is not None and found.refusal:
        yield style.wrap(f"NOT PROVEN: {found.refusal}", 0)
        return
    if found is not None and found.scope == "none" and found.reason:
        yield style.wrap(f"Not compared: {found.reason}", 0)
        return
    if found is None or found.scope == "none":
        yield "Nothing had to change, so there is nothing to prove."
        return
    lossy = [rewritten.proof.absolute for rewritten in found.rewrites if rewritten.patch.klass == "lossy"]
    if lossy:
        says = f"NOT THE SAME FUNCTION: {count(len(lossy), 'lossy rewrite')}, as --unsafe allows"
        yield style.wrap(f"{says}; largest difference of such a layer's output {max(lossy):.3g}", 0)
    yield f"Proven: {count(len(found.rewrites) - len(lossy), 'rewrite')}, each on its own region"
    if found.scope == "network":
        ran = ", ".join(f"{name(i['name'])} {i['type']}{i['shape']}" for i in found.inputs)
        source = found.inputs[0]["source"] if found.inputs else "no"
        whole = "the whole network was measured" if lossy else "and the whole network"
        yield style.wrap(f"{whole} on {source} inputs ({ran})", 2)
        if found.error is not None:
            bound = f", bound {found.bound:.3g}" if found.bound is not None else ""
            yield f"  largest difference of an output {found.error:.3g}{bound}"
        for output in found.outputs:
            if output.reason:
                yield style.wrap(f"output {quoted(output.name)}: {output.verdict}, {output.reason}", 2)
    else:
        yield style.wrap(f"the whole network was not compared: {found.reason}", 2)


def _ending(fixed: Fixed) -> str:
    if fixed.status == "written":
        return f"Written: {visible(fixed.out or '')}"
    if fixed.status == "copied":
        return f"Nothing had to change; {visible(fixed.out or '')} is a copy."
    if fixed.status == "would change":
        return "Nothing was written; -o OUT or --in-place writes it."
    if fixed.status == "refused":
        return "Nothing was written."
    return "Nothing had to change; nothing was written."


def difference(fixed: Fixed) -> str:
    """The nodes that a preparation takes away and brings, rewrite by rewrite; "" where it changes nothing."""
    if fixed.difference is not None:
        return fixed.difference
    lines: list[str] = []
    rewrites = fixed.verification.rewrites if fixed.verification is not None else []
    if rewrites:
        lines = [f"--- {visible(fixed.path)}", f"+++ {visible(fixed.path)}, prepared for {fixed.environment.id}"]
    for rewritten in rewrites:
        lines.append(f"@@ {rewritten.patch.transform}: {visible(rewritten.patch.title, MESSAGE_LIMIT)} @@")
        before, after = list(map(_node, rewritten.before.nodes)), list(map(_node, rewritten.after.nodes))
        gone, new = set(before), set(after)
        lines += [f"-{line}" if line not in new else f" {line}" for line in before]
        lines += [f"+{line}" for line in after if line not in gone]
    return "\n".join(lines) + "\n" if lines else ""


def _node(node: Any) -> str:
    """A node on one line: `y = Conv(x, w) {group: 1}`."""
    settings = ", ".join(f"{key}: {_setting(value)}" for key, value in sorted(node.attributes.items()))
    outputs, inputs = (", ".join(name(word) for word in words) for words in (node.outputs, node.inputs))
    return visible(f"{outputs} = {node.op_type}({inputs})" + (f" {{{settings}}}" if settings else ""), MESSAGE_LIMIT)


def _setting(value: Any) -> str:
    shape = getattr(value, "shape", None)
    if shape is not None:
        return f"tensor{list(shape)}"
    return str(value) if isinstance(value, int | float | str | list | tuple) and not _has_graphs(value) else "graph"


def _has_graphs(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and not isinstance(value[0], int | float | str)


def data(fixed: Fixed) -> dict[str, Any]:
    """The same as data (`qlint.fix/v1`)."""
    return {
        "schema": SCHEMA,
        "tool": records.tool(),
        "environment": records.environment(fixed.environment),
        "model": {"path": fixed.path, "digest": fixed.digest},
        **sizes.data(fixed.bind),
        "out": fixed.out,
        "status": fixed.status,
        "applied": [applied(patch, fixed) for patch in fixed.applied],
        "declined": [
            {"transform": entry.transform, "id": entry.id, "type": entry.type, "reason": entry.reason}
            for entry in fixed.declined
        ],
        "verification": _verification_data(fixed.verification) if fixed.verification is not None else None,
    }


def applied(patch: Patch | Rewrite, fixed: Fixed) -> dict[str, Any]:
    """A rewrite, and whose it is."""
    step = fixed.steps.get(patch.transform)
    evidence = None if step is None else {"origin": step.origin, **records.evidence(step.evidence)}
    return {**rewrite(patch), "evidence": evidence}


def _verification_data(found: Verification) -> dict[str, Any]:
    return {
        "scope": found.scope,
        "bound": found.bound,
        "error": number(found.error),
        "inputs": found.inputs,
        "outputs": [compared(output) for output in found.outputs],
        "regions": len(found.rewrites),
        "reason": found.reason or None,
        "refusal": found.refusal or None,
        "fallbacks": found.fallbacks,
    }


def compared(output: Any) -> dict[str, Any]:
    """An output of two networks (`qlint.verify.compare.Compared`)."""
    return {
        "name": output.name,
        "verdict": output.verdict.value,
        "error": number(output.error),
        "bound": number(output.bound),
        "reason": output.reason or None,
    }


def number(value: float | None) -> float | None:
    """A number as JSON has it: null for none and for infinity."""
    return value if value is not None and isfinite(value) else None
