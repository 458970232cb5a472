"""What tasks that generate images share: a generator is fitted to codes, and its images are compared with real ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from torch import Tensor
from typing_extensions import override

from bench.contracts.codes import Codes
from bench.contracts.data import DataSet
from bench.contracts.method import Method
from bench.contracts.result import TaskResult
from bench.contracts.task import Task, Work
from bench.metrics.image_sets import DEFAULT_EXTRACTORS
from bench.tasks.parts.generator import sample, scores
from bench.tasks.parts.generator.fit import fitted
from bench.tasks.parts.generator.model import Autoregressive, CodeModel, Condition, no_indices
from bench.tasks.parts.generator.sample import make_images
from bench.tasks.parts.networks.decoding import Sampling


@dataclass(frozen=True)
class GeneratingTask(Task):
    """A task that generates images; its blind baseline shows random training images instead.

    extractors: on whose features distances are taken. sampling: how codes are drawn, the same for every method.
    """

    extractors: tuple[str, ...] = DEFAULT_EXTRACTORS
    sampling: ClassVar[Sampling] = Sampling()

    def shared_protocol(self) -> dict[str, object]:
        """What every generating task adds to its protocol."""
        return {**scores.protocol(self.extractors), **sample.protocol(self.sampling)}

    @override
    def skip(self, dataset: DataSet, method: Method | None) -> str | None:
        return no_indices(method)

    def generate(
        self,
        work: Work,
        result: TaskResult,
        condition: Callable[[Codes], Condition],
        splits: Iterable[str] = ("test",),
        model: type[CodeModel] = Autoregressive,
        given: Callable[[Tensor], Tensor] | None = None,
    ) -> dict[str, np.ndarray]:
        """A generated image for each image of some splits, uint8 [N, H, W, 3] by split; the result takes the costs.

        Args:
            work: without codes, random training images are returned.
            condition: from the training codes to what the generator is told about an image; what it draws counts, since
                it is called once the random state is set.
            splits: their names. model: the kind of generator.
            given: see `make_images`.

        Raises:
            TrainingDiverged: the generator's loss is not finite.
        """
        codes = work.codes
        if codes is None:
            training = work.dataset["train"]
            return {name: scores.training_images(training, len(work.dataset[name]), work.seed) for name in splits}
        generator, result.cost["generator_fit_s"] = fitted(model, lambda: condition(codes["train"]), work)
        images = {}
        for name in splits:
            images[name], spent = make_images(generator, work, name, self.sampling, given)
            if name == "test":
                result.cost["generate_ms_per_image"] = spent
        return images
