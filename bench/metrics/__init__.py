"""Metrics, one file a family: features -> statistics -> value. The registered function computes the value."""
