"""What several tests use."""

from pathlib import Path

TOY = Path(__file__).with_name("toy_plugin.py")

GUARDED = Path(__file__).with_name("guarded_plugin.py")
"""A data set whose test splits must not be read."""
