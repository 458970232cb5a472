"""The decoder that generating tasks and captioning share: caching, masking, sampling, beam search."""

import itertools

import pytest
import torch

from bench.tasks.parts.networks.decoder import Decoder, DecoderReader
from bench.tasks.parts.networks.decoding import Sampling, _ranked, beam_search, draw, generate, guided


@pytest.fixture
def model():
    torch.manual_seed(0)
    return Decoder(tokens=7, width=32, layers=2, length=6, context=True).eval()


def some(rows=3, length=6):
    torch.manual_seed(1)
    return torch.randn(rows, 5, 32), torch.randint(0, 7, (rows, length))


def reader(model, context, length=6, real=None):
    return DecoderReader(model, len(context), length, context, real)


def test_a_token_is_predicted_from_what_is_before_it_only(model):
    context, ids = some()
    logits = model(ids, context)
    assert logits.shape == (3, 7, 7)
    changed = ids.clone()
    changed[:, 3] = (ids[:, 3] + 1) % 7
    others = model(changed, context)
    torch.testing.assert_close(others[:, :4], logits[:, :4])
    assert not torch.allclose(others[:, 4:], logits[:, 4:])


def test_every_token_looks_at_the_whole_context(model):
    context, ids = some()
    context.requires_grad_()
    for position in range(7):
        (gradient,) = torch.autograd.grad(model(ids, context)[:, position].square().sum(), context)
        assert bool((gradient.abs().sum((0, 2)) > 0).all())


@pytest.mark.parametrize("padded", [False, True])
def test_reading_token_by_token_gives_what_reading_all_at_once_gives(model, padded):
    context, ids = some()
    real = torch.tensor([[True] * 5, [True] * 3 + [False] * 2, [True] + [False] * 4]) if padded else None
    at_once = model(ids, context, real)
    by_token = reader(model, context, real=real)
    found = [by_token.next]
    for step in range(6):
        by_token.read(ids[:, step : step + 1])
        found.append(by_token.next)
    torch.testing.assert_close(torch.stack(found, 1), at_once, atol=1e-5, rtol=1e-5)


def test_padding_changes_nothing(model):
    context, ids = some()
    real = torch.tensor([True] * 3 + [False] * 2).expand(3, -1)
    noise = torch.where(real[..., None], context, torch.randn(3, 5, 32))
    torch.testing.assert_close(model(ids, noise, real), model(ids, context, real))
    torch.testing.assert_close(model(ids, context[:, :3]), model(ids, context, real))


def test_hidden_sequences_are_predicted_from_context_and_position_alone(model):
    context, ids = some()
    hidden = torch.tensor([True, False, True])
    logits, others = model(ids, context, hidden=hidden), model((ids + 1) % 7, context, hidden=hidden)
    torch.testing.assert_close(logits[[0, 2]], others[[0, 2]])
    assert not torch.allclose(logits[1], others[1])
    torch.testing.assert_close(logits[1], model(ids, context)[1])
    assert not torch.allclose(logits[0, 1:-1], logits[0, 2:])  # it knows where it is


def test_it_works_without_a_context():
    torch.manual_seed(0)
    alone = Decoder(tokens=7, width=32, layers=2, length=6, context=False).eval()
    _, ids = some()
    assert alone(ids, None).shape == (3, 7, 7)
    made = generate(DecoderReader(alone, 3, 6, None), 6, Sampling(top_k=1), torch.Generator().manual_seed(0))
    assert torch.equal(alone(made, None)[:, :-1].argmax(-1), made)


def test_what_is_given_is_kept_and_the_rest_follows_from_the_seed(model):
    context, ids = some()
    runs = [
        generate(reader(model, context), 6, Sampling(), torch.Generator().manual_seed(seed), given=ids[:, :2])
        for seed in (0, 0, 1)
    ]
    assert torch.equal(runs[0], runs[1])
    assert not torch.equal(runs[0], runs[2])
    assert torch.equal(runs[0][:, :2], ids[:, :2])


def test_greedy_sampling_takes_the_likeliest_token_each_time(model):
    context, _ = some()
    made = generate(reader(model, context), 6, Sampling(top_k=1), torch.Generator())
    assert torch.equal(model(made, context)[:, :-1].argmax(-1), made)


def test_draws_follow_the_distribution():
    logits = torch.tensor([0.5, 0.3, 0.15, 0.05]).log().expand(40_000, -1)
    generator = torch.Generator().manual_seed(0)

    def shares(**arguments):
        return torch.bincount(draw(logits, Sampling(**arguments), generator), minlength=4) / len(logits)

    torch.testing.assert_close(shares(), logits[0].exp(), atol=0.01, rtol=0)
    torch.testing.assert_close(shares(top_k=2), torch.tensor([0.625, 0.375, 0, 0]), atol=0.01, rtol=0)
    torch.testing.assert_close(shares(top_p=0.85), torch.tensor([0.526, 0.316, 0.158, 0]), atol=0.01, rtol=0)
    assert shares(top_p=0.5)[0] == 1
    squared = torch.tensor([0.25, 0.09, 0.0225, 0.0025])
    torch.testing.assert_close(shares(temperature=0.5), squared / squared.sum(), atol=0.01, rtol=0)


def test_tokens_are_ranked_as_by_a_stable_sort():
    torch.manual_seed(0)
    chances = torch.randn(50, 40).mul(3).softmax(-1)
    chances[:, 30:] = chances[:, :10]  # ties
    chances[0, 5:] = 0.0
    expected = chances.sort(dim=-1, descending=True, stable=True)
    for found, wanted in zip(_ranked(chances), expected, strict=True):
        assert torch.equal(found, wanted)


def test_guidance_moves_logits_away_from_those_without_the_condition():
    both = torch.tensor([[2.0, 0.0], [1.0, 1.0]])
    assert guided(both, 1.0).tolist() == [[2.0, 0.0]]
    assert guided(both, 3.0).tolist() == [[4.0, -2.0]]


def test_guidance_of_a_condition_that_says_nothing_changes_nothing(model):
    context, _ = some()
    plain = generate(reader(model, context), 6, Sampling(), torch.Generator().manual_seed(0))
    twice = generate(
        reader(model, context.repeat(2, 1, 1)), 6, Sampling(guidance=4.0), torch.Generator().manual_seed(0)
    )
    assert torch.equal(plain, twice)


def test_a_wide_beam_search_finds_the_best_of_all_sequences(model):
    context, _ = some(2)
    end, length = 0, 3
    found = beam_search(reader(model, context, length), length, beams=7**2, end=end)
    for row in range(2):
        scores = {}
        for ids in itertools.product(range(7), repeat=length):
            stop = ids.index(end) + 1 if end in ids else length
            kept = ids[:stop] + (end,) * (length - stop)
            with torch.no_grad():
                chances = model(torch.tensor([kept]), context[row : row + 1]).log_softmax(-1)[0]
            scores[kept] = sum(float(chances[i, token]) for i, token in enumerate(kept[:stop])) / stop
        assert tuple(found[row].tolist()) == max(scores, key=scores.get)


def test_a_beam_of_one_is_greedy(model):
    context, _ = some()
    found = beam_search(reader(model, context), 6, beams=1, end=0)
    for row, ids in enumerate(found):
        stop = int((ids == 0).int().argmax()) + 1 if bool((ids == 0).any()) else 6
        greedy = model(ids[None], context[row : row + 1])[0, :stop].argmax(-1)
        assert torch.equal(greedy, ids[:stop])
        assert bool((ids[stop:] == 0).all())


def test_sequences_that_share_a_context_do_not_see_each_other(model):
    context, ids = torch.randn(2, 5, 32), torch.randint(7, (6, 4))
    real = torch.tensor([[True] * 5, [True] * 3 + [False] * 2])
    together = model(ids, context, real)
    apart = model(ids, context.repeat_interleave(3, 0), real.repeat_interleave(3, 0))
    torch.testing.assert_close(together, apart)
