"""Models that write codes, and what is measured of the images they give."""
