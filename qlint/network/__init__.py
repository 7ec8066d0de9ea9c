"""The layer storey: what an ONNX file's nodes amount to in MATLAB's terms."""
