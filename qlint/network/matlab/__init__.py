"""MATLAB's layers as descriptions name them: their properties, defaults, learnables and ports.

The tables are the one place that knows them; the JSON Schema of descriptions and the documents are made from them.
"""

from qlint.network.matlab.normal import normal
from qlint.network.matlab.ports import ports

__all__ = ["normal", "ports"]
