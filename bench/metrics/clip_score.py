"""How well images fit captions by a frozen encoder of both; a value carries the encoder's name."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F

from bench.contracts.method import ImageTextEncoder
from bench.errors import NotMeasurable
from bench.images import to_float
from bench.registry import metrics

WEIGHT = 2.5
DISTRACTORS = 99
BATCH = 250

PROTOCOL = {
    "clip_score": f"{WEIGHT} x max(cosine, 0) of image and caption, no prompt before it; a property of its encoder, "
    "which reads a caption as far as its own context goes",
    "r_precision": f"whether the image's own caption has a higher cosine than {DISTRACTORS} captions of other images",
}


def cosines(encoder: ImageTextEncoder, images: np.ndarray, captions: Sequence[str]) -> np.ndarray:
    """Cosine of every image uint8 [N, H, W, 3] with every caption (M of them), float32 [N, M]."""
    starts = range(0, max(len(images), len(captions)), BATCH)
    texts = [encoder.encode_captions(list(captions[i : i + BATCH])) for i in starts if i < len(captions)]
    device = texts[0].device
    pictures = [encoder.encode_images(to_float(images[i : i + BATCH], device)) for i in starts if i < len(images)]
    image_units, text_units = (F.normalize(torch.cat(parts).float(), dim=1) for parts in (pictures, texts))
    return (image_units @ text_units.T).cpu().numpy()


@metrics.register("clip_score", higher_is_better=True, unit="")
def clip_score(cosine: np.ndarray) -> np.ndarray:
    """Score of each image, float32 [N], from `cosines` [N, N] (Hessel et al. 2021, CLIPScore, section 3).

    Without that paper's "A photo depicts" before the caption, which other encoders than OpenAI's have no use for.
    """
    return WEIGHT * cosine.diagonal().clip(min=0)


@metrics.register("r_precision", higher_is_better=True, unit="")
def r_precision(cosine: np.ndarray, captions: Sequence[str], rng: np.random.Generator) -> np.ndarray:
    """Whether each image's own caption is nearest, float32 [N], from `cosines` [N, N] (Xu et al. 2018, AttnGAN, R = 1).

    Distractors are captions of other images with another wording; where there are fewer than `DISTRACTORS`, all.

    Raises:
        NotMeasurable: an image has no distractor.
    """
    texts = np.asarray(captions)
    correct = np.empty(len(cosine), np.float32)
    for row, values in enumerate(cosine):
        others = np.flatnonzero(texts != texts[row])
        if not len(others):
            raise NotMeasurable("all captions are the same")
        drawn = rng.choice(others, min(DISTRACTORS, len(others)), replace=False)
        correct[row] = values[row] > values[drawn].max()
    return correct
