"""Phases of many nodes on worker processes, on other machines too: docs/scale.md."""
