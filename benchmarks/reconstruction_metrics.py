"""Metrics of reconstructions: as the task computes them, against torchmetrics and torch-fidelity.

    python benchmarks/reconstruction_metrics.py [--images 5000] [--side 32] [--extractor scene-cnn] [--rounds 5]

By turns after a turn to warm up, with one thread, batches of the same size and the same networks; medians of wall time.
SSIM is in float64 here and in float32 there, where float64 takes forty times as long; what torchmetrics adds at the
borders, by reflection, is cut off. Memory: the peak of a process that computes one metric, and how much of it comes
when imports, networks and images are there. `second method`: with the features of the originals kept by the first one.
"""

from __future__ import annotations

import argparse
import functools
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from bench.contracts.data import Split
from bench.features.extractor import load_extractor
from bench.features.lpips_weights import load_backbone
from bench.features.perceptual import LpipsNetwork
from bench.metrics import image, image_sets
from bench.metrics.distance import frechet_distance_of
from bench.metrics.image_sets import FeatureExtractors
from bench.metrics.lpips import BATCH as OF_LPIPS
from bench.metrics.lpips import lpips
from bench.system.torchvision_ops import make_importable
from bench.tasks.reconstruction import BATCH

METRICS = ("psnr", "ssim", "lpips", "fd")
Compute = Callable[[np.ndarray, np.ndarray], float]
"""The mean of a metric, or a distance, of images and originals uint8 [N, S, S, 3]."""


def here(metric: str, extractor: str, cache: Path | None = None) -> Compute:
    """A metric as the task computes it."""
    if metric == "lpips":
        return _mean_of(functools.partial(lpips, LpipsNetwork("alex")), BATCH)
    if metric != "fd":
        return _mean_of(getattr(image, metric), BATCH)
    networks = FeatureExtractors([extractor], "cpu")

    def distance(images: np.ndarray, originals: np.ndarray) -> float:
        real = networks.features_of_split(Split("test", originals, cache=cache))
        return frechet_distance_of(real[extractor], networks.features(images)[extractor], True)

    return distance


def torchmetrics(metric: str, extractor: str) -> Compute:
    """The same by torchmetrics."""
    make_importable()
    from torchmetrics.functional.image import lpips as own
    from torchmetrics.functional.image import peak_signal_noise_ratio, structural_similarity_index_measure
    from torchmetrics.image.fid import FrechetInceptionDistance

    if metric == "psnr":
        psnr = functools.partial(peak_signal_noise_ratio, data_range=255, dim=(1, 2, 3), reduction="none")
        return _mean_of(lambda *pair: psnr(*(_planes(part).float() for part in pair)), BATCH)
    if metric == "ssim":
        ssim: Any = functools.partial(structural_similarity_index_measure, data_range=255.0, return_full_image=True)

        def inside(*pair: np.ndarray) -> Tensor:
            places: Tensor = ssim(*(_planes(part).float() for part in pair))[1]
            return places[:, :, 5:-5, 5:-5].mean((1, 2, 3))

        return _mean_of(inside, BATCH)
    if metric == "lpips":
        network, weights = own._LPIPS(pnet_rand=True, net="alex"), load_backbone("alex")
        for name, weight in network.net.named_parameters():
            weight.data.copy_(weights[f"features.{name.partition('.')[2]}"])
        return _mean_of(lambda *pair: network(*(_planes(part) / 127.5 - 1 for part in pair)), OF_LPIPS)
    measure = FrechetInceptionDistance(feature=_Network(extractor))

    def distance(images: np.ndarray, originals: np.ndarray) -> float:
        measure.reset()
        for part, real in ((originals, True), (images, False)):
            for start in range(0, len(part), image_sets.BATCH):
                measure.update(_planes(part[start : start + image_sets.BATCH]), real)
        return float(measure.compute())

    return distance


def torch_fidelity(_metric: str, extractor: str) -> Compute:
    """The Frechet distance by torch-fidelity."""
    make_importable()
    import torch_fidelity as library

    class Registered(library.FeatureExtractorBase):
        """The same network, as torch-fidelity takes it."""

        def __init__(self, name: str, features_list: list[str], **_: object) -> None:
            super().__init__(name, features_list)
            self.network = _Network(extractor)

        @staticmethod
        def get_provided_features_list() -> tuple[str]:
            return ("all",)

        @staticmethod
        def get_default_feature_layer_for_metric(_: str) -> str:
            return "all"

        @staticmethod
        def can_be_compiled() -> bool:
            return False

        def forward(self, images: Tensor) -> tuple[Tensor]:
            return (self.network(images),)

    if "registered" not in library.registry.FEATURE_EXTRACTORS_REGISTRY:
        library.register_feature_extractor("registered", Registered)
    options = {"cuda": False, "fid": True, "verbose": False, "feature_extractor": "registered", "save_cpu_ram": True}

    def distance(images: np.ndarray, originals: np.ndarray) -> float:
        sets = [_Images(_planes(part)) for part in (originals, images)]
        found = library.calculate_metrics(input1=sets[0], input2=sets[1], batch_size=image_sets.BATCH, **options)
        return float(found[library.KEY_METRIC_FID])

    return distance


TOOLS: dict[str, Callable[[str, str], Compute]] = {
    "here": here,
    "torchmetrics": torchmetrics,
    "torch-fidelity": torch_fidelity,
}


class _Network(nn.Module):
    """An extractor as a module: images uint8 [B, 3, S, S] to features [B, F]."""

    def __init__(self, extractor: str) -> None:
        super().__init__()
        self.extractor = load_extractor(extractor)
        self.num_features = self.extractor.features(np.zeros((1, 32, 32, 3), np.uint8)).shape[1]

    def forward(self, images: Tensor) -> Tensor:
        return self.extractor.features(images.permute(0, 2, 3, 1).numpy())


class _Images(TensorDataset):
    """Images one by one, without the tuple."""

    def __getitem__(self, row: int) -> Any:
        return super().__getitem__(row)[0]


def _planes(images: np.ndarray) -> Tensor:
    return torch.from_numpy(images).permute(0, 3, 1, 2)


def _mean_of(compute: Callable[[np.ndarray, np.ndarray], Any], batch: int) -> Compute:
    """The mean of a metric of each image, computed batch by batch."""

    def mean(images: np.ndarray, originals: np.ndarray) -> float:
        with torch.inference_mode():
            starts = range(0, len(images), batch)
            parts = [compute(images[i : i + batch], originals[i : i + batch]) for i in starts]
        return float(np.concatenate([np.asarray(part).reshape(-1) for part in parts]).mean())

    return mean


def pair_of_sets(count: int, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Noise that is smooth in part, and the same disturbed: images and originals uint8 [N, S, S, 3]."""
    rng = np.random.default_rng(0)
    smooth = rng.integers(40, 216, (count, side // 8, side // 8, 3)).repeat(8, axis=1).repeat(8, axis=2)
    originals = smooth + rng.integers(-20, 20, smooth.shape)
    images = originals + rng.integers(-20, 20, smooth.shape)
    return images.astype(np.uint8), originals.astype(np.uint8)


def memory(tool: str, metric: str, arguments: argparse.Namespace) -> None:
    """Print the peak of this process in MiB while it computes, and by how much that is more than it held before."""
    compute, sets = TOOLS[tool](metric, arguments.extractor), pair_of_sets(arguments.images, arguments.side)
    compute(*(images[:64] for images in sets))
    Path("/proc/self/clear_refs").write_text("5")  # the peak is measured from here
    before = _held("VmRSS")
    compute(*sets)
    print(f"{_held('VmHWM'):,.0f} | {_held('VmHWM') - before:,.0f}")


def _held(field: str) -> float:
    """MiB of this process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) / 1024


def compare(metric: str, arguments: argparse.Namespace) -> None:
    """Print the rows of a metric."""
    images, originals = pair_of_sets(arguments.images, arguments.side)
    with tempfile.TemporaryDirectory() as folder:
        tools = {name: make for name, make in TOOLS.items() if metric == "fd" or name != "torch-fidelity"}
        computes = {name: make(metric, arguments.extractor) for name, make in tools.items()}
        if metric == "fd":
            computes["here, second method"] = here(metric, arguments.extractor, Path(folder))
        seconds: dict[str, list[float]] = {name: [] for name in computes}
        for _ in range(arguments.rounds + 1):
            values = {}
            for name, compute in computes.items():
                started = time.perf_counter()
                values[name] = compute(images, originals)
                seconds[name].append(time.perf_counter() - started)
    own = median(seconds["here"][1:])
    for name, times in seconds.items():
        spent, peak = median(times[1:]), " | "
        if name in tools:
            command = [sys.executable, __file__, *sys.argv[1:], "--memory-of", name, "--metric", metric]
            peak = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
        print(f"| {metric} | {name} | {spent:.2f} | {spent / own:.2f} | {peak} | {values[name]:.7g} |", flush=True)


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=5_000)
    parser.add_argument("--side", type=int, default=32)
    parser.add_argument("--extractor", default="scene-cnn")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--memory-of", choices=TOOLS, help="measure the memory of one in this process")
    parser.add_argument("--metric", choices=METRICS)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.memory_of:
        memory(arguments.memory_of, arguments.metric, arguments)
        return
    images = f"{arguments.images:,} images of {arguments.side} px"
    print(f"{images}, {arguments.extractor}, 1 thread, torch {torch.__version__}")
    print("| metric | by | s | times as long | peak, MiB | of that to compute, MiB | value |")
    print("|---|---|--:|--:|--:|--:|--:|")
    for metric in [arguments.metric] if arguments.metric else METRICS:
        compare(metric, arguments)


if __name__ == "__main__":
    main()
