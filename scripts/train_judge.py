"""Train the judge of text to image on scenes that nothing else sees.

    python scripts/train_judge.py [--steps 1000] [--cache runs/cache]

Of emoji-scenes it reads the split "judge", which no method, head, generator or text encoder reads; of easy-vqa, which
has few images, every second training image, the other ones than tiny-clip. Writes bench/text/weights/judge.* and prints
the retrieval recall on the validation splits.
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn
from train_tiny_clip import contrastive_loss, pick, report

from bench.contracts.data import Split
from bench.data.easy_vqa import EasyVqa
from bench.data.emoji_scenes import EmojiScenes
from bench.images import to_float
from bench.text.judge import Judge, JudgeEncoder, word_ids
from bench.text.tiny_clip import UNKNOWN, WEIGHTS, split_words

CPU = torch.device("cpu")
RATE = 2e-3
SHARES = (104, 24)
"""Examples of emoji-scenes and of easy-vqa in a batch."""


def train(splits: list[Split], parts: list[np.ndarray], words: dict[str, int], steps: int) -> Judge:
    """A judge, fitted with CLIP's loss. parts: the rows of each split that it may see."""
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    start = UNKNOWN + 1 + len(words)
    model = Judge(start + 2)
    optimizer = torch.optim.AdamW(model.parameters(), RATE, betas=(0.9, 0.98), weight_decay=0.05)
    for step in range(steps):
        picked = [pick(*each, rng) for each in zip(splits, SHARES, parts, strict=True)]
        captions = [caption for _, texts in picked for caption in texts]
        images = torch.cat([to_float(pixels, CPU) for pixels, _ in picked])
        ids = word_ids(captions, words, start)
        for group in optimizer.param_groups:
            group["lr"] = RATE * min(1, (step + 1) / 100) * 0.5 * (1 + math.cos(math.pi * step / steps))
        with torch.autocast("cpu", torch.bfloat16):
            seen = model.encode_image(images)
        read = model.encode_text(ids[:, (ids != 0).any(0)])[1]
        loss = contrastive_loss(seen, read, model.logit_scale.clamp(max=math.log(100)), captions)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if step % 100 == 0 or step + 1 == steps:
            print(f"step {step}: loss {loss.item():.3f}", flush=True)
    return model


def main() -> None:
    """Train the judge, save it and print its recall."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--cache", type=Path, default=Path("runs/cache"))
    arguments = parser.parse_args()
    sets: dict[str, EmojiScenes | EasyVqa] = {"emoji-scenes": EmojiScenes(), "easy-vqa": EasyVqa()}
    splits = [data.split(part, arguments.cache) for data, part in zip(sets.values(), ("judge", "train"), strict=True)]
    parts = [np.arange(len(splits[0])), np.arange(1, len(splits[1]), 2)]
    texts = {caption for split in splits for captions in split.captions for caption in captions}
    words = sorted({word for text in texts for word in split_words(text)})
    model = train(splits, parts, {word: UNKNOWN + 1 + i for i, word in enumerate(words)}, arguments.steps)
    (WEIGHTS / "judge.json").write_text(json.dumps(words, indent=0) + "\n")
    state = {name: weight.detach().half().contiguous() for name, weight in model.state_dict().items()}
    save_file(state, WEIGHTS / "judge.safetensors")
    for name, data in sets.items():
        report(JudgeEncoder("", CPU), data.split("validation", arguments.cache), f"{name} validation")


if __name__ == "__main__":
    main()
