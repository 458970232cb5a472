"""How much faster a training step of LG-VQ is here than by the recipe of its released code.

    python benchmarks/released_recipe.py [--preset photo] [--rounds 7] [--text-encoder tiny-clip] [--device cuda]

The same network, batch, losses and optimizers; the recipe (arXiv 2405.14206, its released training code) runs the
generator's forward pass and the text losses for each of two optimizers, encodes the captions in every step, gives
logits to all words, and computes the relationship loss image by image, word by word. All by turns, medians of rounds;
"same arithmetic" is float32 in the usual layout of memory, the next line is what a training here does.
"""

from __future__ import annotations

import argparse
import dataclasses
import statistics
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from steps import training_step
from torch import Tensor

from bench.contracts.method import Batch, TextBatch, TextEncoder
from bench.methods.lgvq import LgVq
from bench.methods.parts.adversarial import AdversarialObjective, adaptive_weight, hinge_loss
from bench.methods.parts.language.guided import LanguageGuided
from bench.methods.parts.language.losses import draw_mask
from bench.presets import PRESETS, Preset
from bench.system.precision import multiplies_bf16
from bench.text.load import load_text_encoder
from bench.text.words import word_positions

CAPTIONS = (
    "a red apple at the top left and a yellow banana at the bottom right on a blue background",
    "a green tree and a brown dog",
    "two people on a boat, one of them holds a fishing rod",
    "a house",
)
STEPS = 4
"""Steps of one turn."""


def relationship_by_words(guidance_codes: Tensor, visual: Tensor, text: Tensor, real: Tensor) -> Tensor:
    """The relationship loss as released: a loop over images and words (eq. 7 and 8)."""
    total = guidance_codes.new_zeros(())
    for codes, tokens, words, kept in zip(guidance_codes, visual, text, real, strict=True):
        tokens = F.normalize(tokens.detach(), dim=-1)
        words = F.normalize(words, dim=-1)
        picked = []
        for word in words:
            similarity = tokens @ word
            best = int(similarity.argmax())
            picked.append(codes[best] * similarity[best])
        chosen = F.normalize(torch.stack(picked), dim=-1) * kept[:, None]
        words = words * kept[:, None]
        total = total + (chosen @ chosen.T - (words @ words.T).detach()).square().mean()
    return total / len(text)


def text_losses(tokenizer: LanguageGuided, quantized: Tensor, ids: Tensor, encoder: TextEncoder) -> dict[str, Tensor]:
    """All three text losses, from captions that are encoded anew and with logits for every position."""
    guidance = tokenizer.guidance
    with torch.no_grad():
        tokens, sentence = encoder.encode(ids)
    missing = guidance.length - tokens.shape[1]
    tokens, padded = F.pad(tokens, (0, 0, 0, missing)), F.pad(ids, (0, guidance.length - ids.shape[1]))
    codes = quantized.flatten(2).transpose(1, 2)
    visual = guidance.vision(codes)
    shares = (F.normalize(visual[:, 0], dim=-1) @ F.normalize(sentence, dim=-1).T).exp()
    predict, real = draw_mask(word_positions(padded), "bernoulli"), padded != 0
    logits = guidance.word_model(tokens, visual, predict, real, guidance.words, padding_mask=False)
    words = F.cross_entropy(logits.flatten(0, 1), padded.flatten(), reduction="none", label_smoothing=0.1)
    related = relationship_by_words(guidance.relation_head(codes), visual[:, 1:], tokens, real.float())
    return {
        "gsa": -(shares.diagonal() / (shares.sum(1) + 1e-6)).log().mean(),
        "mtp": (words * predict.flatten()).sum() / (predict.sum() + 5e-6),
        "ras": related,
    }


def recipe(
    tokenizer: LanguageGuided, encoder: TextEncoder, images: Tensor, ids: Tensor, preset: Preset
) -> Callable[[], None]:
    """A step as released: two optimizers by turns, each with a forward pass of everything and the text losses."""
    base, objective = tokenizer.base, tokenizer.base.objective
    assert isinstance(objective, AdversarialObjective)
    discriminator = objective.discriminator
    of_discriminator = list(discriminator.parameters())
    of_generator = [p for p in tokenizer.parameters() if p.requires_grad and all(p is not q for q in of_discriminator)]
    players = [
        (of_generator, torch.optim.Adam(of_generator, preset.learning_rate, preset.betas)),
        (of_discriminator, torch.optim.Adam(of_discriminator, preset.learning_rate * objective.rate, preset.betas)),
    ]

    def loss_of(player: int) -> Tensor:
        quantized = base.quantizer(base.encoder(images))
        reconstruction = base.decoder(quantized.quantized)
        guided = text_losses(tokenizer, quantized.quantized, ids, encoder)
        if player == 1:
            return hinge_loss(discriminator(images), discriminator(reconstruction.detach()))
        plain = F.l1_loss(reconstruction, images)
        if objective.perceptual is not None:
            plain = plain + objective.perceptual(images, reconstruction).mean()
        generator = -discriminator(reconstruction).mean()
        weight = objective.weight * adaptive_weight(plain, generator, base.decoder.last_weight)
        text = torch.stack([tokenizer.weights[name] * loss for name, loss in guided.items()]).sum()
        return plain + weight * generator + quantized.loss + text

    def step() -> None:
        for player, (own, optimizer) in enumerate(players):
            for parameters, _ in players:  # as its trainer does: only one player's parameters take gradients
                for parameter in parameters:
                    parameter.requires_grad_(parameters is own)
            loss = loss_of(player)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    return step


def by_turns(steps: dict[str, Callable[[], None]], rounds: int, device: torch.device) -> dict[str, float]:
    """Median seconds of a step of each, taken by turns after one turn to warm up."""
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for turn in range(rounds + 1):
        for name, step in steps.items():
            started = time.perf_counter()
            for _ in range(STEPS):
                step()
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            if turn:
                seconds[name].append((time.perf_counter() - started) / STEPS)
    return {name: statistics.median(taken) for name, taken in seconds.items()}


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--preset", default="photo", choices=PRESETS)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--text-encoder", default="tiny-clip")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    arguments = parser.parse_args()
    device = torch.device(arguments.device)
    preset = dataclasses.replace(PRESETS[arguments.preset], muon=None, precision="fp32")  # all Adam, as released
    fast = dataclasses.replace(preset, precision="bf16" if multiplies_bf16(device) else "fp32")
    encoder = load_text_encoder(arguments.text_encoder, str(device))
    images = torch.rand(preset.batch_size, 3, preset.image_size, preset.image_size, device=device) * 2 - 1
    ids = encoder.tokenize([CAPTIONS[number % len(CAPTIONS)] for number in range(preset.batch_size)]).to(device)
    ids = ids[:, : int((ids != 0).sum(1).max())]
    text = TextBatch(ids, *encoder.encode(ids))

    def made(layout: torch.memory_format) -> LanguageGuided:
        torch.manual_seed(0)
        tokenizer = LgVq().build(preset, "emoji-scenes", encoder).to(device).train()
        return tokenizer.to(memory_format=layout)  # type: ignore[call-overload]

    usual, last = torch.contiguous_format, torch.channels_last
    steps = {
        "the released recipe": recipe(made(usual), encoder, images, ids, preset),
        "here, same arithmetic": training_step(made(usual), Batch(images, text), preset),
        f"here, channels last, {fast.precision}": training_step(made(last), Batch(images, text), fast),
    }
    named = torch.cuda.get_device_name(device) if device.type == "cuda" else f"CPU, {torch.get_num_threads()} threads"
    print(
        f"{named}; {arguments.preset} with Adam, batch {preset.batch_size}, {arguments.text_encoder}, "
        f"torch {torch.__version__}"
    )
    print("| a step of lgvq | seconds | times as fast |\n|---|--:|--:|")
    seconds = by_turns(steps, arguments.rounds, device)
    for name, taken in seconds.items():
        print(f"| {name} | {taken:.3f} | {seconds['the released recipe'] / taken:.2f} |")


if __name__ == "__main__":
    main()
