"""Tokenizers inside models of transformers, against the package's own classes."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.released import both_ways, build, drawn_state, images, in_parts, refusal
from safetensors.torch import load_file, save_file

from bench.methods.pretrained import Pretrained
from bench.system.torchvision_ops import make_importable

make_importable()
pytest.importorskip("transformers", reason="needs pip install '.[transformers]'")

COMMON = {"base_channels": 32, "channel_multiplier": [1, 2], "num_res_blocks": 1, "embed_dim": 8}
EMU3 = COMMON | {"codebook_size": 24, "attn_resolutions": [1], "hidden_size": 64, "embed_dim": 4, "latent_channels": 4}
JANUS = COMMON | {"num_embeddings": 24, "latent_channels": 32, "num_patches": 8}
CHAMELEON = COMMON | {"num_embeddings": 24, "latent_channels": 32, "resolution": 16, "attn_resolutions": [8]}
PICTURES = images(2, 3, 16, 16)


def made(kind: str, sizes: dict[str, Any]) -> Any:
    """A small model of the package."""
    name = kind.capitalize()
    config = getattr(importlib.import_module(f"transformers.models.{kind}.configuration_{kind}"), f"{name}VQVAEConfig")
    model = getattr(importlib.import_module(f"transformers.models.{kind}.modeling_{kind}"), f"{name}VQVAE")
    vqvae = model(config(**sizes)).eval()
    state = drawn_state(vqvae)
    state |= {key: value.abs() + 0.1 for key, value in state.items() if key.endswith("running_var")}
    vqvae.load_state_dict({key: value.long() if "num_batches" in key else value for key, value in state.items()})
    return vqvae


def written(folder: Path, kind: str, vqvae: Any, sizes: dict[str, Any]) -> Pretrained:
    """The tokenizer as a whole model has it, beside weights of the rest."""
    state = {f"model.vqmodel.{name}": value for name, value in vqvae.state_dict().items()}
    save_file(state | {"model.language_model.norm.weight": torch.ones(3)}, folder / "model.safetensors")
    (folder / "config.json").write_text(
        json.dumps({"model_type": kind, "vocabulary_map": {"a": 1}, "vq_config": sizes})
    )
    return Pretrained(folder / "model.safetensors", folder / "config.json")


def test_emu3_is_the_packages(tmp_path: Path) -> None:
    vqvae, pictures = made("emu3", EMU3), images(2, 3, 16, 24)
    with torch.inference_mode():
        latents = vqvae.encoder(pictures[:, None].repeat(1, 4, 1, 1, 1)).transpose(1, 2)
        near = (
            vqvae.quant_conv(latents).movedim(1, -1).flatten(0, -2)[::8]
        )  # codes amid features: drawn ones are far off
        vqvae.quantize.embedding.weight.data = near.clone()
        expected = torch.stack(vqvae.encode(pictures, torch.tensor([[16, 24]] * 2)).image_tokens)
        drawn = vqvae.decode(expected)
    found, decoded = both_ways(build(written(tmp_path, "emu3", vqvae, EMU3)), pictures)
    assert torch.equal(found, expected)
    assert found.shape == (2, 8, 12)
    assert len(found.unique()) > 5
    torch.testing.assert_close(decoded, drawn)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"latent_channels": 8}, "embed_dim and latent_channels of Emu3 are one number"),
        ({"hidden_size": 32}, "levels that attend have 32 channels"),
        ({"attn_resolutions": [0]}, "levels that attend have 64 channels"),
    ],
)
def test_sizes_of_emu3_that_make_no_network(change: dict[str, Any], words: str, tmp_path: Path) -> None:
    assert words in refusal(written(tmp_path, "emu3", made("emu3", EMU3), EMU3 | change))


def test_janus_is_the_packages_where_codes_have_length_one(tmp_path: Path) -> None:
    vqvae = made("janus", JANUS)
    weight = vqvae.quantize.embedding.weight
    weight.data = torch.nn.functional.normalize(weight.data, dim=1)
    with torch.inference_mode():
        expected = vqvae.encode(PICTURES).image_tokens
        drawn = vqvae.decode(expected.view(2, -1))
    found, decoded = both_ways(build(written(tmp_path, "janus", vqvae, JANUS)), PICTURES)
    assert torch.equal(found.flatten(), expected)
    assert len(found.unique()) > 5
    torch.testing.assert_close(decoded, drawn)


def test_janus_chooses_by_cosine(tmp_path: Path) -> None:
    vqvae = made("janus", JANUS)
    with torch.inference_mode():
        rows = vqvae.quant_conv(vqvae.encoder(PICTURES)).permute(0, 2, 3, 1).flatten(0, 2)
        codes = vqvae.quantize.embedding.weight
        expected = torch.cosine_similarity(rows[:, None], codes, dim=2).argmax(1)
        drawn = vqvae.decode(expected.view(2, -1))
    found, decoded = both_ways(build(written(tmp_path, "janus", vqvae, JANUS)), PICTURES)
    assert torch.equal(found.flatten(), expected)
    torch.testing.assert_close(decoded, drawn)


def test_chameleons_encoder_is_the_packages(tmp_path: Path) -> None:
    from taming.modules.diffusionmodules.model import Decoder

    vqvae = made("chameleon", CHAMELEON)
    method = written(tmp_path, "chameleon", vqvae, CHAMELEON)
    assert "encoder without its decoder" in refusal(method)
    decoder = Decoder(
        ch=32, out_ch=3, ch_mult=[1, 2], num_res_blocks=1, attn_resolutions=[8], in_channels=3, resolution=16,
        z_channels=32,
    ).eval()  # fmt: skip
    assert method.weights is not None
    state = {f"model.vqmodel.decoder.{name}": value for name, value in drawn_state(decoder).items()}
    save_file(load_file(method.weights) | state, method.weights)
    decoder.load_state_dict(drawn_state(decoder))
    with torch.inference_mode():
        expected = vqvae.encode(PICTURES).image_tokens
        drawn = decoder(vqvae.post_quant_conv(vqvae.quantize.embedding(expected).view(2, 8, 8, 8).permute(0, 3, 1, 2)))
    found, decoded = both_ways(build(method), PICTURES)
    assert torch.equal(found.flatten(), expected)
    torch.testing.assert_close(decoded, drawn)


def test_a_tokenizer_by_itself(tmp_path: Path) -> None:
    vqvae = made("janus", JANUS)
    vqvae.save_pretrained(tmp_path)  # model_type janus_vqgan, names without a prefix
    method = Pretrained(tmp_path / "model.safetensors", tmp_path / "config.json")
    assert build(method).codebook.shape == (24, 8)


def test_a_model_in_parts_is_read_from_its_folder(tmp_path: Path) -> None:
    vqvae = made("emu3", EMU3)
    whole = written(tmp_path, "emu3", vqvae, EMU3)
    assert whole.weights is not None
    expected = both_ways(build(whole), PICTURES)
    in_parts(whole.weights)
    found, decoded = both_ways(build(Pretrained(tmp_path)), PICTURES)
    assert torch.equal(found, expected[0])
    torch.testing.assert_close(decoded, expected[1])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"model_type": "janus", "vq_config": 3}, "vq_config: not a mapping"),
        ({"model_type": "janus", "vq_config": {"base_channels": 33}}, "base_channels: input should be"),
        ({"model_type": "janus", "vq_config": {}}, "lacks ['model.decoder"),
        ({"model_type": ["janus"]}, "no tokenizer's configuration"),
    ],
)
def test_a_wrong_configuration_is_one_line(content: dict[str, Any], words: str, tmp_path: Path) -> None:
    method = written(tmp_path, "janus", made("janus", JANUS), JANUS)
    assert method.config is not None
    method.config.write_text(json.dumps(content))
    assert words in refusal(method)
