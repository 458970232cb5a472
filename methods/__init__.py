"""Ways to learn a codebook, one file each; `quantizers`, `autoencoder` and the like are what they share."""
