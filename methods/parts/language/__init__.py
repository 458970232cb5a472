"""LG-VQ's text losses and what they need."""
