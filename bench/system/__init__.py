"""Services that every floor uses: files, fingerprints, progress, the environment."""
