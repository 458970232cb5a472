"""Train a tokenizer: one loop for every method, so that only what the method is about differs."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from bench.contracts.data import Split
from bench.contracts.method import Batch, TextBatch, Tokenizer
from bench.data.pixels.training_view import TrainingView, training_images
from bench.errors import ContractError
from bench.experiment.history import CHECK_EVERY, History, Watch
from bench.experiment.optimizers import optimizers
from bench.experiment.training_log import TrainingLog
from bench.images import to_float
from bench.presets import Preset
from bench.system import ranks, streams
from bench.system.batch_norm import normalise_jointly
from bench.system.batches import shuffled
from bench.system.checkpoint import Checkpoint
from bench.system.precision import autocast
from bench.system.progress import Progress
from bench.system.resume import Part, Resumable
from bench.text.caption_features import CaptionFeatures


def train(
    tokenizer: Tokenizer,
    split: Split,
    features: CaptionFeatures | None,
    preset: Preset,
    seed: int,
    device: torch.device,
    progress: Progress,
    checkpoint: Checkpoint | None = None,
    log: TrainingLog | None = None,
) -> History:
    """Train in place for `preset.steps` steps; leaves the tokenizer in evaluation mode on `device`.

    Data order and caption choice come from the seed alone, so every method sees the same batches. One step of
    the optimizers and one backward pass serve all players of an adversarial method (see
    `bench.methods.parts.adversarial`).

    With a checkpoint, a training that was interrupted ends as one that was not, bit for bit on a CPU. So a tokenizer
    keeps what its training changes in its `state_dict`, and draws from torch's random state alone.

    On several ranks (see `bench.system.ranks`) it is, but for rounding, the training of one process with the joint
    batch: each draws that, takes its slice, and averages its gradients with the others. Checkpoints, progress and log
    are rank 0's, and all begin as it does.

    Args:
        tokenizer: new, built with the torch seed of this training.
        features: of the split's captions; None where the method needs no text.
        checkpoint: of this training alone, see `Checkpoint`.
        log: where to write how it goes.

    Raises:
        TrainingDiverged: a loss is not finite.
        UsageError: the batch cannot be shared equally by the ranks.
        ContractError: after the first step the ranks have different tokenizers.
    """
    tokenizer.to(device).train()
    tokenizer.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stub lacks this form
    if ranks.count() > 1:
        normalise_jointly(tokenizer)
    trained = [parameter for parameter in tokenizer.parameters() if parameter.requires_grad]
    of_tokenizer = optimizers(tokenizer, preset)
    schedules = [torch.optim.lr_scheduler.LambdaLR(each, lambda step: _rate(preset, step)) for each in of_tokenizer]
    history = History(parameters=sum(parameter.numel() for parameter in trained))
    watch = Watch(history, tokenizer.codebook.detach().clone())
    batches = shuffled(len(split), preset.batch_size, streams.generator(seed, "training batches"))
    captions = streams.generator(seed, "training captions")
    images = training_images(split, seed)
    average = _moving_average(tokenizer, preset)
    parts: dict[str, Part] = {"tokenizer": tokenizer, "watch": watch}
    parts |= {f"optimizer {number}": part for number, part in enumerate(of_tokenizer)}
    parts |= {f"schedule {number}": part for number, part in enumerate(schedules)}
    parts |= {"batches": batches, "captions": captions}
    parts |= {"crops": images.rng} if isinstance(images, TrainingView) else {}
    parts |= {"average": average} if average is not None else {}
    with Resumable(parts, device, checkpoint if ranks.rank() == 0 else None) as training:
        if log is not None:
            log.begin(training.done, watch.images)
        for step in training.steps(preset.steps):
            rows = next(batches)
            batch = Batch(to_float(ranks.own(images[rows]), device), _text(features, rows, captions, device))
            with autocast(device, preset.precision):
                losses = tokenizer.losses(batch, step)
            tokenizer.zero_grad(set_to_none=True)
            torch.stack([loss.float() for name, loss in losses.items() if not name.startswith("_")]).sum().backward()
            ranks.average_gradients(trained)
            for optimizer, schedule in zip(of_tokenizer, schedules, strict=True):
                optimizer.step()
                schedule.step()
            if average is not None:
                average.update_parameters(tokenizer)
            watch.add(losses, len(rows))
            if step == 0:
                _check_alike(tokenizer)
            if (step + 1) % CHECK_EVERY == 0 or step + 1 == preset.steps:
                means = watch.note(step + 1)
                ranks.copy_first(tokenizer.state_dict().values())  # sums on GPUs round each time in another way
                if ranks.rank() == 0:
                    shown = sum(mean for name, mean in means.items() if not name.startswith("_"))
                    progress(step + 1, preset.steps, f"train, loss {shown:.3g}")
                if log is not None:
                    log.note(step + 1, means, preset.learning_rate * _rate(preset, step), watch.images)
    history.seconds = training.seconds
    history.images_per_s = watch.images / history.seconds
    if average is not None:
        _take_over(average, tokenizer)
    tokenizer.eval()
    if tokenizer.discrete and not tokenizer.fixed_codebook:
        change = tokenizer.codebook.detach() - watch.start
        history.codebook_change = float(change.norm() / watch.start.norm().clamp(min=1e-12))
    return history


def _text(
    features: CaptionFeatures | None, rows: np.ndarray, rng: np.random.Generator, device: torch.device
) -> TextBatch | None:
    if features is None:
        return None
    return TextBatch(*(ranks.own(part).to(device, non_blocking=True) for part in features.sample(rows, rng)))


def _check_alike(tokenizer: Tokenizer) -> None:
    """Find a method that keeps of its slice what it should keep of the joint batch."""
    apart = ranks.differing(tokenizer.state_dict())
    if apart:
        raise ContractError(
            f"{apart[0]} is not the same on all devices after a step; what a method keeps of a batch is to be computed "
            "from bench.system.ranks.joint of it"
        )


def _rate(preset: Preset, step: int) -> float:
    """Factor on the learning rate: constant, or a warm-up of 2 % and a cosine to zero."""
    if preset.schedule == "constant":
        return 1.0
    done = (step + 1) / preset.steps
    return min(1.0, done / 0.02) * 0.5 * (1 + math.cos(math.pi * done))


def _moving_average(tokenizer: Tokenizer, preset: Preset) -> AveragedModel | None:
    if preset.average is None:
        return None
    return AveragedModel(tokenizer, multi_avg_fn=get_ema_multi_avg_fn(preset.average))


@torch.no_grad()
def _take_over(average: AveragedModel, tokenizer: Tokenizer) -> None:
    """The averaged parameters; buffers stay as they are."""
    for parameter, mean in zip(tokenizer.parameters(), average.module.parameters(), strict=True):
        parameter.copy_(mean)
