"""The command line: parse, call, print. Heavy packages are imported by the commands that use them."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from bench.cli.effects import compare, effects
from bench.cli.stored import read
from bench.cli.writing import export, leaderboard, report
from bench.errors import BenchError, UsageError
from bench.system import terminal
from bench.system.start import prepare

app = typer.Typer(
    help="Which visual codebook is better for what, by how much, and how sure are we?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

data = typer.Typer(help="Look at data sets that are read from files.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(data, name="data")

Names = Annotated[str, typer.Option(help='Names, separated by commas, or "all".')]
Results = Annotated[Path, typer.Option("--results", help="Folder of records.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Datasets = Annotated[str, typer.Option("--datasets", help="Data sets, separated by commas.")]
PresetName = Annotated[str, typer.Option("--preset", help="Sizes and budgets; see `list presets`.")]
Seeds = Annotated[str, typer.Option("--seeds", help="Seeds of trainings, separated by commas.")]
HeadSeeds = Annotated[
    str | None, typer.Option("--head-seeds", help="Seeds of each task on the same codes, else the training's seed.")
]
Engine = Annotated[Literal["auto", "serial", "ray"], typer.Option("--engine", help="Where cells run.")]
Cache = Annotated[Path, typer.Option("--cache", help="Folder for data, tokenizers and codes; safe to delete.")]
DataRoot = Annotated[Path | None, typer.Option("--data-root", help="Folder with one folder for each data set.")]
Device = Annotated[Literal["auto", "cpu", "cuda"], typer.Option("--device")]
TextEncoder = Annotated[str, typer.Option("--text-encoder", help="Frozen text encoder; see `list text-encoders`.")]
Plugins = Annotated[list[Path] | None, typer.Option("--plugin", help="Python file with further plug-ins.")]
Settings = Annotated[list[str] | None, typer.Option("--set", help="NAME.ARG=VALUE: an argument of a plug-in.")]
Overwrite = Annotated[Literal["missing", "failed", "all"], typer.Option("--overwrite", help="Which cells to run.")]
FailFast = Annotated[bool, typer.Option("--fail-fast", help="Stop at the first failed cell.")]
Address = Annotated[str | None, typer.Option("--address", help="Join the Ray cluster at this address.")]
Cpus = Annotated[
    int | None,
    typer.Option("--cpus-per-cell", min=1, help="Threads of a cell, else the preset's; changes keys."),
]
Gpus = Annotated[
    float | None, typer.Option("--gpus-per-cell", min=0.01, max=1, help="Share of a GPU, else from measured memory.")
]
Devices = Annotated[int, typer.Option("--devices", min=1, help="GPUs (or processes) of one training; changes keys.")]
Parallel = Annotated[int | None, typer.Option("--max-parallel", min=1, help="Jobs at once at most.")]
Retries = Annotated[int, typer.Option("--retries", min=0, help="Of a job whose process or machine was lost.")]
Timeout = Annotated[float | None, typer.Option("--cell-timeout", min=0.1, help="Seconds a training or task may take.")]
Minutes = Annotated[float, typer.Option("--checkpoint-minutes", min=0, help="Between two checkpoints of a training.")]
TensorBoard = Annotated[bool, typer.Option("--tensorboard", help="Event files of trainings in CACHE/tensorboard.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would run.")]


@app.command()
def run(
    methods: Names,
    tasks: Names,
    datasets: Datasets = "emoji-scenes",
    preset: PresetName = "tiny",
    seeds: Seeds = "0",
    head_seeds: HeadSeeds = None,
    engine: Engine = "auto",
    results: Results = Path("results"),
    cache: Cache = Path("runs/cache"),
    data_root: DataRoot = None,
    device: Device = "auto",
    text_encoder: TextEncoder = "tiny-clip",
    plugin: Plugins = None,
    setting: Settings = None,
    overwrite: Overwrite = "missing",
    fail_fast: FailFast = False,
    address: Address = None,
    cpus_per_cell: Cpus = None,
    gpus_per_cell: Gpus = None,
    devices: Devices = 1,
    max_parallel: Parallel = None,
    retries: Retries = 2,
    cell_timeout: Timeout = None,
    checkpoint_minutes: Minutes = 10.0,
    tensorboard: TensorBoard = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Train methods, run tasks on their codes, and leave a record for each outcome."""
    from bench import registry
    from bench.experiment.arguments import parse_setting, split_names, split_seeds
    from bench.experiment.request import Request
    from bench.experiment.run import Options, execute

    for path in plugin or []:
        registry.add_plugin(path)
    request = Request(
        methods=split_names(methods, registry.methods.names()),
        tasks=split_names(tasks, registry.tasks.names()),
        datasets=split_names(datasets, registry.datasets.names()),
        preset=preset,
        seeds=split_seeds(seeds),
        head_seeds=split_seeds(head_seeds, "--head-seeds") if head_seeds is not None else None,
        text_encoder=text_encoder,
        data_root=data_root.resolve() if data_root else None,
        cache=cache.resolve(),
        settings=tuple(parse_setting(text) for text in setting or []),
        threads=cpus_per_cell,
        devices=devices,
    )
    options = Options(
        engine=engine,
        results=results.resolve(),
        cache=cache.resolve(),
        device=device,
        plugins=tuple(path.resolve() for path in plugin or []),
        overwrite=overwrite,
        fail_fast=fail_fast,
        dry_run=dry_run,
        as_json=as_json,
        address=address,
        gpus=gpus_per_cell,
        parallel=max_parallel,
        retries=retries,
        timeout=cell_timeout,
        checkpoint_minutes=checkpoint_minutes,
        tensorboard=tensorboard,
    )
    raise typer.Exit(execute(request, options))


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def ablate(
    context: typer.Context,
    method: Annotated[str, typer.Option(help="A method that adds losses to another, say lgvq.")],
    plugin: Plugins = None,
    setting: Settings = None,
) -> None:
    """Run every subset of a method's losses, none (its base) to all. Takes all other options of `run`.

    What is set of the method is set of all subsets and of the base, where these take it.
    """
    from bench import registry
    from bench.cli.ablation import for_all
    from bench.experiment.plan import loss_subsets

    for path in plugin or []:
        registry.add_plugin(path)
    plugins = [word for path in plugin or [] for word in ("--plugin", str(path))]
    subsets = loss_subsets(method)
    settings = [word for text in for_all(method, subsets, setting or []) for word in ("--set", text)]
    app(["run", "--methods", ",".join(subsets), *plugins, *settings, *context.args])


@app.command()
def tune(
    methods: Annotated[str, typer.Option("--methods", "--method", help='Names, separated by commas, or "all".')],
    task: Annotated[str, typer.Option(help="The task whose metric is tuned for.")] = "reconstruction",
    trials: Annotated[int, typer.Option(min=1, help="Of each method.")] = 8,
    search: Annotated[
        list[str] | None,
        typer.Option(help="ARG=SPACE, an argument of the methods, or preset.ARG=SPACE; else the learning rate."),
    ] = None,
    metric: Annotated[str | None, typer.Option(help="To tune for, else the task's first.")] = None,
    sampler: Annotated[Literal["random", "optuna"], typer.Option(help="Who chooses values.")] = "random",
    scheduler: Annotated[Literal["none", "asha"], typer.Option(help="asha stops the worse trials early.")] = "none",
    datasets: Datasets = "emoji-scenes",
    preset: PresetName = "tiny",
    seeds: Seeds = "0",
    results: Results = Path("results"),
    cache: Cache = Path("runs/cache"),
    data_root: DataRoot = None,
    device: Device = "auto",
    text_encoder: TextEncoder = "tiny-clip",
    plugin: Plugins = None,
    setting: Settings = None,
    overwrite: Annotated[
        Literal["missing", "failed"], typer.Option("--overwrite", help="Which recorded trials run again.")
    ] = "missing",
    address: Address = None,
    cpus_per_cell: Cpus = None,
    gpus_per_cell: Gpus = None,
    devices: Devices = 1,
    max_parallel: Parallel = None,
    retries: Retries = 2,
    cell_timeout: Timeout = None,
    checkpoint_minutes: Minutes = 10.0,
    as_json: AsJson = False,
) -> None:
    """Search arguments of methods, or of the preset, on validation data; all methods get the same trials."""
    from bench import registry
    from bench.experiment.arguments import parse_setting, split_names, split_seeds
    from bench.experiment.request import Request
    from bench.experiment.run import Options
    from bench.tuning.space import parse_search
    from bench.tuning.tune import execute, find_tuning

    for path in plugin or []:
        registry.add_plugin(path)
    request = Request(
        methods=split_names(methods, registry.methods.names()),
        tasks=(task,),
        datasets=split_names(datasets, registry.datasets.names()),
        preset=preset,
        seeds=split_seeds(seeds),
        text_encoder=text_encoder,
        data_root=data_root.resolve() if data_root else None,
        cache=cache.resolve(),
        settings=tuple(parse_setting(text) for text in setting or []),
        threads=cpus_per_cell,
        devices=devices,
    )
    options = Options(
        engine="ray",
        results=results.resolve(),
        cache=cache.resolve(),
        device=device,
        plugins=tuple(path.resolve() for path in plugin or []),
        overwrite=overwrite,
        as_json=as_json,
        address=address,
        gpus=gpus_per_cell,
        parallel=max_parallel,
        retries=retries,
        timeout=cell_timeout,
        checkpoint_minutes=checkpoint_minutes,
    )
    tuning = find_tuning(request, [parse_search(text) for text in search or []], trials, metric, scheduler)
    raise typer.Exit(execute(tuning, sampler, options))


app.command()(leaderboard)
app.command()(effects)
app.command()(compare)
app.command()(report)
app.command()(export)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def noise(
    context: typer.Context,
    results: Results = Path("results"),
    first_run: Annotated[
        bool, typer.Option("--run", help="First run what is missing; takes all other options of `run`.")
    ] = False,
    output: Annotated[
        Path | None, typer.Option("--output", help="File to write; RESULTS/noise.json is what the leaderboard reads.")
    ] = None,
    form: Annotated[Literal["text", "md", "json"], typer.Option("--format")] = "text",
) -> None:
    """Say how much values move by themselves (head, training, images), and how small a difference seeds can find.

    Head and training are told apart by records with several --seeds and several --head-seeds.
    """
    from bench.noise.estimate import estimate
    from bench.noise.report import WRITERS
    from bench.system.files import write_atomic

    status = 0
    if first_run:
        with contextlib.redirect_stdout(sys.stderr):
            status = app(["run", "--results", str(results), *context.args], standalone_mode=False) or 0
    elif context.args:
        raise UsageError(f"noise takes {context.args[0]} only together with --run")
    store, stored = read(results)
    text = WRITERS[form](estimate(stored.records, store))
    if output is None:
        terminal.show(text, end="")
    else:
        write_atomic(output, text.encode())
    raise typer.Exit(status)  # of the run: what failed says nothing of noise


@app.command()
def check(
    file: Annotated[Path, typer.Argument(help="Python file with plug-ins.")],
    data_root: DataRoot = None,
) -> None:
    """Hold the plug-ins of a file to their contracts, one line a duty; status 1 if one is not fulfilled."""
    from bench.check import check_file

    report = check_file(file, data_root)
    print("\n".join(report.lines))
    raise typer.Exit(0 if report.sound else 1)


@app.command(name="list")
def list_(
    kind: Annotated[
        Literal["methods", "tasks", "datasets", "metrics", "presets", "text-encoders"],
        typer.Argument(show_default=False),
    ],
    plugin: Plugins = None,
    as_json: AsJson = False,
) -> None:
    """List what there is to choose from."""
    from bench import registry
    from bench.cli import listing

    for path in plugin or []:
        registry.add_plugin(path)
    print(listing.as_json(kind) if as_json else listing.as_text(kind))


@app.command()
def show(
    key: Annotated[str, typer.Argument(help="A record's key, or its beginning.")], results: Results = Path("results")
) -> None:
    """Print a record and where its files lie."""
    from bench.cli.listing import one_record

    print(one_record(key, results))


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """Say what works on this machine, what is missing and how to get it."""
    from bench.cli import doctor

    print(doctor.as_json() if as_json else doctor.as_text())


@data.command(name="check")
def data_check(
    name: Annotated[str, typer.Argument(help="A data set that is read from files; see `list datasets`.")],
    root: Annotated[Path, typer.Option(help="The folder that holds them.")],
    plugin: Plugins = None,
    setting: Settings = None,
    as_json: AsJson = False,
) -> None:
    """Read all of a data set's files, count, and name what is missing or broken; status 1 if anything is."""
    from bench import registry
    from bench.data.reading import check
    from bench.experiment.arguments import parse_setting, resolve

    for path in plugin or []:
        registry.add_plugin(path)
    settings = [parse_setting(text) for text in setting or []]
    for other in (one for one in settings if one.name != name):
        raise UsageError(f"--set {other.name}.{other.argument}: only arguments of {name} can be set here")
    report = check.check(name, **resolve(check.loader(name), {"size": check.SIZE, "root": root}, settings))
    print(check.as_json(report) if as_json else check.as_text(report))
    raise typer.Exit(0 if report.sound else 1)


def main() -> None:
    """Entry point: errors a user can act on are one line."""
    prepare()
    try:
        app()
    except UsageError as error:
        terminal.say(terminal.one_line(f"error: {error}"))
        sys.exit(2)
    except BenchError as error:
        terminal.say(terminal.one_line(f"error: {error}"))
        sys.exit(1)
