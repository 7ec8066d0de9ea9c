"""Rewrites that prepare a network for quantization, as patches that can be proven, saved and applied."""
