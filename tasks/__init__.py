"""Tasks, one file each: what a codebook is good for, measured from codes alone.

A task sees indices and code vectors, never the encoder's continuous features or the images of the split it scores, and
registers itself with `@tasks.register` (see `bench.contracts.Task`).
"""
