"""Networks that are fitted on frozen codes."""
