"""`python -m bench tune`: arguments of methods and presets, searched on validation data."""
