"""From records to tables: a pure function."""
