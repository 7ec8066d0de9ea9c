"""The node storey: an ONNX file as plain records, its weights left where they are."""
