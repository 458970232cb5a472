"""Metrics, one file a family; the registered function computes the value or the scores of single examples."""
