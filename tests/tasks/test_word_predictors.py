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
def test_words_are_predicted_as_in_training(mask_at: MaskAt) -> None:
    tokenizer = guided(mask_at=mask_at).eval()
    seen: list[tuple[Tensor, Tensor]] = []
    tokenizer.guidance.word_model.register_forward_hook(lambda _module, given, out: seen.append((given[2], out)))
    text = SMALL.batch(6)
    length = text.ids.shape[1]
    quantized = torch.randn(6, SMOKE.width, SMOKE.grid, SMOKE.grid)
    torch.manual_seed(1)
    tokenizer.guidance(quantized, text)
    predict = seen[0][0][:, :length]
    assert predict.any()
    predictor = tokenizer.word_predictor
    assert predictor is not None
    vectors = quantized.flatten(2).transpose(1, 2)
    found = predictor.word_logits(vectors, text.ids, predict, mask_at)
    assert found.shape == (6, length, len(SMALL_WORDS))
    torch.testing.assert_close(found, seen[0][1][:, :length])
    longer = F.pad(text.ids, (0, SMALL.length - length))
    padded = predictor.word_logits(vectors, longer, F.pad(predict, (0, SMALL.length - length)), mask_at)
    torch.testing.assert_close(padded[:, :length], found)
    other: MaskAt = "words" if mask_at == "features" else "features"
    assert not torch.allclose(predictor.word_logits(vectors, text.ids, predict, other), found)


def test_codes_carry_the_predictor_of_their_tokenizer(tmp_path: Path) -> None:
    split = Split("test", np.zeros((3, 32, 32, 3), np.uint8))
    for losses in (("mtp",), ("gsa",)):
        tokenizer = guided(losses=losses).eval()
        codes = encode_split(tokenizer, split, tmp_path / losses[0], CPU, lambda *_: None)
        assert codes.words is tokenizer.word_predictor
        assert (codes.words is tokenizer.guidance) == (losses == ("mtp",))
