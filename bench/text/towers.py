"""CLIP's two transformers in plain torch, with open_clip's names of weights."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def causal_mask(length: int, device: torch.device) -> Tensor:
    """[L, L] to add to the attention: a position sees itself and what is before it."""
    return torch.full((length, length), -torch.inf, device=device).triu(1)


class Block(nn.Module):
    """Pre-norm attention and a four times wider MLP."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn = nn.MultiheadAttention(width, heads, batch_first=True)
        self.mlp = nn.ModuleDict({"c_fc": nn.Linear(width, 4 * width), "c_proj": nn.Linear(4 * width, width)})

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """Hidden states [B, N, width] of x, likewise; mask [N, N] is added to the attention."""
        y = self.ln_1(x)
        x = x + self.attn(y, y, y, need_weights=False, attn_mask=mask, is_causal=mask is not None)[0]
        return x + self.mlp["c_proj"](F.gelu(self.mlp["c_fc"](self.ln_2(x))))


class Transformer(nn.Module):
    """A stack of blocks."""

    def __init__(self, width: int, layers: int, heads: int) -> None:
        super().__init__()
        self.resblocks = nn.ModuleList(Block(width, heads) for _ in range(layers))

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Hidden states [B, N, width] of x, likewise."""
        for block in self.resblocks:
            x = block(x, mask)
        return x


class Vision(nn.Module):
    """Patches and a class token, whose final state is projected."""

    def __init__(self, embed: int, image_size: int, patch_size: int, width: int, layers: int, head_width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, patch_size, patch_size, bias=False)
        self.class_embedding = nn.Parameter(torch.zeros(width))
        self.positional_embedding = nn.Parameter(torch.zeros((image_size // patch_size) ** 2 + 1, width))
        self.ln_pre, self.ln_post = nn.LayerNorm(width), nn.LayerNorm(width)
        self.transformer = Transformer(width, layers, width // head_width)
        self.proj = nn.Parameter(torch.zeros(width, embed))

    def forward(self, images: Tensor) -> Tensor:
        """Images [B, 3, S, S] to features [B, embed]."""
        patches = self.conv1(images).flatten(2).transpose(1, 2)  # [B, patches, width]
        x = torch.cat([self.class_embedding.expand(len(images), 1, -1), patches], 1) + self.positional_embedding
        return self.ln_post(self.transformer(self.ln_pre(x))[:, 0]) @ self.proj


class Towers(nn.Module):
    """A CLIP of open_clip's configuration `embed_dim`, `vision_cfg`, `text_cfg`."""

    def __init__(self, embed_dim: int, vision_cfg: dict[str, int], text_cfg: dict[str, int]) -> None:
        super().__init__()
        width = text_cfg["width"]
        self.image_size = vision_cfg["image_size"]
        self.visual = Vision(embed_dim, **vision_cfg)
        self.token_embedding = nn.Embedding(text_cfg["vocab_size"], width)
        self.positional_embedding = nn.Parameter(torch.zeros(text_cfg["context_length"], width))
        self.transformer = Transformer(width, text_cfg["layers"], text_cfg["heads"])
        self.ln_final = nn.LayerNorm(width)
        self.text_projection = nn.Parameter(torch.zeros(width, embed_dim))
        self.logit_scale = nn.Parameter(torch.zeros(()))

    def encode_image(self, images: Tensor) -> Tensor:
        """Images [B, 3, S, S] in [-1, 1] to features [B, embed], not normalised."""
        return self.visual(images)

    def encode_text(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        """Ids [B, L] to token features [B, L, width] and the end token's (the largest id), projected [B, embed]."""
        length = ids.shape[1]
        x = self.token_embedding(ids) + self.positional_embedding[:length]
        tokens = self.ln_final(self.transformer(x, causal_mask(length, ids.device)))
        ends = tokens[torch.arange(len(ids), device=ids.device), ids.argmax(1)]
        return tokens, ends @ self.text_projection
