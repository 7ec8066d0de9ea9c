"""Proof that two networks compute the same: rewrites on their own regions, and whole networks on inputs."""
