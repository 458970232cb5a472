"""Feature extractors, one file each, and how their weights are found."""
