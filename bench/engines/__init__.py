"""Engines: where groups of cells run. Each has a `run` that takes groups and gives records."""
