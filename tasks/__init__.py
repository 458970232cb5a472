"""Tasks, one file each: what a codebook is good for, measured from codes alone.

A task sees indices and code vectors, never the encoder's continuous features or the images of the split it scores.
It subclasses `bench.contracts.task.Task` and registers itself with `@tasks.register`. What tasks share lies in `parts`.
"""
