"""What several tests use."""

from pathlib import Path

TOY = Path(__file__).with_name("toy_plugin.py")
