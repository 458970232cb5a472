"""Methods with a masked-word head give it to the alignment task, as it was trained."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from helpers.small_text import WORDS as SMALL_WORDS
from helpers.small_text import SmallText
from torch import Tensor

from bench.contracts.data import Split
from bench.contracts.method import MaskAt
from bench.experiment.encode import encode_split
from bench.methods.lgvq import LgVq
from bench.methods.parts.language import guided as guided_module
from bench.methods.parts.language.guided import LanguageGuided
from bench.presets import PRESETS
from bench.registry import methods
from bench.tasks.alignment import Alignment

CPU = torch.device("cpu")
SMOKE = PRESETS["smoke"]
SMALL = SmallText()


def guided(**arguments: object) -> LanguageGuided:
    torch.manual_seed(0)
    return LgVq(base="vqvae", **arguments).build(SMOKE, "emoji-scenes", SMALL)


@pytest.mark.parametrize("name", ["lgvq", "lgvq-mtp", "lgvq-gsa-ras", "lgvq-cvq", "vqgan", "identity"])
def test_tokenizers_of_methods_with_masked_words_predict_words(name: str) -> None:
    entry = methods.get(name)
    method = entry.load()(**entry.facts.arguments)
    tokenizer = method.build(SMOKE, "emoji-scenes", SMALL)
    assert (tokenizer.word_predictor is not None) == (name in {"lgvq", "lgvq-mtp", "lgvq-cvq"})
    assert Alignment().skip(None, method) is None


@pytest.mark.parametrize("mask_at", ["features", "words"])
def test_words_are_predicted_as_in_training(mask_at: MaskAt, monkeypatch: pytest.MonkeyPatch) -> None:
    tokenizer = guided(mask_at=mask_at).eval()
    text = SMALL.batch(6)
    predict = torch.zeros_like(text.ids, dtype=torch.bool)
    predict[[0, 2, 2], [1, 1, 2]] = True
    monkeypatch.setattr(
        guided_module, "draw_mask", lambda words, _: F.pad(predict, (0, words.shape[1] - predict.shape[1]))
    )
    trained: list[Tensor] = []
    tokenizer.guidance.word_model.head.register_forward_hook(lambda _module, _given, out: trained.append(out))
    quantized = torch.randn(6, SMOKE.width, SMOKE.grid, SMOKE.grid)
    tokenizer.guidance(quantized, text)
    predictor = tokenizer.word_predictor
    assert predictor is not None
    vectors = quantized.flatten(2).transpose(1, 2)
    found = predictor.word_logits(vectors, text.ids, predict, mask_at)
    assert found.shape == (3, len(SMALL_WORDS))
    torch.testing.assert_close(trained[1], trained[0])
    more = SMALL.length - text.ids.shape[1]
    padded = predictor.word_logits(vectors, F.pad(text.ids, (0, more)), F.pad(predict, (0, more)), mask_at)
    torch.testing.assert_close(padded, found)
    other: MaskAt = "words" if mask_at == "features" else "features"
    assert not torch.allclose(predictor.word_logits(vectors, text.ids, predict, other), found)


def test_codes_carry_the_predictor_of_their_tokenizer(tmp_path: Path) -> None:
    split = Split("test", np.zeros((3, 32, 32, 3), np.uint8))
    for losses in (("mtp",), ("gsa",)):
        tokenizer = guided(losses=losses).eval()
        codes = encode_split(tokenizer, split, tmp_path / losses[0], CPU, lambda *_: None)
        assert codes.words is tokenizer.word_predictor
        assert (codes.words is tokenizer.guidance) == (losses == ("mtp",))
