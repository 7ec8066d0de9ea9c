"""The other layer types of the catalogue."""

from __future__ import annotations

import pytest

from tests.network.lifting import network, only, types

AFFINE = "nnet.onnx.layer.ElementwiseAffineLayer"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("y = Relu(x)", ["reluLayer"]),
        ("y = LeakyRelu<alpha=0.2>(x)", ["leakyReluLayer"]),
        ("y = Elu(x)", ["eluLayer"]),
        ("y = Sigmoid(x)", ["sigmoidLayer"]),
        ("y = Tanh(x)", ["tanhLayer"]),
        ("y = Softplus(x)", ["softplusLayer"]),
        ("y = Softmax<axis=1>(x)", ["softmaxLayer"]),
        ("y = Softmax<axis=-1>(x)", ["onnx:Softmax"]),
        ("y = HardSigmoid(x)", ["onnx:HardSigmoid"]),
        ("y = LRN<size=5>(x)", ["crossChannelNormalizationLayer"]),
        ("y = Identity(x)", ["identityLayer"]),
        ("y = Dropout(x)", ["dropoutLayer"]),
        ("y = Flatten(x)", ["flattenLayer"]),
        ("y = Flatten<axis=2>(x)", ["reshapeLayer"]),
        ("y = Transpose<perm=[0,2,3,1]>(x)", ["permuteLayer"]),
        ("y = DepthToSpace<blocksize=2>(x)", ["depthToSpace2dLayer"]),
        ("y = SpaceToDepth<blocksize=2>(x)", ["spaceToDepthLayer"]),
        ("z = Relu(x) y = Add(z, x)", ["reluLayer", "additionLayer"]),
        ("z = Relu(x) w = Tanh(x) y = Sum(z, x, w)", ["reluLayer", "tanhLayer", "additionLayer"]),
        ("z = Relu(x) y = Mul(z, x)", ["reluLayer", "multiplicationLayer"]),
        ("z = Relu(x) y = Sub(z, x)", ["reluLayer", "onnx:Sub"]),
        ("z = Relu(x) y = Concat<axis=1>(z, x)", ["reluLayer", "depthConcatenationLayer"]),
        ("z = Relu(x) y = Concat<axis=2>(z, x)", ["reluLayer", "concatenationLayer"]),
        ("y = Clip(x)", ["onnx:Clip"]),
    ],
)  # fmt: skip
def test_operator_becomes_layer(body: str, expected: list[str]) -> None:
    assert types(network(f"g (float[1,4,6,6] x) => (float[a,b,c,d] y) {{ {body} }}")) == expected


def test_slopes_and_sizes() -> None:
    assert only(
        network("g (float[1,4] x) => (float[a,b] y) { y = LeakyRelu<alpha=0.2>(x) }"), "leakyReluLayer"
    ).properties["Scale"] == pytest.approx(0.2)
    lrn = only(
        network("g (float[1,4,2,2] x) => (float[a,b,c,d] y) { y = LRN<size=5, bias=2.0>(x) }"),
        "crossChannelNormalizationLayer",
    )
    assert (lrn.properties["WindowChannelSize"], lrn.properties["K"]) == (5, 2.0)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [("0.0", "6.0", "clippedReluLayer"), ("-1.0", "1.0", "onnx:Clip"), ("0.0", "3.402823e38", "reluLayer")],
)
def test_clip(low: str, high: str, expected: str) -> None:
    net = network(
        f"g (float[1,4] x) => (float[a,b] y) <float low = {{{low}}}, float high = {{{high}}}> {{ r = Abs(x) y = Clip(r, low, high) }}",
        opset=13,
    )
    assert types(net)[-1] == expected
    old = network(f"g (float[1,4] x) => (float[a,b] y) {{ r = Abs(x) y = Clip<min={low}, max={high}>(r) }}", opset=10)
    assert types(old)[-1] == expected
    if expected == "clippedReluLayer":
        assert only(net, expected).properties["Ceiling"] == only(old, expected).properties["Ceiling"] == 6.0


def test_relu6_written_as_min_of_relu() -> None:
    net = network("g (float[1,4] x) => (float[a,b] y) <float six = {6.0}> { r = Relu(x) y = Min(r, six) }")
    assert types(net) == ["clippedReluLayer"]
    assert only(net, "clippedReluLayer").properties["Ceiling"] == 6.0


def test_prelu_needs_a_constant_slope() -> None:
    assert types(
        network("g (float[1,2,3,3] x) => (float[a,b,c,d] y) <float[2,1,1] s = {1,2}> { y = PRelu(x, s) }")
    ) == ["preluLayer"]
    assert types(network("g (float[1,2,3,3] x, float[2,1,1] s) => (float[a,b,c,d] y) { y = PRelu(x, s) }")) == [
        "onnx:PRelu"
    ]


def test_fully_connected_from_gemm() -> None:
    body = "g (float[1,3] x) => (float[a,b] y) <float[{w}] w = {{1,2,3,4,5,6}}, float[2] b = {{1,2}}> {{ y = Gemm<{attributes}>(x, w, b) }}"
    layer = only(network(body.format(w="3,2", attributes="")), "fullyConnectedLayer")
    assert (layer.properties["InputSize"], layer.properties["OutputSize"]) == (3, 2)
    transposed = only(network(body.format(w="2,3", attributes="transB=1")), "fullyConnectedLayer")
    assert (transposed.properties["InputSize"], transposed.properties["OutputSize"]) == (3, 2)
    assert transposed.learnables["Bias"].values().tolist() == [1, 2]


def test_matmul_takes_its_bias_only_from_an_add_nothing_else_looks_behind() -> None:
    head = "g (float[1,3] x) => (float[a,b] y{more}) <float[3,2] w = {{1,2,3,4,5,6}}, float[2] b = {{1,2}}>"
    net = network(head.format(more="") + "{ m = MatMul(x, w) y = Add(b, m) }")
    assert types(net) == ["fullyConnectedLayer"]
    layer = only(net, "fullyConnectedLayer")
    assert layer.id == "graph/y"
    assert layer.properties["Operator"] == "MatMul+Add"
    assert layer.learnables["Bias"].values().tolist() == [1, 2]
    exposed = network(head.format(more=", float[a,b] m") + "{ m = MatMul(x, w) y = Add(b, m) }")
    assert types(exposed) == ["fullyConnectedLayer", AFFINE]
    two_readers = network(head.format(more=", float[a,b] z") + "{ m = MatMul(x, w) y = Add(b, m) z = Relu(m) }")
    assert types(two_readers) == ["fullyConnectedLayer", AFFINE, "reluLayer"]


def test_matmul_of_two_computed_tensors_is_no_matlab_layer() -> None:
    assert types(network("g (float[1,3,3] x) => (float[a,b,c] y) { y = MatMul(x, x) }")) == ["onnx:MatMul"]


@pytest.mark.parametrize(
    ("node", "scale", "offset"),
    [
        ("Add(r, c)", 1.0, 4.0),
        ("Sub(r, c)", 1.0, -4.0),
        ("Sub(c, r)", -1.0, 4.0),
        ("Mul(c, r)", 4.0, 0.0),
        ("Div(r, c)", 0.25, 0.0),
    ],
)
def test_constant_affine_arithmetic(node: str, scale: float, offset: float) -> None:
    layer = only(network(f"g (float[1,3] x) => (float[a,b] y) <float c = {{4}}> {{ r = Relu(x) y = {node} }}"), AFFINE)
    assert (layer.properties["Scale"], layer.properties["Offset"]) == (scale, offset)


def test_constant_over_tensor_is_not_affine() -> None:
    assert types(network("g (float[1,3] x) => (float[a,b] y) <float c = {4}> { r = Relu(x) y = Div(c, r) }")) == [
        "reluLayer",
        "onnx:Div",
    ]


BN = """g (float[1,2,4,4] x) => (float[1,2,4,4] y{more})
<float[2] s = {{1,2}}, float[2] b = {{0,0}}, float[2] m = {{0,0}}, float[2] v = {{1,3}}>
{{ y{outputs} = BatchNormalization<{attributes}>(x, s, b, m, v) }}"""


def test_batch_normalization() -> None:
    layer = only(network(BN.format(more="", outputs="", attributes="")), "batchNormalizationLayer")
    assert layer.properties["Epsilon"] == pytest.approx(1e-5)
    assert layer.properties["TrainingMode"] is False
    assert layer.learnables["TrainedVariance"].values().tolist() == [1, 3]
    assert layer.learnables["TrainedVariance"].constant
    training = network(BN.format(more="", outputs=", rm, rv", attributes="training_mode=1"))
    assert only(training, "batchNormalizationLayer").properties["TrainingMode"] is True
    old = network(BN.format(more="", outputs=", rm, rv, sm, sv", attributes=""), opset=9)
    assert only(old, "batchNormalizationLayer").properties["TrainingMode"] is True
    per_activation = network(BN.format(more="", outputs="", attributes="spatial=0"), opset=8)
    assert only(per_activation, "batchNormalizationLayer").properties["PerActivation"] is True


def test_normalizations() -> None:
    scale = "<float[4] s = {1,1,1,1}, float[4] b = {0,0,0,0}>"
    instance = network(f"g (float[1,4,3,3] x) => (float[a,b,c,d] y) {scale} {{ y = InstanceNormalization(x, s, b) }}")
    assert only(instance, "groupNormalizationLayer").properties["NumGroups"] == "channel-wise"
    layer = network(f"g (float[1,6,4] x) => (float[a,b,c] y) {scale} {{ y = LayerNormalization(x, s, b) }}")
    assert only(layer, "layerNormalizationLayer").properties["OperationDimension"] == "channel-only"
    group = network(
        f"g (float[1,4,3,3] x) => (float[a,b,c,d] y) {scale} {{ y = GroupNormalization<num_groups=2>(x, s, b) }}",
        opset=21,
    )
    assert only(group, "groupNormalizationLayer").properties["NumGroups"] == 2


def test_dropout_by_opset() -> None:
    old = only(network("g (float[1,4] x) => (float[a,b] y) { y = Dropout<ratio=0.25>(x) }", opset=10), "dropoutLayer")
    assert old.properties["Probability"] == 0.25
    new = only(
        network("g (float[1,4] x) => (float[a,b] y) <float r = {0.25}, bool t = {1}> { y = Dropout(x, r, t) }"),
        "dropoutLayer",
    )
    assert (new.properties["Probability"], new.properties["TrainingMode"]) == (0.25, True)


def lstm(attributes: str = "", *, count: int = 1, op: str = "LSTM", gates: int = 4, inputs: str = "x, w, r") -> str:
    w, r = ",".join(["1"] * count * gates * 2 * 3), ",".join(["1"] * count * gates * 2 * 2)
    return f"""g (float[5,1,3] x, float[1,6] p) => (float[a,b,c,d] y)
    <float[{count},{gates * 2},3] w = {{{w}}}, float[{count},{gates * 2},2] r = {{{r}}}>
    {{ y = {op}<hidden_size=2{attributes}>({inputs}) }}"""


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ("", "lstmLayer"),
        (', activations=["Sigmoid","Relu","Relu"]', "lstmLayer"),
        (', activations=["HardSigmoid","Softsign","Softsign"]', "lstmLayer"),
        (', activations=["Sigmoid","Tanh","Relu"]', "onnx:LSTM"),
        (', activations=["Sigmoid","Elu","Elu"]', "onnx:LSTM"),
        (", clip=3.0", "onnx:LSTM"),
        (", input_forget=1", "onnx:LSTM"),
        (", layout=1", "onnx:LSTM"),
        (', direction="reverse"', "onnx:LSTM"),
    ],
)
def test_lstm(attributes: str, expected: str) -> None:
    net = network(lstm(attributes))
    assert types(net) == [expected]
    if expected == "lstmLayer":
        wanted = "relu" if "Relu" in attributes else "softsign" if "Softsign" in attributes else "tanh"
        assert only(net, expected).properties["StateActivationFunction"] == wanted


def test_lstm_variants() -> None:
    assert types(network(lstm(', direction="bidirectional"', count=2))) == ["bilstmLayer"]
    assert types(network(lstm(inputs="x, w, r, , , , , p"))) == ["onnx:LSTM"]
    gru = only(network(lstm(", linear_before_reset=1", op="GRU", gates=3)), "gruLayer")
    assert gru.properties["ResetGateMode"] == "recurrent-bias-after-multiplication"
    plain = only(network(lstm(op="GRU", gates=3)), "gruLayer")
    assert (plain.properties["ResetGateMode"], plain.properties["NumHiddenUnits"]) == ("before-multiplication", 2)


def test_resize_and_crop() -> None:
    resize = network(
        'g (float[1,2,4,4] x) => (float[a,b,c,d] y) <float[4] s = {1,1,2,2}> { y = Resize<mode="linear">(x, , s) }',
        opset=13,
    )
    layer = only(resize, "resize2dLayer")
    assert (layer.properties["Method"], layer.properties["GeometricTransformMode"], layer.properties["Scale"]) == (
        "bilinear",
        "half-pixel",
        [2, 2],
    )
    upsample = network(
        "g (float[1,2,4,4] x) => (float[a,b,c,d] y) <float[4] s = {1,1,2,2}> { y = Upsample(x, s) }", opset=9
    )
    assert only(upsample, "resize2dLayer").properties["GeometricTransformMode"] == "asymmetric"
    body = "g (float[1,4,6,6] x) => (float[a,b,c,d] y) <int64[2] s = {{1,2}}, int64[2] e = {{5,6}}, int64[2] a = {{{}}}> {{ y = Slice(x, s, e, a) }}"
    assert only(network(body.format("2,3")), "crop2dLayer").properties["Location"] == [3, 2]
    assert types(network(body.format("1,3"))) == ["onnx:Slice"]


def test_reshape_and_embedding() -> None:
    flat = network("g (float[N,4,6,6] x) => (float[a,b] y) <int64[2] s = {0,-1}> { y = Reshape(x, s) }")
    assert types(flat) == ["flattenLayer"]
    reshape = network("g (float[1,4,6,6] x) => (float[a,b,c] y) <int64[3] s = {1,4,36}> { y = Reshape(x, s) }")
    assert only(reshape, "reshapeLayer").properties["OutputSize"] == [1, 4, 36]
    computed = network("g (float[1,4,6,6] x, int64[3] s) => (float[a,b,c] y) { y = Reshape(x, s) }")
    assert types(computed) == ["onnx:Reshape"]
    embedding = network(
        "g (int64[1,7] x) => (float[a,b,c] y) <float[5,2] t = {1,2,3,4,5,6,7,8,9,0}> { y = Gather(t, x) }"
    )
    layer = only(embedding, "wordEmbeddingLayer")
    assert (layer.properties["NumWords"], layer.properties["Dimension"]) == (5, 2)


def test_flatten_of_two_axes_does_nothing() -> None:
    assert (
        only(network("g (float[N,4] x) => (float[a,b] y) { y = Flatten(x) }"), "flattenLayer").properties["NoOp"]
        is True
    )
    assert (
        only(network("g (float[N,4,1] x) => (float[a,b] y) { y = Flatten(x) }"), "flattenLayer").properties["NoOp"]
        is False
    )


def test_other_domains_have_no_matlab_layer() -> None:
    net = network("g (float[1,4] x) => (float[a,b] y) { y = my.ops.Relu(x) }", extra=', "my.ops" : 1\n')
    assert types(net) == ["onnx:Relu"]
    assert only(net, "onnx:Relu").properties["Domain"] == "my.ops"
