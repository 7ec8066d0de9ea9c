"""qlint tells whether a trained ONNX network will survive int8 quantization, and why not where it will not."""

__version__ = "0.1.0"
