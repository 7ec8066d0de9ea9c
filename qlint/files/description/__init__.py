"""Reading and writing network descriptions (`*.qnet.yaml`, `*.qnet.json`)."""
