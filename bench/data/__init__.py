"""Data sets, one file each, and the form in which they are prepared."""
