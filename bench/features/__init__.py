"""Feature extractors, one file each, and where their weights are."""
