"""The report: all that the records say, as one HTML file."""
