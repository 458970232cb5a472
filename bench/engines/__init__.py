"""Engines: where groups of cells run. Each offers `run(groups, place, plugins, on_record)`."""
