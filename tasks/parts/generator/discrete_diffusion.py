"""Discrete diffusion over codes: VQ-Diffusion (Gu et al., CVPR 2022, arXiv 2111.14822).

Departures: one shared transformer reads codes and condition together, where theirs has cross-attention; the step is a
learned vector added to every code, where theirs is in each layer norm (AdaLayerNorm); steps are drawn uniformly in
training, where theirs are by importance; log q(x_t | x_0) is added to the logits, where their network has to learn it.
The last is exact, since codes are corrupted independently: p(x_0 | x_t) of a code is q of itself times what the others
say. Without it, copying what is visible is nearly all of the loss at t = 1 and of its noise in a short training.
"""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.tasks.parts.generator.diffusion_schedule import Schedule, corrupt, likelihood, linear_schedule, posterior
from bench.tasks.parts.generator.model import Context
from bench.tasks.parts.networks.decoding import Sampling, draw, guided
from bench.tasks.parts.networks.transformer import Transformer

STEPS = 100
"""T, as in VQ-Diffusion."""
EVALUATIONS = 16
"""Of the network for each image: sampling takes about six of the T steps at once (the paper's fast inference)."""
AUXILIARY = 5e-4
"""Weight of the cross-entropy of x_0, as in VQ-Diffusion."""
INITIAL = 0.02
"""Standard deviation of learned vectors at the start, as in GPT-2."""
LEAST = 1e-30
"""Lower bound on probabilities in logarithms: a prediction that is certain and wrong costs much, but not infinity."""


class DiscreteDiffusion(nn.Module):
    """A `CodeModel` that predicts all codes from those that are not yet masked or replaced.

    The condition stands behind the codes, so that a code's position does not depend on the condition's length.
    """

    kept: Tensor
    masked: Tensor

    def __init__(self, tokens: int, width: int, layers: int, context: int, length: int) -> None:
        super().__init__()
        self.tokens = tokens
        self.embedding = nn.Embedding(tokens + 1, width)
        self.step = nn.Embedding(STEPS, width)
        self.body = Transformer(width, layers, length + context)
        self.logits = nn.Linear(width, tokens)
        for learned in (self.embedding.weight, self.step.weight, self.body.positions):
            nn.init.normal_(learned, std=INITIAL)
        for name, value in linear_schedule(STEPS)._asdict().items():
            self.register_buffer(name, value, persistent=False)

    @property
    def schedule(self) -> Schedule:
        """The chain's probabilities on the model's device."""
        return Schedule(self.kept, self.masked)

    def forward(self, context: Context, noisy: Tensor, now: Tensor) -> Tensor:
        """Logits of x_0, float32 [B, L, K], from x_t, int64 [B, L] with K for [MASK], and t, int64 [B]."""
        codes = self.embedding(noisy) + self.step(now - 1)[:, None]  # [B, L, W]
        real = F.pad(context.real, (noisy.shape[1], 0), value=True)  # [B, L + P]
        hidden = self.body(torch.cat([codes, context.vectors], 1), real)  # [B, L + P, W]
        logits: Tensor = self.logits(hidden[:, : noisy.shape[1]])  # [B, L, K]
        return logits.float() + likelihood(noisy, self.kept[now], self.masked[now], self.tokens).log()

    def loss(self, context: Context, ids: Tensor, done: float) -> Tensor:  # noqa: ARG002 - a `CodeModel`
        """The variational bound in nats a code, at one random step for each image, and the auxiliary cross-entropy.

        The bound is the sum over t of KL(q(x_{t-1} | x_t, x_0) || p(x_{t-1} | x_t)) (equation 4), at t = 1 the negative
        log likelihood; STEPS times a random term estimates it. The auxiliary term weighs more where less is masked
        ("adaptive" in VQ-Diffusion's configurations).
        """
        now = torch.randint(1, STEPS + 1, ids.shape[:1], device=ids.device)  # [B]
        noisy = corrupt(ids, now, self.schedule, self.tokens, None)  # [B, L]
        logits = self(context, noisy, now)  # [B, L, K]
        # both are distributions of x_{t-1}, [B, L, K + 1]
        true = posterior(F.one_hot(ids, self.tokens).float(), noisy, now, now - 1, self.schedule)
        model = posterior(logits.softmax(-1), noisy, now, now - 1, self.schedule)
        divergence = (torch.xlogy(true, true) - true * model.clamp(min=LEAST).log()).sum(-1)  # [B, L]
        entropy = F.cross_entropy(logits.flatten(0, 1), ids.flatten(), reduction="none").view(ids.shape)
        adaptive = 2 - (now[:, None] - 1) / STEPS
        return STEPS * (divergence + AUXILIARY * adaptive * entropy).mean()

    @torch.no_grad()
    def sample(
        self, context: Context, length: int, sampling: Sampling, rng: torch.Generator, given: Tensor | None
    ) -> Tensor:
        """Codes int64 [B, length] drawn from [MASK] everywhere backwards; see `decoding.generate`.

        Temperature, top_k and top_p shape p(x_0 | x_t) (VQ-Diffusion's truncation is top_p = 0.86). Drawing x_0 and
        then x_s from q(x_s | x_t, x_0) is the same as drawing from their sum over x_0.
        """
        copies = 1 if sampling.guidance == 1 else 2
        count = len(context.vectors) // copies
        fixed = context.real.new_empty((count, 0), dtype=torch.int64) if given is None else given
        noisy = torch.full((count, length), self.tokens, device=fixed.device)
        noisy[:, : fixed.shape[1]] = fixed
        for now, before in pairwise(STEPS * left // EVALUATIONS for left in range(EVALUATIONS, -1, -1)):
            steps = torch.full((count,), now, device=fixed.device)
            logits = self(context, noisy.repeat(copies, 1), steps.repeat(copies))  # [copies * B, L, K]
            logits = logits if copies == 1 else guided(logits, sampling.guidance)  # [B, L, K]
            start = F.one_hot(draw(logits.flatten(0, 1), sampling, rng), self.tokens).float()
            earlier = torch.full_like(steps, before)
            chances = posterior(start.view(count, length, -1), noisy, steps, earlier, self.schedule)  # [B, L, K + 1]
            noisy = torch.multinomial(chances.flatten(0, 1), 1, generator=rng).view(count, length)
            noisy[:, : fixed.shape[1]] = fixed
        return noisy
