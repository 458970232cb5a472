"""What was asked for and what it becomes: a request, configured plug-ins, tokenizers to train, cells to produce."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.contracts.registration import Entry
from bench.data.reading import digest
from bench.errors import BenchError, DataError, UsageError
from bench.experiment.arguments import Setting
from bench.presets import Budget, Preset
from bench.records.record import DataUsed, Kind, MethodUsed, seeds_shown
from bench.system import fingerprint
from bench.system.files import sha256_of
from bench.system.progress import reporter


@dataclass(frozen=True)
class Request:
    """What the user asked for: all of it determines values.

    seeds: of trainings. head_seeds: of what each task draws on the codes of a training (the start of its network, its
    batches), one cell each; None for one cell with the training's seed.
    data_root holds one folder for each data set that is not built in. cache: where data sets read from files keep what
    they know of them. threads: CPU threads of every training and head, None for the preset's. devices: over how many
    GPUs (or processes) one training is spread.
    """

    methods: tuple[str, ...]
    tasks: tuple[str, ...]
    datasets: tuple[str, ...] = ("emoji-scenes",)
    preset: str = "tiny"
    seeds: tuple[int, ...] = (0,)
    head_seeds: tuple[int, ...] | None = None
    text_encoder: str = "tiny-clip"
    data_root: Path | None = None
    cache: Path | None = None
    settings: tuple[Setting, ...] = ()
    threads: int | None = None
    devices: int = 1


@dataclass(frozen=True)
class Configured:
    """A plug-in with the arguments it is made with. code: fingerprint of its file and all that it imports."""

    entry: Entry[Any]
    arguments: dict[str, Any]
    code: str

    @property
    def name(self) -> str:
        """The registered name."""
        return self.entry.name

    def make(self) -> Any:
        """A new object of the plug-in."""
        return self.entry.load()(**self.arguments)

    @functools.cached_property
    def plugin(self) -> Any:
        """The plug-in's object, for questions about it."""
        with self.asked("be made"):
            return self.make()

    def __getstate__(self) -> dict[str, Any]:
        """Without the object: a worker process imports the plug-in's file itself before it makes one."""
        return {name: value for name, value in vars(self).items() if name != "plugin"}

    @contextlib.contextmanager
    def asked(self, what: str) -> Iterator[None]:
        """Turn whatever its code raises while a run is planned into one line that names it.

        Raises:
            BenchError: as raised.
            UsageError: any other exception.
        """
        try:
            yield
        except BenchError:
            raise
        except Exception as error:
            problem = f"{type(error).__name__}: {error}".replace("\n", " ")
            raise UsageError(f"{self.entry.path}: {self.name} cannot {what}: {problem}") from error

    @functools.cached_property
    def identity(self) -> dict[str, Any]:
        """The arguments as keys and records hold them: a file by its name and content, wherever it lies.

        Raises:
            DataError: a file cannot be read.
        """
        return {name: _file(value) if isinstance(value, Path) else value for name, value in self.arguments.items()}

    @functools.cached_property
    def content(self) -> list[str]:
        """Identity of a data set's content: its own fingerprint and that of the code that prepares it.

        Raises:
            DataError: its files are missing.
        """
        with self.asked("give a fingerprint"):
            return [str(self.plugin.fingerprint()), self.code]

    @functools.cached_property
    def protocol(self) -> dict[str, Any]:
        """A task's protocol, which has to be plain values."""
        with self.asked("give a protocol"):
            protocol = dict(self.plugin.protocol())
            fingerprint.of_value(protocol)
            return protocol


@dataclass(frozen=True)
class TokenizerPlan:
    """A tokenizer to train, shared by the cells of one method, data set and seed.

    key names its folder in the cache, codes_key that of its codes. devices: over how many it is trained.
    """

    key: str
    codes_key: str
    method: Configured
    dataset: Configured
    preset: Preset
    seed: int
    text_encoder: str | None
    devices: int


@dataclass(frozen=True)
class Cell:
    """An outcome to produce, with all that its record says of it whatever happens.

    tokenizer: None for a task's blind baseline. preset: its name. budget: of the task's network. threads: how many CPU
    threads it is trained and evaluated with. skip: why nothing will run. protocol: of the task, with its budget.
    kind: of its record. seed: of the training; head_seed: of all that the task draws.
    """

    key: str
    tokenizer: TokenizerPlan | None
    task: Configured
    dataset: Configured
    preset: str
    budget: Budget
    threads: int
    seed: int
    head_seed: int
    code: str
    skip: str | None
    protocol: dict[str, Any]
    method_used: MethodUsed
    data_used: DataUsed
    kind: Kind = "run"

    @property
    def seeds(self) -> str:
        """Both seeds, as lines show them."""
        return seeds_shown(self.seed, self.head_seed)

    @property
    def method(self) -> str:
        """The method's name, or `BLIND`."""
        return self.method_used.name


def _file(path: Path) -> dict[str, str]:
    """A file's name and sha256; a folder's name, and one hash of the names and contents of all files in it."""
    if path.is_dir():
        return {"folder": path.name, "sha256": digest.of_files(path, [path], None, reporter(path.name))}
    try:
        return {"file": path.name, "sha256": sha256_of(path)}
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from error
