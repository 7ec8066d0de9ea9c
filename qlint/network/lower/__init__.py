"""Lowering: from the layers of a network description to nodes, with MATLAB's semantics.

A tensor's axes stand in the order B, C, S..., T; whichever of these a format has (`SSCB` is [B, C, S, S], `CBT` is
[B, C, T]). MATLAB's first spatial dimension (height) comes first, so that images are ONNX's [N, C, H, W].
"""
