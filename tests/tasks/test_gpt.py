"""The GPT that generating tasks and captioning share: caching, masking, sampling, beam search."""

import itertools

import pytest
import torch

from bench.tasks.parts.networks.decoding import Sampling, beam_search, draw, generate, guided
from bench.tasks.parts.networks.gpt import PrefixModel, Reader


@pytest.fixture
def model():
    torch.manual_seed(0)
    made = PrefixModel(tokens=7, width=32, layers=2, prefix=5, length=6)
    for learned in (made.start, made.embedding.weight, made.body.positions):
        torch.nn.init.normal_(learned)  # at the small start of training every prediction is the same
    return made.eval()


def some(rows=3, length=6):
    torch.manual_seed(1)
    return torch.randn(rows, 5, 32), torch.randint(0, 7, (rows, length))


def test_a_token_is_predicted_from_what_is_before_it_only(model):
    prefix, ids = some()
    logits = model(prefix, ids)
    assert logits.shape == (3, 7, 7)
    changed = ids.clone()
    changed[:, 3] = (ids[:, 3] + 1) % 7
    others = model(prefix, changed)
    torch.testing.assert_close(others[:, :4], logits[:, :4])
    assert not torch.allclose(others[:, 4:], logits[:, 4:])


def test_the_prefix_sees_all_of_itself_and_none_of_the_tokens(model):
    prefix, ids = some()
    whole = model.body(torch.cat([prefix, model.embedding(ids)], 1), causal=True, prefix=5)
    last = prefix.clone()
    last[:, 4] += 1
    other_end = model.body(torch.cat([last, model.embedding(ids)], 1), causal=True, prefix=5)
    assert not torch.allclose(whole[:, 0], other_end[:, 0])
    other_ids = model.body(torch.cat([prefix, model.embedding((ids + 1) % 7)], 1), causal=True, prefix=5)
    torch.testing.assert_close(whole[:, :5], other_ids[:, :5])


@pytest.mark.parametrize("padded", [False, True])
def test_reading_token_by_token_gives_what_reading_all_at_once_gives(model, padded):
    prefix, ids = some()
    real = torch.tensor([[True] * 5, [True] * 3 + [False] * 2, [True] + [False] * 4]) if padded else None
    at_once = model(prefix, ids, real)
    reader = Reader(model, prefix, 6, real)
    found = [reader.next]
    for step in range(6):
        reader.read(ids[:, step : step + 1])
        found.append(reader.next)
    torch.testing.assert_close(torch.stack(found, 1), at_once, atol=1e-5, rtol=1e-5)


def test_padding_changes_nothing(model):
    prefix, ids = some()
    real = torch.tensor([True] * 3 + [False] * 2).expand(3, -1)
    noise = torch.where(real[..., None], prefix, torch.randn(3, 5, 32))
    torch.testing.assert_close(model(noise, ids, real), model(prefix, ids, real))


def test_more_padding_changes_nothing(model):
    prefix, ids = some()
    real = torch.tensor([True] * 3 + [False] * 2).expand(3, -1)
    torch.testing.assert_close(model(prefix[:, :3], ids), model(prefix, ids, real))


def test_an_empty_prefix_works(model):
    _, ids = some()
    assert model(torch.empty(3, 0, 32), ids).shape == (3, 7, 7)
    made = generate(model, torch.empty(3, 0, 32), 6, Sampling(), torch.Generator().manual_seed(0))
    assert made.shape == (3, 6)


def test_what_is_given_is_kept_and_the_rest_follows_from_the_seed(model):
    prefix, ids = some()
    runs = [
        generate(model, prefix, 6, Sampling(), torch.Generator().manual_seed(seed), given=ids[:, :2])
        for seed in (0, 0, 1)
    ]
    assert torch.equal(runs[0], runs[1])
    assert not torch.equal(runs[0], runs[2])
    assert torch.equal(runs[0][:, :2], ids[:, :2])


def test_greedy_sampling_takes_the_likeliest_token_each_time(model):
    prefix, _ = some()
    made = generate(model, prefix, 6, Sampling(top_k=1), torch.Generator())
    assert torch.equal(model(prefix, made)[:, :-1].argmax(-1), made)


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


def test_guidance_moves_logits_away_from_those_without_the_condition():
    both = torch.tensor([[2.0, 0.0], [1.0, 1.0]])
    assert guided(both, 1.0).tolist() == [[2.0, 0.0]]
    assert guided(both, 3.0).tolist() == [[4.0, -2.0]]


def test_guidance_of_a_condition_that_says_nothing_changes_nothing(model):
    prefix, _ = some()
    plain = generate(model, prefix, 6, Sampling(), torch.Generator().manual_seed(0))
    twice = generate(model, prefix.repeat(2, 1, 1), 6, Sampling(guidance=4.0), torch.Generator().manual_seed(0))
    assert torch.equal(plain, twice)


def test_a_wide_beam_search_finds_the_best_of_all_sequences(model):
    prefix, _ = some(2)
    end, length = 0, 3
    found = beam_search(model, prefix, length, beams=7**2, end=end)
    for row in range(2):
        scores = {}
        for ids in itertools.product(range(7), repeat=length):
            stop = ids.index(end) + 1 if end in ids else length
            kept = ids[:stop] + (end,) * (length - stop)
            with torch.no_grad():
                chances = model(prefix[row : row + 1], torch.tensor([kept])).log_softmax(-1)[0]
            scores[kept] = sum(float(chances[i, token]) for i, token in enumerate(kept[:stop])) / stop
        assert tuple(found[row].tolist()) == max(scores, key=scores.get)


def test_a_beam_of_one_is_greedy(model):
    prefix, _ = some()
    found = beam_search(model, prefix, 6, beams=1, end=0)
    for row, ids in enumerate(found):
        stop = int((ids == 0).int().argmax()) + 1 if bool((ids == 0).any()) else 6
        greedy = model(prefix[row : row + 1], ids[None])[0, :stop].argmax(-1)
        assert torch.equal(greedy, ids[:stop])
        assert bool((ids[stop:] == 0).all())


def test_sequences_that_share_a_prefix_do_not_see_each_other(model: PrefixModel) -> None:
    prefix, ids = torch.randn(2, 5, 32), torch.randint(7, (6, 4))
    real = torch.tensor([[True] * 5, [True] * 3 + [False] * 2])
    together = model(prefix, ids, real)
    apart = model(prefix.repeat_interleave(3, 0), ids, real.repeat_interleave(3, 0))
    torch.testing.assert_close(together, apart)
