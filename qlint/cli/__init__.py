"""The command line: one file per command. Nothing here imports onnx, numpy, networkx or jsonschema at module level."""
