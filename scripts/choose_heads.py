"""How networks are fitted to codes at preset tiny, compared on the validation split of a data set.

    python scripts/choose_heads.py vqa captioning grounding [--only PART_OF_NAME] [--methods vqgan] [--seeds 0 1]
    python scripts/choose_heads.py captioning --dataset flickr8k --data-root DIR [--only drop] [--steps 300]

One line a candidate, method and seed of the head: the seconds of the task and its values on validation images, which
stand in for the test split; test data play no part. Tokenizers are trained once, into the cache. What is used is the
first candidate of each task.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
import torch.nn.functional as F
from torch import Tensor

from bench.contracts.codes import Codes
from bench.contracts.data import Split
from bench.contracts.result import TaskResult
from bench.contracts.task import Work
from bench.experiment.arguments import parse_setting
from bench.experiment.place import Place, Setup
from bench.experiment.plan import plan
from bench.experiment.request import Request, TokenizerPlan
from bench.experiment.tokenizers import codes_of, load_splits, trained
from bench.presets import PRESETS
from bench.registry import tasks
from bench.tasks.parts.networks import captioner, head, transformer

CPU = torch.device("cpu")
METHODS = ("identity", "random-codebook", "vqgan")
BUDGET = PRESETS["tiny"].head
SHOWN = {
    "vqa": ("accuracy", "accuracy/object", "accuracy/number", "accuracy/color", "accuracy/location", "accuracy/yes/no"),
    "captioning": ("objects_named", "corner_choice", "cider_d", "bleu_4"),
    "grounding": ("box_accuracy", "box_iou"),
    "alignment": ("word_recall", "word_recall/mask-3"),
}

Change = Callable[[], AbstractContextManager[Any]]


def constant(module: Any, name: str, value: object) -> Change:
    """A constant of a module replaced."""
    return lambda: patch.object(module, name, value)


def adamw_alone() -> AbstractContextManager[Any]:
    """No block is found, so that AdamW fits everything."""
    return patch.object(head, "Block", ())


def positions(scale: float) -> list[Change]:
    """Learned positions of another size at the start."""
    return [constant(transformer, "START_OF_POSITIONS", scale)]


def dropout(rate: float) -> list[Change]:
    """What each block adds to the hidden states is dropped at this rate while it is fitted."""

    def forward(self: transformer.Block, x: Tensor, *options: Any) -> Tensor:
        return x + F.dropout(whole(self, x, *options) - x, rate, self.training)

    whole = transformer.Block.forward
    return [lambda: patch.object(transformer.Block, "forward", forward)]


CANDIDATES: dict[str, list[Change]] = {
    "as it is": [],
    "AdamW alone, positions 1": [adamw_alone, *positions(1.0)],
    "AdamW alone": [adamw_alone],
    "positions 1": positions(1.0),
    "positions 0.2": positions(0.2),
    "Muon's rate 0.005": [constant(head, "MUON_RATE", 0.005)],
    "Muon's rate 0.01": [constant(head, "MUON_RATE", 0.01)],
    "decay 0.01, Muon's rate 0.04": [constant(head, "DECAY", 0.01), constant(head, "MUON_RATE", 0.04)],
    "a caption an image": [constant(captioner, "PER_IMAGE", 1)],
    "two captions an image": [constant(captioner, "PER_IMAGE", 2)],
    "decay 0": [constant(head, "DECAY", 0.0)],
    "decay 0.01": [constant(head, "DECAY", 0.01)],
    "dropout 0.1": dropout(0.1),
    "dropout 0.3": dropout(0.3),
    "decay 0.01, Muon's rate 0.01": [constant(head, "DECAY", 0.01), constant(head, "MUON_RATE", 0.01)],
}


@contextlib.contextmanager
def changed(changes: list[Change]) -> Iterator[None]:
    """The project with some of its constants replaced."""
    with contextlib.ExitStack() as stack:
        for change in changes:
            stack.enter_context(change())
        yield


def material(method: str, request: Request, cache: Path) -> tuple[dict[str, Codes], dict[str, Split]]:
    """Codes and splits of a tokenizer trained with seed 0; the validation split stands in for the test split."""
    (cell, *_) = plan(dataclasses.replace(request, methods=(method,)))
    setup = Setup(Place(cache, cache, "cpu"), (), {}, None)
    splits = load_splits(cell.dataset, cache)
    tokenizer_plan = cell.tokenizer
    assert isinstance(tokenizer_plan, TokenizerPlan)
    tokenizer, _ = trained(tokenizer_plan, setup, CPU)
    seen = {name: splits[name] for name in ("train", "validation")}
    codes = codes_of(tokenizer_plan, tokenizer, seen, setup, CPU)
    stand_in = dataclasses.replace(splits["validation"], name="test")
    return codes | {"test": codes["validation"]}, {"train": splits["train"], "test": stand_in}


def values(task: str, result: TaskResult) -> str:
    """The values of a task's result that are shown, as cells of a table."""
    found = (result.metrics.get(name) for name in SHOWN[task])
    return " | ".join("" if score is None else f"{score.value:.3f}" for score in found)


def main() -> None:
    """Print a table for each task."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("tasks", nargs="+", choices=SHOWN)
    parser.add_argument("--only", default="")
    parser.add_argument("--methods", nargs="+", default=METHODS)
    parser.add_argument("--learning-rate", type=float, default=BUDGET.learning_rate, help="of AdamW")
    parser.add_argument("--steps", type=int, default=BUDGET.steps)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--dataset", default="emoji-scenes")
    parser.add_argument("--data-root", type=Path)
    parser.add_argument("--set", nargs="*", default=[], help="NAME.ARG=VALUE")
    parser.add_argument("--text-encoder", default="tiny-clip")
    parser.add_argument("--cache", type=Path, default=Path("runs/cache"))
    arguments = parser.parse_args()
    request = Request(
        (),
        ("reconstruction",),
        (arguments.dataset,),
        text_encoder=arguments.text_encoder,
        data_root=arguments.data_root and arguments.data_root.resolve(),
        cache=arguments.cache.resolve(),
        settings=tuple(map(parse_setting, arguments.set)),
    )
    budget = dataclasses.replace(BUDGET, learning_rate=arguments.learning_rate, steps=arguments.steps)
    torch.set_num_threads(PRESETS["tiny"].threads)
    for name in arguments.tasks:
        print(f"\n| candidate | codes of | head's seed | seconds | {' | '.join(SHOWN[name])} |", flush=True)
        print(f"|---|---|--:|--:|{'--:|' * len(SHOWN[name])}", flush=True)
        for candidate, changes in CANDIDATES.items():
            if arguments.only not in candidate:
                continue
            for method in arguments.methods:
                codes, splits = material(method, request, arguments.cache.resolve())
                for seed in arguments.seeds:
                    started = time.perf_counter()
                    with changed(changes):
                        result = tasks.get(name).load()().run(Work(codes, splits, budget, seed, CPU))
                    seconds = time.perf_counter() - started
                    print(f"| {candidate} | {method} | {seed} | {seconds:.0f} | {values(name, result)} |", flush=True)


if __name__ == "__main__":
    main()
