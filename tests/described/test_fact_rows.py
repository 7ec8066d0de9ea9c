"""Every documented row about MATLAB's preparation, criteria, conditional layers and limits has a fixture that shows it.

A row is told by what it says. What no network file can show is listed with the reason.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from qlint.diagnostics import EvidenceKind
from qlint.network.matlab.activations import OUTPUT_LAYERS
from qlint.network.matlab.registry import TYPES
from qlint.rules import library
from qlint.rules.model import Role
from tests.described.golden import DESCRIPTIONS, FIXTURES, codes, findings, fixed

ROWS = {
    # prepareNetwork's transformations: (rule, fixture, layer, environment, whether `fix` resolves it)
    "a SeriesNetwork is converted": ("MAT301", "digits_series.qnet.yaml", "", "matlab", True),
    "a DAGNetwork is converted": ("MAT301", "residual_dag.qnet.yaml", "", "matlab", True),
    "output layers go": ("MAT302", "digits_series.qnet.yaml", "classoutput", "matlab", True),
    "regression output layers go": ("MAT302", "nested_network.qnet.yaml", "out", "matlab", True),
    "batch normalization after convolution2dLayer": (
        "MAT401",
        "digits_series.qnet.yaml",
        "batchnorm_1",
        "matlab",
        True,
    ),
    "after groupedConvolution2dLayer": ("MAT401", "depthwise_block.qnet.yaml", "depthwise_bn", "matlab", True),
    "after convolution1dLayer": ("MAT401", "other_preparation.qnet.yaml", "conv1d_bn", "matlab", True),
    "after fullyConnectedLayer": ("MAT401", "other_preparation.qnet.yaml", "fc_bn", "matlab", True),
    "batch normalization elsewhere is replaced": ("MAT402", "residual_dag.qnet.yaml", "after", "matlab", True),
    "neither fused nor replaced": ("MAT403", "other_preparation.qnet.yaml", "hopeless_bn", "matlab", False),
    "dropout is removed": ("NET401", "digits_series.qnet.yaml", "dropout", "matlab", True),
    "dropout, GPU": ("NET401", "digits_series.qnet.yaml", "dropout", "gpu", True),
    "dropout, FPGA": ("NET401", "digits_series.qnet.yaml", "dropout", "fpga", True),
    "dropout, CPU": ("NET401", "digits_series.qnet.yaml", "dropout", "cpu", True),
    "layers like dropout": ("NET402", "custom_layers.qnet.yaml", "noise", "matlab", False),
    "a product of three, MATLAB": ("MAT404", "gated_block.qnet.yaml", "product", "matlab", True),
    "a product of three, FPGA": ("FPG403", "gated_block.qnet.yaml", "product", "fpga", True),
    "lstmProjectedLayer is unpacked": ("MAT405", "projected.qnet.yaml", "lstm", "matlab", True),
    "gruProjectedLayer is unpacked": ("MAT405", "projected.qnet.yaml", "gru", "matlab", True),
    "a ProjectedLayer is unpacked": ("MAT405", "projected.qnet.yaml", "fc", "matlab", True),
    # Criteria of architecture and properties
    "custom layers are not handled": ("MAT101", "custom_layers.qnet.yaml", "clip", "matlab", False),
    "custom layers, GPU, at construction": ("GPU101", "custom_layers.qnet.yaml", "clip", "gpu", False),
    "some LSTM states": ("MAT205", "state_ports.qnet.yaml", "lstm", "matlab", False),
    "names are ASCII, GPU": ("GPU206", "other_preparation.qnet.yaml", "größe", "gpu", False),
    "at least one layer that quantizes": ("MAT303", "mean_padding.qnet.yaml", "", "matlab", False),
    # Conditionally quantized layers
    "multiplicationLayer needs all inputs": ("MAT210", "gated_block.qnet.yaml", "product", "matlab", False),
    "additionLayer needs all inputs": ("MAT210", "other_preparation.qnet.yaml", "sum", "matlab", False),
    "reluLayer needs its input": ("MAT210", "gated_block.qnet.yaml", "relu", "matlab", False),
    "average pooling needs its input": ("MAT210", "mean_padding.qnet.yaml", "unpadded", "matlab", False),
    "concatenation needs its inputs": ("MAT210", "every_normalization.qnet.yaml", "mix", "matlab", True),
    "softmax computes in single": ("MAT105", "digits_series.qnet.yaml", "softmax", "matlab", False),
    # Limits of layers in the MATLAB environment
    "averagePooling1dLayer pads with 0": ("MAT201", "mean_padding.qnet.yaml", "steps", "matlab", False),
    "averagePooling2dLayer pads with 0": ("MAT201", "mean_padding.qnet.yaml", "padded", "matlab", False),
    "where nothing is padded, it is set to 0": ("MAT201", "mean_padding.qnet.yaml", "unpadded", "matlab", True),
    "lstmLayer, state activation": ("MAT202", "vowels_relu.qnet.yaml", "lstm", "matlab", False),
    "lstmProjectedLayer, state activation": ("MAT202", "other_preparation.qnet.yaml", "projected", "matlab", False),
    "rescale-symmetric, 2-D": ("MAT203", "equal_limits.qnet.yaml", "image", "matlab", False),
    "rescale-zero-one, features": ("MAT203", "equal_limits.qnet.yaml", "features", "matlab", False),
    "rescale-zero-one, 1-D": ("MAT203", "equal_limits.qnet.yaml", "sequence", "matlab", False),
    "zerocenter, 2-D": ("MAT204", "every_normalization.qnet.yaml", "zero_mean", "matlab", True),
    "zscore, features": ("MAT204", "every_normalization.qnet.yaml", "features", "matlab", True),
}

OFF = {
    "channel ranges are equalized": ("MAT501", "depthwise_block.qnet.yaml", "depthwise"),
    "limits of layer blocks": ("MAT255", "mean_padding.qnet.yaml", "steps"),
}
"""Rows whose rules run only when they are asked for."""

NOT_SHOWN = {
    "prepareNetwork's signature, purpose, app step and place in the workflow": "says how to call it, not of a network",
    "bullets of prepareNetwork after the multiplication": "not found",
    "which layer batch normalization is replaced by": "not stated; the transform's evidence says so",
    "a multiple-input example exists": "says that it is allowed; nothing to find",
    "limits of the HDL Processing System block": "of a simulation block, not of quantization",
    "initialized network": "a description without learnables is a bare topology, which does not tell",
    "single-precision learnables": "a description's arrays are single; MAT304 sees ONNX files",
    "no shared weights": "a description names its arrays by layer; MAT305 sees ONNX files",
    "not quantized already": "a description has no quantized form; NET301 sees ONNX files",
    "quantized means computed in fixed point": "a definition, on which `plan` stands",
    "the whole list of conditionally quantized layers": "not found; evidence of the layer table says so",
    "limits of code generation": "see the rules tagged simulink",
}


@cache
def found(fixture: str, environment: str) -> list[tuple[str, str]]:
    return codes(findings(FIXTURES / fixture, environment))


@pytest.mark.parametrize("row", ROWS)
def test_a_fixture_shows_the_row(row: str, tmp_path: Path) -> None:
    code, fixture, layer, environment, is_fixed = ROWS[row]
    assert (code, layer) in found(fixture, environment)
    if is_fixed:
        left = codes(findings(fixed(FIXTURES / fixture, tmp_path), environment))
        assert (code, layer) not in left


@pytest.mark.parametrize("row", OFF)
def test_rows_of_rules_that_are_off(row: str, capsys: pytest.CaptureFixture[str]) -> None:
    from qlint.cli.main import main

    code, fixture, layer = OFF[row]
    main(["check", str(FIXTURES / fixture), "--select", code, "--output-format", "concise", "-v"])
    assert (code, layer) in codes(capsys.readouterr().out)


def test_a_clean_network_has_no_error_of_these_rules() -> None:
    """What the fixtures show is not there when there is no cause for it."""
    errors = {code for code, *_ in ROWS.values()} - {"MAT105"}
    assert {code for code, _ in found("vowels_softsign.qnet.yaml", "matlab")} & errors == set()


def test_every_documented_error_about_described_networks_is_shown() -> None:
    """No rule of MATLAB's that fails a build is without a fixture; those about ONNX files have theirs elsewhere."""
    shown = {code for code, *_ in ROWS.values()}
    rules = library.load("matlab", None).rules
    documented = [rule for rule in rules if rule.evidence.kind is EvidenceKind.DOCUMENTED and rule.enabled]
    missing = {rule.code for rule in documented if rule.severity.label == "error"} - shown
    assert missing == {"NET403"}  # dropout that stays switched on: an ONNX file can say so, MATLAB's layer cannot


def test_every_layer_type_of_descriptions_is_quantized_or_has_a_rule() -> None:
    """A networkLayer is opened; whatever else stays in single precision, a rule says so."""
    matlab = library.load("matlab", None)
    always = [rule for rule in matlab.rules if rule.enabled and rule.layers and "when" not in rule.source]
    silent = {
        name
        for name in TYPES
        if matlab.quantization.role(name) is Role.NEVER and not any(name in (rule.layers or ()) for rule in always)
    }
    assert silent == {"networkLayer"}


def test_every_output_layer_has_its_finding() -> None:
    layers = library.find_rule("MAT302").layers
    assert layers is not None and set(layers.names) == OUTPUT_LAYERS


def test_every_fixture_shows_something_or_is_the_good_example() -> None:
    used = {fixture for _, fixture, *_ in ROWS.values()}
    others = {"vowels_softsign.qnet.yaml", "digits_bare.qnet.json"}
    assert {path.name for path in DESCRIPTIONS} == used | others
