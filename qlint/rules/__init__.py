"""Rule files: what an execution environment says, and what a network makes of it."""
