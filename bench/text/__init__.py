"""Frozen text encoders, one file each, and captions as they see them."""
