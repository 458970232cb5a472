"""VQ-GAN's objective: L1, a perceptual term, and a patch discriminator under an adaptive weight (arXiv 2012.09841)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from taming.modules.discriminator.model import NLayerDiscriminator, weights_init
from torch import Tensor, nn
from torch.func import functional_call
from typing_extensions import override

from bench.errors import DataError
from bench.features.perceptual import LpipsNetwork
from bench.methods.parts.autoencoder import Objective
from bench.presets import Preset
from bench.system import ranks

Perceptual = Literal["auto", "vgg", "none"]


class Recipe(NamedTuple):
    """The discriminator and the weights that suit a backbone.

    channels, layers: size of the discriminator. rate: its learning rate as a fraction of the preset's.
    weight: on the adaptive weight. perceptual: whether VGG's weights can be expected.
    """

    channels: int
    layers: int
    rate: float
    weight: float
    perceptual: Perceptual


RECIPES = {
    "taming": Recipe(channels=64, layers=3, rate=1.0, weight=0.8, perceptual="vgg"),  # all of LG-VQ's configurations
    # 50 times taming's learning rate is too much for a discriminator, and with no perceptual term in the loss that the
    # adaptive weight compares with, 0.8 cost 1.4 dB in a trial
    "light": Recipe(channels=32, layers=2, rate=0.1, weight=0.2, perceptual="none"),
}


class AdversarialObjective(Objective):
    """L1 + LPIPS + adaptive weight x generator loss, and the discriminator's hinge loss.

    Before step `start` neither player costs anything. Taming alternates two optimizers, each with a forward pass of
    its own. Here the generator sees the discriminator's weights detached and the discriminator sees the images
    detached, so one backward pass gives both players the gradients that alternation would give them at the same
    weights, and one optimizer step moves both.
    """

    def __init__(self, preset: Preset, perceptual: Perceptual) -> None:
        super().__init__()
        recipe = RECIPES[preset.backbone]
        self.start, self.weight, self.rate = preset.discriminator_start, recipe.weight, recipe.rate
        self.discriminator = NLayerDiscriminator(ndf=recipe.channels, n_layers=recipe.layers).apply(weights_init)
        chosen = recipe.perceptual if perceptual == "auto" else perceptual
        self.perceptual = perceptual_distance() if chosen == "vgg" else None

    @override
    def learning_rate_scales(self) -> Mapping[nn.Module, float]:
        return {self.discriminator: self.rate}

    @override
    def forward(self, images: Tensor, reconstruction: Tensor, last_weight: Tensor, step: int) -> dict[str, Tensor]:
        losses = {"l1": F.l1_loss(reconstruction, images)}
        if self.perceptual is not None:
            losses["lpips"] = self.perceptual(images, reconstruction).mean()
        if step < self.start:
            return losses
        frozen = {name: weight.detach() for name, weight in self.discriminator.named_parameters()}
        generator = -functional_call(self.discriminator, frozen, (reconstruction,)).float().mean()
        weight = self.weight * adaptive_weight(torch.stack(list(losses.values())).sum(), generator, last_weight)
        real, fake = self.discriminator(images).float(), self.discriminator(reconstruction.detach()).float()
        return losses | {
            "generator": weight * generator,
            "discriminator": hinge_loss(real, fake),
            "_adaptive_weight": weight,
            "_logits_real": real.mean(),
            "_logits_fake": fake.mean(),
        }


def adaptive_weight(reconstruction_loss: Tensor, generator_loss: Tensor, last_weight: Tensor) -> Tensor:
    """VQ-GAN, eq. 7: |grad reconstruction loss| / (|grad generator loss| + 1e-4), clamped to [0, 1e4].

    last_weight: of the decoder's last layer, where the norms of the joint batch's gradients are taken.
    """
    losses = (reconstruction_loss, generator_loss)
    gradients = [torch.autograd.grad(loss, last_weight, retain_graph=True)[0].float() for loss in losses]
    norms = [ranks.mean(gradient).norm() for gradient in gradients]
    ratio: Tensor = norms[0] / (norms[1] + 1e-4)
    return ratio.clamp(0, 1e4).detach()


def hinge_loss(real: Tensor, fake: Tensor) -> Tensor:
    """Half the mean hinge of the discriminator's logits on real and on reconstructed images."""
    return 0.5 * (F.relu(1 - real).mean() + F.relu(1 + fake).mean())


def perceptual_distance() -> LpipsNetwork:
    """LPIPS on VGG16.

    Raises:
        DataError: its weights are not on this machine; the text says how to get them, or to train without.
    """
    try:
        return LpipsNetwork("vgg")
    except DataError as error:
        raise DataError(f"the perceptual loss: {error}; or train without by --set METHOD.perceptual=none") from error
