"""A small text encoder with random weights: a causal transformer, a `bench.contracts.method.TextEncoder`."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bench.contracts.method import TextBatch

ADJECTIVES = ["red", "blue", "green", "big", "small", "round", "striped", "wooden", "tall", "dark", "bright", "empty"]
ANIMALS = ["cat", "dog", "horse", "bird", "fish", "cow", "sheep", "goat", "lion", "bear"]
THINGS = ["car", "boat", "table", "chair", "clock", "lamp", "drum", "hat", "shoe", "key", "ring", "spoon", "plate"]
PLACES = ["valley", "river", "hill", "garden", "street"]
WORDS = ["<pad>", "<start>", "<end>", "<mask>", *(f"w{number}" for number in range(20))]
WORDS += [*ADJECTIVES, *ANIMALS, *THINGS, *PLACES]


class SmallText(nn.Module):
    """Ids: 0 padding, 1 start, 2 end, 3 mask, then words."""

    def __init__(self, width: int = 24, length: int = 12) -> None:
        super().__init__()
        self.width, self.length, self.vocabulary, self.mask_id = width, length, len(WORDS), 3
        self.words = {word: id_ for id_, word in enumerate(WORDS) if word.isalpha()}
        generator = torch.Generator().manual_seed(0)
        draw = lambda *shape: nn.Parameter(torch.randn(*shape, generator=generator) * 0.3, False)  # noqa: E731
        self.table, self.places, self.projection = draw(len(WORDS), width), draw(length, width), draw(width, width)
        self.mix = nn.ParameterList(draw(width, width) for _ in range(3))

    @property
    def word_embeddings(self) -> Tensor:
        return self.table

    def tokenize(self, captions: list[str]) -> Tensor:
        rows = [[1, *(WORDS.index(word) for word in caption.split()), 2][: self.length] for caption in captions]
        longest = max(map(len, rows))
        return torch.tensor([row + [0] * (longest - len(row)) for row in rows])

    def encode(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        """One causal self-attention layer, so a word shows in its own and in all later positions."""
        x = self.table[ids] + self.places[: ids.shape[1]]
        query, key, value = (x @ weight for weight in self.mix)
        tokens = x + nn.functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        last = (ids != 0).sum(1) - 1
        return tokens, tokens[torch.arange(len(ids)), last] @ self.projection

    def batch(self, count: int, seed: int = 0) -> TextBatch:
        """Random captions of 2 to `length` - 2 words."""
        generator = torch.Generator().manual_seed(seed)
        lengths = torch.randint(2, self.length - 1, (count,), generator=generator).tolist()
        words = torch.randint(4, len(WORDS), (count, self.length), generator=generator).tolist()
        ids = self.tokenize(
            [" ".join(WORDS[word] for word in row[:size]) for row, size in zip(words, lengths, strict=True)]
        )
        return TextBatch(ids, *self.encode(ids))
