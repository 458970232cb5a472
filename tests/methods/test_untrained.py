from __future__ import annotations

import torch

from bench.contracts.method import Batch
from bench.methods.parts.vector_quantizer import to_rows
from bench.methods.untrained import Untrained
from bench.presets import PRESETS

SMOKE = PRESETS["smoke"]


def test_nothing_but_the_decoder_is_learnt() -> None:
    torch.manual_seed(0)
    tokenizer = Untrained().build(SMOKE, "emoji-scenes", None).train()
    images = torch.rand(16, 3, SMOKE.image_size, SMOKE.image_size) * 2 - 1
    encoder = {name: value.clone() for name, value in tokenizer.encoder.state_dict().items()}
    decoder = {name: value.clone() for name, value in tokenizer.decoder.state_dict().items()}
    features = to_rows(tokenizer.encoder(images))
    weights = [weight for weight in tokenizer.parameters() if weight.requires_grad]
    optimizer = torch.optim.Adam(weights, 1e-2)
    codes = []
    for step in range(3):
        optimizer.zero_grad()
        losses = tokenizer.losses(Batch(images if step == 0 else images.flip(0) * 0.5), step)
        torch.stack(list(losses.values())).sum().backward()
        optimizer.step()
        codes.append(tokenizer.codebook.clone())
    assert all(torch.equal(value, encoder[name]) for name, value in tokenizer.encoder.state_dict().items())
    assert torch.equal(codes[0], codes[-1])
    assert all((features == code).all(1).any() for code in codes[-1])
    assert len(codes[-1].unique(dim=0)) == SMOKE.codes
    assert all(not torch.equal(value, decoder[name]) for name, value in tokenizer.decoder.state_dict().items())


def test_evaluation_draws_no_codes() -> None:
    tokenizer = Untrained().build(SMOKE, "emoji-scenes", None).eval()
    before = tokenizer.codebook.clone()
    tokenizer.encode(torch.zeros(1, 3, SMOKE.image_size, SMOKE.image_size))
    assert torch.equal(tokenizer.codebook, before)
