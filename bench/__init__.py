"""The harness of codebook-bench; it knows no plug-in by name.

A map, from the top floor to the ground: a folder uses those below it, never those above.

- `cli`: the command line, and the pages it prints.
- `check`: holds a plug-in to its contract, one line a duty.
- `tuning`: searches arguments on validation data; each trial is a cell.
- `experiment`: a request becomes cells, cells become records; training, encoding, engines.
- `report`: all that the records say as one HTML file.
- `leaderboard`: records become a verdict and tables; a pure function.
- `effects`: what each loss, codebook use and the base add; any two methods compared.
- `noise`: how much a value moves by itself, and so how small a difference can be found.
- `statistics`: intervals over trainings and images, contrasts, ranks, pooling; one estimator a file.
- `records`: what is kept of a cell, where, and what looks wrong with it.
- `data`: one file a data set; `reading`, `pixels` and `emoji` below are what they share.
- `metrics`: one file a family of metrics. `features`: one file a feature extractor. `text`: one file a text encoder.
- `contracts`: what a plug-in must offer; read the file named like what you add.
- `system`: files, fingerprints, random streams, batches, the cache, progress, the environment.

Loose files: `registry` (all plug-ins by name), `presets` (sizes and budgets), `images` (pixels to tensors and back),
`errors`. Plug-ins need `bench.contracts`, `bench.registry`, `bench.presets` and what they choose of the rest.
"""
