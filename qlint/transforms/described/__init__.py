"""Transforms of network descriptions: what nodes cannot say (classes, projected layers, products of many inputs)."""
