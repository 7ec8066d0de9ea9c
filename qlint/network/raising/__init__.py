"""Raising: from nodes to the layers of a network description; the way back of `qlint.network.lower`.

MATLAB's data carry labels and ONNX's an order of axes. Raising knows for every tensor which label each of its axes has,
so that a Transpose, a Squeeze or a Flatten that only brings the same data into another order is no layer.
"""
