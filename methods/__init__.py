"""Ways to learn a codebook, one file each; what several of them share lies in `parts`."""
