"""The plan: the numeric type in which an environment computes each layer of a network, and why."""
