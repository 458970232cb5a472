"""Discrete diffusion over codes: the chain against matrices, the bound, and what it learns and keeps in sampling."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from bench.presets import Budget
from bench.tasks.parts.generator.diffusion_schedule import Schedule, corrupt, linear_schedule, posterior
from bench.tasks.parts.generator.discrete_diffusion import STEPS, DiscreteDiffusion
from bench.tasks.parts.generator.model import Context
from bench.tasks.parts.networks import head
from bench.tasks.parts.networks.decoding import Sampling

CODES, LAST = 5, 7
MASK = CODES
CPU = torch.device("cpu")


def replacing() -> Schedule:
    """A chain that replaces often: at the end 0.1 are kept, 0.6 masked, 0.3 replaced."""
    time = torch.arange(LAST + 1, dtype=torch.float64) / LAST
    return Schedule(1 - 0.9 * time, 0.6 * time)


def matrices(schedule: Schedule) -> list[Tensor]:
    """Transition matrices of the steps, [K + 1, K + 1] from row to column, written out as D3PM does."""
    found = []
    for t in range(1, LAST + 1):
        alpha = float(schedule.kept[t] / schedule.kept[t - 1])
        gamma = float(1 - (1 - schedule.masked[t]) / (1 - schedule.masked[t - 1]))
        matrix = torch.full((CODES + 1, CODES + 1), (1 - alpha - gamma) / CODES, dtype=torch.float64)
        matrix[:CODES, :CODES] += alpha * torch.eye(CODES)
        matrix[:CODES, MASK], matrix[MASK, :CODES], matrix[MASK, MASK] = gamma, 0, 1
        torch.testing.assert_close(matrix.sum(1), torch.ones(CODES + 1, dtype=torch.float64))
        found.append(matrix)
    return found


def between(steps: list[Tensor], start: int, end: int) -> Tensor:
    product = torch.eye(CODES + 1, dtype=torch.float64)
    for matrix in steps[start:end]:
        product = product @ matrix
    return product


@pytest.mark.parametrize("schedule", [linear_schedule(LAST), replacing()], ids=["VQ-Diffusion", "replacing"])
def test_the_posterior_is_bayes_rule_with_matrices(schedule):
    steps = matrices(schedule)
    torch.manual_seed(0)
    mixed = torch.rand(2, CODES).softmax(-1)
    starts = torch.cat([torch.eye(CODES), mixed])
    for now in range(1, LAST + 1):
        for before in range(now):
            joint = between(steps, 0, before)[:CODES, :, None] * between(steps, before, now)  # [x_0, x_s, x_t]
            expected = torch.einsum("bx,xst->bts", starts.double(), joint / joint.sum(1, keepdim=True))
            noisy = torch.arange(CODES + 1).expand(len(starts), -1)
            found = posterior(
                starts[:, None].expand(-1, CODES + 1, -1),
                noisy,
                torch.full((len(starts),), now),
                torch.full((len(starts),), before),
                schedule,
            )
            torch.testing.assert_close(found.double(), expected, atol=2e-6, rtol=1e-4)


@pytest.mark.parametrize("schedule", [linear_schedule(LAST), replacing()], ids=["VQ-Diffusion", "replacing"])
def test_corrupted_codes_are_distributed_as_the_product_of_matrices_says(schedule):
    generator = torch.Generator().manual_seed(0)
    steps = matrices(schedule)
    for now in (0, 1, 4, LAST):
        ids = torch.full((1, 40_000), 2)
        found = corrupt(ids, torch.tensor([now]), schedule, CODES, generator)
        shares = torch.bincount(found[0], minlength=CODES + 1).double() / ids.numel()
        torch.testing.assert_close(shares, between(steps, 0, now)[2], atol=0.01, rtol=0)  # 4 standard errors


@pytest.mark.parametrize("codes", [64, 16_384])
def test_the_posterior_sums_to_one_over_all_steps(codes):
    schedule = linear_schedule(STEPS)
    torch.manual_seed(0)
    now = torch.tensor([1, 2, 50, 99, 100, 100])
    before = torch.tensor([0, 1, 44, 98, 99, 0])
    noisy = torch.tensor([[codes, 3, codes - 1]]).expand(6, -1)
    certain = F.one_hot(noisy.clamp(max=codes - 1).flip(1), codes).float()
    for start in (torch.randn(6, 3, codes).mul(5).softmax(-1), certain):
        found = posterior(start, noisy, now, before, schedule)
        assert bool((found >= 0).all())
        torch.testing.assert_close(found.sum(-1), torch.ones(6, 3), atol=1e-4, rtol=0)


def none(rows: int, width: int = 32) -> Context:
    return Context(torch.empty(rows, 0, width), torch.ones(rows, 0, dtype=torch.bool))


def model() -> DiscreteDiffusion:
    torch.manual_seed(0)
    made = DiscreteDiffusion(tokens=8, width=32, layers=2, context=5, length=6)
    for learned in (made.embedding.weight, made.step.weight, made.body.positions):
        torch.nn.init.normal_(learned)  # at the small start of training every prediction is the same
    return made.eval()


def some() -> tuple[Context, Tensor]:
    torch.manual_seed(1)
    real = torch.tensor([[True] * 5, [True] * 3 + [False] * 2, [True] + [False] * 4, [True] * 3 + [False] * 2])
    return Context(torch.randn(4, 5, 32), real), torch.randint(0, 8, (4, 6))


class Knowing(DiscreteDiffusion):
    """Predicts one answer whatever it sees, with a given confidence."""

    answer: Tensor
    sharpness: float

    def forward(self, context: Context, noisy: Tensor, now: Tensor) -> Tensor:
        return self.sharpness * F.one_hot(self.answer, self.tokens).float()


def test_the_loss_of_a_perfect_prediction_is_zero_and_that_of_a_wrong_one_finite_and_large():
    torch.manual_seed(0)
    made = Knowing(8, 32, 1, 0, 6)
    made.answer, made.sharpness = torch.randint(0, 8, (64, 6)), 200.0
    assert made.loss(none(64), made.answer, 0.0).abs() < 1e-4
    wrong = made.loss(none(64), (made.answer + 1) % 8, 0.0)
    assert torch.isfinite(wrong)
    assert wrong > 10


def test_the_bound_of_a_constant_guess_is_the_entropy_of_codes():
    """If x_0 is guessed as uniform whatever is seen, the bound is known in closed form (up to 1e-6 of replacements):
    log K for a masked code when it is revealed, and for a visible one that the guess moves it, at t = 1 all of it."""
    schedule = linear_schedule(STEPS)
    torch.manual_seed(0)
    made = Knowing(4, 32, 1, 0, 1)
    made.answer, made.sharpness = torch.zeros(200_000, 1, dtype=torch.int64), 0.0
    found = made.loss(none(200_000), made.answer, 0.0)
    kept, masked = schedule
    t = torch.arange(1, STEPS + 1)
    log = torch.log(torch.tensor(4.0, dtype=torch.float64))
    revealed = (masked[t] - masked[t - 1]) * log
    stay = 1 - (1 - kept[t] / kept[t - 1]) * 0.75
    stay[0] = 0.25
    bound = (revealed - kept[t] * stay.log()).sum()
    auxiliary = 5e-4 * (2 - (t - 1) / STEPS).sum() * log
    torch.testing.assert_close(found.double(), bound + auxiliary, atol=0.1, rtol=0)  # 4 standard errors


def test_it_learns_codes_that_a_context_determines():
    """Codes follow from which of four vectors is told; trained as every head is, it says them back."""
    torch.manual_seed(0)
    vectors = torch.randn(4, 1, 32)
    answers = torch.randint(0, 8, (4, 6))
    real = torch.ones(64, 1, dtype=torch.bool)
    made = DiscreteDiffusion(tokens=8, width=32, layers=1, context=1, length=6)

    def loss() -> Tensor:
        which = torch.randint(4, (64,))
        return made.loss(Context(vectors[which], real), answers[which], 0.0)

    head.fit(made, loss, Budget(steps=300, batch_size=64, learning_rate=4e-3, width=32, layers=1), CPU)
    which = torch.arange(4).repeat(16)
    found = made.sample(Context(vectors[which], real), 6, Sampling(), torch.Generator().manual_seed(0), None)
    assert (found == answers[which]).float().mean() > 0.97


@pytest.mark.parametrize("guidance", [1.0, 2.0])
def test_samples_are_codes_that_keep_what_is_given_and_repeat_with_the_seed(guidance):
    made, (context, ids) = model(), some()
    count = 4 if guidance == 1 else 2
    sampling = Sampling(temperature=0.9, top_k=6, top_p=0.9, guidance=guidance)

    def sample(seed: int, given: Tensor | None = None) -> Tensor:
        return made.sample(context, 6, sampling, torch.Generator().manual_seed(seed), given)

    found = sample(0)
    assert found.shape == (count, 6)
    assert found.dtype == torch.int64
    assert bool(((found >= 0) & (found < 8)).all())
    assert torch.equal(found, sample(0))
    assert not torch.equal(found, sample(1))
    assert torch.equal(sample(0, ids[:count, :4])[:, :4], ids[:count, :4])
    assert torch.equal(sample(0, ids[:count]), ids[:count])


def test_guidance_moves_away_from_the_prediction_without_the_condition():
    """The same vectors in both halves say nothing to move away from, so they give what no guidance gives."""
    made, (context, _) = model(), some()
    twice = Context(*(torch.cat([part, part]) for part in context))
    plain = made.sample(context, 6, Sampling(), torch.Generator().manual_seed(0), None)
    same = made.sample(twice, 6, Sampling(guidance=3.0), torch.Generator().manual_seed(0), None)
    assert torch.equal(plain, same)
    other = Context(torch.cat([context.vectors, -context.vectors]), twice.real)
    moved = made.sample(other, 6, Sampling(guidance=3.0), torch.Generator().manual_seed(0), None)
    assert not torch.equal(plain, moved)


def test_padding_changes_nothing_and_the_context_does():
    made, (context, ids) = model(), some()
    now = torch.tensor([1, 30, 60, 100])
    noise = torch.where(context.real[..., None], context.vectors, torch.randn(4, 5, 32))
    logits = made(context, ids, now)
    torch.testing.assert_close(made(Context(noise, context.real), ids, now), logits)
    shorter = Context(context.vectors[1:, :3], context.real[1:, :3])
    torch.testing.assert_close(made(shorter, ids[1:], now[1:]), logits[1:], atol=1e-5, rtol=1e-5)
    assert not torch.allclose(made(Context(-context.vectors, context.real), ids, now), logits)


def test_every_code_sees_every_other_and_the_step():
    made, (context, ids) = model(), some()
    now = torch.tensor([1, 30, 60, 100])
    logits = made(context, ids, now)
    last = ids.clone()
    last[:, 5] = 8  # [MASK]
    assert not torch.allclose(made(context, last, now)[:, 0], logits[:, 0])
    assert not torch.allclose(made(context, ids, now.flip(0)), logits)


def test_an_empty_context_works():
    found = model().sample(none(3), 6, Sampling(), torch.Generator().manual_seed(0), None)
    assert found.shape == (3, 6)


def test_a_network_that_says_nothing_leaves_what_the_chain_says():
    made = DiscreteDiffusion(tokens=CODES, width=32, layers=1, context=0, length=CODES + 1)
    for value in made.logits.parameters():
        torch.nn.init.zeros_(value)
    schedule = replacing()
    made.kept, made.masked = schedule
    for now in range(1, LAST + 1):
        noisy = torch.arange(CODES + 1)[None]
        found = made(none(1), noisy, torch.tensor([now])).softmax(-1)[0].double()
        chances = between(matrices(schedule), 0, now)[:CODES].T
        torch.testing.assert_close(found, chances / chances.sum(1, keepdim=True), atol=1e-5, rtol=0)
