"""Connected runs of layers: the importer makes one custom layer of each."""

from __future__ import annotations

from collections.abc import Collection

from qlint.network.network import Layer


def connected_runs(layers: Collection[Layer]) -> list[list[Layer]]:
    """The connected parts of what edges between `layers` join, each in their order, ordered by their first layer.

    `layers` come in topological order. Linear in their edges, but for the inverse Ackermann function.
    """
    parent: dict[Layer, Layer] = {layer: layer for layer in layers}

    def root(layer: Layer) -> Layer:
        while (above := parent[layer]) is not layer:
            parent[layer] = layer = parent[above]  # halve the path, so that long runs stay flat
        return layer

    size = dict.fromkeys(parent, 1)
    for layer in parent:
        for source in layer.sources:
            if source is None or source not in parent:
                continue
            one, other = root(layer), root(source)
            if one is other:
                continue
            if size[one] < size[other]:
                one, other = other, one
            parent[other] = one
            size[one] += size[other]
    runs: dict[Layer, list[Layer]] = {}
    for layer in parent:
        runs.setdefault(root(layer), []).append(layer)
    return list(runs.values())
