"""Train tiny-clip on the training captions and images of the built-in data sets, and nothing else.

    python scripts/train_tiny_clip.py [--steps 900] [--cache runs/cache]

Of easy-vqa it sees every second training image: the judge of text to image sees the others (see `train_judge.py`).
Writes bench/text/weights/tiny_clip.* and prints the retrieval recall on the validation splits, which are for
choosing, and on the test splits. Needs open_clip.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor, nn

from bench.contracts.data import DataSet, Split
from bench.contracts.method import ImageTextEncoder
from bench.data.easy_vqa import EasyVqa
from bench.data.emoji_details import EmojiDetails
from bench.data.emoji_scenes import EmojiScenes
from bench.images import to_float
from bench.system.torchvision_ops import make_importable
from bench.text.tiny_clip import EMBED, TEXT, UNKNOWN, VISION, WEIGHTS, TinyClip, Vocabulary, split_words
from bench.text.towers import Towers

CPU = torch.device("cpu")
RATE = 1e-3
SHARES = (60, 28, 40)
"""Examples of emoji-scenes, of emoji-details and of easy-vqa in a batch."""
TESTED = 1000
"""Images among which to retrieve."""


def build_vocabulary(splits: list[Split]) -> tuple[list[str], dict[str, list[int]]]:
    """The word pieces of CLIP's tokenizer that occur in training captions, and each word's pieces."""
    from open_clip.tokenizer import SimpleTokenizer

    tokenizer = SimpleTokenizer()
    texts = {caption for split in splits for captions in split.captions for caption in captions}
    words = sorted({word for text in texts for word in split_words(text)})
    encoded = {word: tokenizer.encode(word) for word in words}
    kept = sorted({piece for pieces in encoded.values() for piece in pieces})
    number = {piece: UNKNOWN + 1 + i for i, piece in enumerate(kept)}
    return [tokenizer.decoder[piece] for piece in kept], {w: [number[p] for p in ps] for w, ps in encoded.items()}


def pick(split: Split, count: int, part: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, list[str]]:
    """Random images uint8 [count, S, S, 3] of some rows of a split and, for each, one of its captions."""
    rows = part[rng.integers(0, len(part), count)]
    known = [split.captions[row] for row in rows.tolist()]
    return split.images[rows], [captions[int(rng.integers(0, len(captions)))] for captions in known]


def contrastive_loss(images: Tensor, texts: Tensor, scale: Tensor, captions: list[str]) -> Tensor:
    """CLIP's symmetric loss; equal captions in a batch are all right answers."""
    number = {caption: i for i, caption in enumerate(dict.fromkeys(captions))}
    same = torch.tensor([number[caption] for caption in captions])
    target = (same[:, None] == same).float()
    target = target / target.sum(1, keepdim=True)
    logits = scale.exp() * F.normalize(images.float(), dim=-1) @ F.normalize(texts.float(), dim=-1).T
    return (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2


def train(splits: list[Split], parts: list[np.ndarray], vocabulary: Vocabulary, steps: int) -> Towers:
    """A small CLIP, initialised as open_clip does it; an average of its weights over the last steps.

    parts: the rows of each split that it may see.
    """
    from open_clip.model import CLIP, CLIPTextCfg, CLIPVisionCfg

    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    text = {**TEXT, "vocab_size": vocabulary.size}
    start = CLIP(EMBED, CLIPVisionCfg(**VISION), CLIPTextCfg(**text)).state_dict()
    model = Towers(EMBED, VISION, text)
    model.load_state_dict({name: weight for name, weight in start.items() if name != "attn_mask"}, strict=True)
    average = copy.deepcopy(model)
    optimizer = torch.optim.AdamW(model.parameters(), RATE, betas=(0.9, 0.98), weight_decay=0.05)
    for step in range(steps):
        picked = [pick(*each, rng) for each in zip(splits, SHARES, parts, strict=True)]
        captions = [caption for _, texts in picked for caption in texts]
        images = torch.cat([to_float(pixels, CPU) for pixels, _ in picked])
        ids = torch.zeros(len(captions), TEXT["context_length"], dtype=torch.int64)
        for row, caption in enumerate(captions):
            pieces = vocabulary.ids(caption, TEXT["context_length"])
            ids[row, : len(pieces)] = torch.tensor(pieces)
        for group in optimizer.param_groups:
            group["lr"] = RATE * min(1, (step + 1) / 100) * 0.5 * (1 + math.cos(math.pi * step / steps))
        with torch.autocast("cpu", torch.bfloat16):
            seen, read = model.encode_image(images), model.encode_text(ids[:, (ids != 0).any(0)])[1]
        loss = contrastive_loss(seen, read, model.logit_scale.clamp(max=math.log(100)), captions)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        with torch.no_grad():
            for kept, new in zip(average.parameters(), model.parameters(), strict=True):
                kept.lerp_(new, 1 if step < 100 else 0.01)
        if step % 50 == 0 or step + 1 == steps:
            print(f"step {step}: loss {loss.item():.3f}", flush=True)
    return average.eval()


def recall(encoder: ImageTextEncoder, split: Split, captions: list[str]) -> dict[str, float]:
    """Text to image and back among the first images of a split: is a right one among the first k?

    captions: one for each of those images. Equal captions are all right; another that fits as well is not.
    """
    images = torch.cat(
        [encoder.encode_images(to_float(split.images[i : i + 100], CPU)) for i in range(0, len(captions), 100)]
    )
    texts = encoder.encode_captions(captions)
    logits = F.normalize(texts, dim=-1) @ F.normalize(images, dim=-1).T
    same = torch.tensor([[a == b for b in captions] for a in captions])
    shares = {"chance": same.float().mean().item()}
    for name, scores in (("text to image", logits), ("image to text", logits.T)):
        for k in (1, 5):
            best = scores.topk(k, dim=1).indices
            shares[f"{name} recall@{k}"] = same.gather(1, best).any(1).float().mean().item()
    return shares


def main() -> None:
    """Train the encoder, save it and print its recall."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=900)
    parser.add_argument("--cache", type=Path, default=Path("runs/cache"))
    arguments = parser.parse_args()
    make_importable()
    sets: dict[str, DataSet] = {
        "emoji-scenes": EmojiScenes(), "emoji-details": EmojiDetails(), "easy-vqa": EasyVqa()
    }  # fmt: skip
    splits = [data.split("train", arguments.cache) for data in sets.values()]
    pieces, words = build_vocabulary(splits)
    parts = [np.arange(0, len(split), 2 if name == "easy-vqa" else 1) for name, split in zip(sets, splits, strict=True)]
    model = train(splits, parts, Vocabulary(pieces, words), arguments.steps)
    WEIGHTS.mkdir(exist_ok=True)
    state = {name: weight.detach().half().contiguous() for name, weight in model.state_dict().items()}
    save_file(state, WEIGHTS / "tiny_clip.safetensors")
    (WEIGHTS / "tiny_clip.json").write_text(json.dumps({"pieces": pieces, "words": words}, indent=0) + "\n")
    encoder = TinyClip("", CPU)
    for part in ("validation", "test"):
        for name, data in sets.items():
            report(encoder, data.split(part, arguments.cache), f"{name} {part}")


def report(encoder: ImageTextEncoder, split: Split, label: str) -> None:
    """Print the recall with each image's first caption, and with all its captions in turn."""
    known = split.captions[:TESTED]
    wordings = {
        "first wording": [captions[0] for captions in known],
        "all wordings in turn": [captions[row % len(captions)] for row, captions in enumerate(known)],
    }
    for wording, captions in wordings.items():
        shares = recall(encoder, split, captions)
        print(f"{label}, {wording}: " + ", ".join(f"{what} {value:.4f}" for what, value in shares.items()))


if __name__ == "__main__":
    main()
