"""What is kept of a cell, and where."""
