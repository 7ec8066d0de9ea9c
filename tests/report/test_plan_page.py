"""The text of plans: what people read, and that it fits."""

from __future__ import annotations

from typing import Any

import pytest

from qlint.planning import Planning, Prepared
from qlint.report import plan_page
from qlint.report.layout import Style
from qlint.report.plan_words import amount, clipped, percent
from qlint.rules import library
from tests.plan.making import chain, norm, planned, pool
from tests.rules.making import network

LONG = "/model/" + "very/" * 30 + "deep"


def text(*layers: Any, verbose: bool = False, width: int = 80, **options: Any) -> str:
    found = planned(network(*layers))
    return plan_page.text([Planning(found)], Style(width=width), verbose=verbose, **options)


def test_a_small_network_is_told_layer_by_layer() -> None:
    conv = {"name": "conv", "type": "convolution2dLayer", "shape": [1, 2, 8, 8]}
    conv["learnables"] = {"Weights": {"shape": [2, 3, 3, 3]}, "Bias": {"shape": [2]}}
    assert text("imageInputLayer", conv, norm(), "sigmoidLayer", "reluLayer", assumed=True) == (
        "model.onnx\n"
        "No -e given: planned for test, release R3\n"
        "\n"
        "  layer            type                     outcome      parameters   MACs\n"
        "  imageInputLayer  imageInputLayer          fixed-point\n"
        "  conv             convolution2dLayer       int8                 56  3,456\n"
        "  norm             batchNormalizationLayer  fused                 ?\n"
        "  sigmoidLayer     sigmoidLayer             single\n"
        "      not among the layers known to quantize in test\n"
        "  reluLayer        reluLayer                single\n"
        "      its input from sigmoidLayer (sigmoidLayer) is single\n"
        "\n"
        "Quantized\n"
        "  layers      50.0 %  2 of 4\n"
        "  parameters   100 %  56 of 56\n"
        "  MACs         100 %  3,456 of 3,456\n"
        "\n"
        "Evidence: 3 documented, 1 recalled; what is recalled is from memory of the\n"
        "          documentation, so check your release\n"
    )


def test_equal_layers_in_a_row_share_a_line() -> None:
    relus = [{"name": f"r{number}", "type": "reluLayer"} for number in range(5)]
    assert "  5 x, from r0     reluLayer        fixed-point\n" in text("imageInputLayer", *relus)


def long_network() -> list[Any]:
    convs = [{"name": f"{LONG}{number}", "type": "convolution2dLayer"} for number in range(60)]
    gates = [{"name": f"gate{number}", "type": "sigmoidLayer"} for number in range(20)]
    mixed = [layer for pair in zip(convs[:20], gates, strict=True) for layer in pair]
    return ["imageInputLayer", *mixed, *convs[20:], pool(None), "reluLayer"]


def test_a_long_network_is_summed_up_by_type() -> None:
    found = text(*long_network())
    assert "  int8         convolution2dLayer           60           ?     ?\n" in found
    assert (
        "  single       not among the layers known to quantize in test\n"
        "                 sigmoidLayer               20\n" in found
    )
    assert "  unknown      TST201 asks for what is not known: PaddingValue of layer 'pool'\n" in found
    assert "               an input may be single\n                 reluLayer                   1\n" in found
    assert "20 float islands split the fixed-point network\n" in found
    assert '  20 islands of 1 layer each, from "gate0" on\n' in found
    assert "  remedy TST101: Use a ReLU.\n" in found
    assert LONG not in found


def test_verbose_lists_every_layer_and_island() -> None:
    found = text(*long_network(), verbose=True, width=300)
    assert all(f"gate{number} " in found and f'1 layer: "gate{number}"' in found for number in range(20))


@pytest.mark.parametrize("verbose", [False, True])
@pytest.mark.parametrize("width", [80, 100])
def test_no_line_is_wider_than_the_screen(verbose: bool, width: int) -> None:
    found = text(*long_network(), verbose=verbose, width=width)
    assert max(map(len, found.splitlines())) <= width


def test_no_line_of_a_comparison_is_wider_than_the_screen() -> None:
    plans = [Planning(planned(network(*long_network()), library.load(id, None))) for id in library.environments()]
    found = plan_page.text(plans, Style(width=80))
    assert max(map(len, found.splitlines())) <= 80


def test_amounts_that_are_not_known_fit_on_the_screen_before_and_after() -> None:
    conv = {"name": "conv", "type": "convolution2dLayer", "shape": [1, 2, 90, 90]}
    conv["learnables"] = {"Weights": {"shape": [22, 3, 5, 5]}}
    plan = planned(network("imageInputLayer", conv, "bilstmLayer"))
    found = plan_page.text([Planning(plan, Prepared(plan, {}))], Style(width=80))
    share = "13.4 M of 13.4 M, 1 unknown"
    assert f"  MACs        {share}  {share}\n" in found and max(map(len, found.splitlines())) <= 80


def test_hostile_names_do_no_harm() -> None:
    bad = {"name": "a\x1b[31m\nb\u202e", "type": "sigmoidLayer"}
    found = text("imageInputLayer", "convolution2dLayer", bad, {"name": "c", "type": "convolution2dLayer"})
    assert "\x1b" not in found and "\u202e" not in found and r"a\x1b[31m\nb\u202e" in found


def test_preparation_stands_beside() -> None:
    before = planned(network("imageInputLayer", "convolution2dLayer", pool("mean"), {"name": "e", "type": "reluLayer"}))
    after = planned(network("imageInputLayer", "convolution2dLayer", pool(0), {"name": "e", "type": "reluLayer"}))
    found = plan_page.text([Planning(before, Prepared(after, {"zero-average-padding": 1}))], Style(width=80))
    assert "Quantized     now             after qlint fix\n" in found
    assert "  layers      50.0 %  2 of 4   100 %  4 of 4\n" in found
    assert "  qlint fix would apply zero-average-padding (1).\n" in found


def test_environments_without_a_table_have_no_column() -> None:
    net = network("imageInputLayer", "reluLayer")
    plans = [Planning(planned(net, library.load(id, None))) for id in ("matlab", "intel-fpga-ai-suite")]
    found = plan_page.text(plans, Style(width=80))
    assert "  layer            matlab\n" in found
    assert "Nothing is known of which layers intel-fpga-ai-suite quantizes" in found


@pytest.mark.parametrize(
    ("number", "expected"),
    [(0, "0"), (9999, "9,999"), (10_000, "10.0 k"), (999_499, "999 k"), (999_500, "1.00 M"), (4089184256, "4.09 G")],
)
def test_amounts(number: int, expected: str) -> None:
    assert amount(number) == expected


@pytest.mark.parametrize(
    ("share", "expected"), [(0, "0 %"), (0.001, "0.1 %"), (99.999, "99.9 %"), (100, "100 %"), (92.857, "92.9 %")]
)
def test_a_part_is_never_called_all_or_nothing(share: float, expected: str) -> None:
    assert percent(share) == expected


def test_names_are_clipped_at_their_beginning() -> None:
    assert clipped("/model/act/Mul", 10) == "...act/Mul"
    assert clipped("  nnet.onnx.layer.X", 12) == "  ...layer.X"
    assert len(chain("imageInputLayer")) == 1
