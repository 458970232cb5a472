"""What all data sets that are read from files share."""
