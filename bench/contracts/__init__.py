"""What the harness and its plug-ins promise each other: read the file named like what you add.

- `data`: `DataSet`, `Split`, `Question`, `Box`.
- `method`: `Method`, `Tokenizer`, and what they are given: `Batch`, `TextBatch`, `TextEncoder`.
- `codes`: `Codes`, a split as a trained tokenizer sees it.
- `metric`: `Metric`, and `MetricName`, the grammar of the names of values.
- `result`: `TaskResult`, what a task measured.
- `task`: `Task`, and `Work`, what a task is given.
- `facts`: what the decorators `@methods.register(...)`, `@tasks.register(...)` ... take.

A plug-in subclasses its contract as a frozen dataclass, whose fields are its arguments. All that is optional has a
default in the base class. `python -m bench check FILE.py` holds a plug-in to its contract.
"""
