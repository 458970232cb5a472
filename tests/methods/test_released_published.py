"""LlamaGen, Open-MAGVIT2 and IBQ against what their published code computed (tests/golden/README.md)."""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.released import GOLDEN, both_ways, build, drawn_state, images, refusal, write_yaml
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from bench.errors import DataError, UsageError
from bench.methods.parts.released import ibq, llamagen, magvit2
from bench.methods.parts.released.network import Sides, outline
from bench.methods.pretrained import Pretrained

VALUES = load_file(GOLDEN)
SIDES = Sides(32, 32)
SIZES = {"double_z": False, "in_channels": 3, "out_ch": 3, "ch": 32, "num_res_blocks": 1}
MAGVIT2 = {
    "class_path": "src.Open_MAGVIT2.models.lfqgan.VQModel",
    "init_args": {
        "n_embed": 64, "embed_dim": 6, "ddconfig": SIZES | {"z_channels": 6, "resolution": 128, "ch_mult": [1, 2, 2]},
    },
}  # fmt: skip
IBQ = {
    "class_path": "src.IBQ.models.ibqgan.IBQ",
    "init_args": {
        "n_embed": 48, "embed_dim": 16,
        "ddconfig": SIZES | {
            "z_channels": 16, "resolution": 32, "ch_mult": [1, 1, 2], "attn_resolutions": [8], "dropout": 0.0,
        },
    },
}  # fmt: skip
LLAMAGEN = llamagen.Shape(first=32, levels=[32, 32, 64], blocks=2, z_channels=32, codes=48, width=8)


def layouts() -> dict[str, dict[str, Any]]:
    """Of the published networks' weights: how many, and a hash of their names and shapes."""
    with safe_open(GOLDEN, "pt") as file:
        return json.loads(file.metadata()["layouts"])


def layout(shapes: Mapping[str, list[int]]) -> dict[str, Any]:
    lines = "\n".join(f"{name} {shapes[name]}" for name in sorted(shapes))
    return {"names": len(shapes), "sha256": hashlib.sha256(lines.encode()).hexdigest()}


def shapes_of(module: torch.nn.Module) -> dict[str, list[int]]:
    return {name: list(value.shape) for name, value in module.state_dict().items()}


def parameters(family: Any, sizes: dict[str, Any]) -> Any:
    return family.Config.model_validate({"model": sizes}).model.init_args


def outlined(name: str) -> torch.nn.Module:
    """A small network of ours, without weights."""
    with outline():
        if name == "llamagen":
            return llamagen.LlamaGenTokenizer(LLAMAGEN, SIDES)
        if name == "ibq":
            return ibq.IbqTokenizer(parameters(ibq, IBQ), SIDES)
        return magvit2.Magvit2Tokenizer(parameters(magvit2, MAGVIT2).ddconfig, SIDES)


def with_averages(state: dict[str, Tensor], averages: dict[str, Tensor]) -> dict[str, Tensor]:
    """A checkpoint's weights with their moving averages, as SEED-Voken's class keeps them."""
    kept = {f"model_ema.{name.replace('.', '')}": value for name, value in averages.items()}
    return state | kept | {"model_ema.decay": torch.tensor(0.999), "model_ema.num_updates": torch.tensor(-1)}


def written(name: str, folder: Path) -> Pretrained:
    """Files as they are published: what was trained is one thing, its moving average, which counts, another."""
    network = outlined(name)
    state, plain = drawn_state(network), drawn_state(network, "plain ")
    if name == "llamagen":
        used = {"quantize.codebook_used": torch.zeros(65536)}
        content = {"model": plain | used, "ema": state | used, "steps": 9, "args": argparse.Namespace(lr=1e-4)}
        torch.save(content, folder / "vq.pt")
        return Pretrained(folder / "vq.pt")
    loss = {"loss.discriminator.0.weight": torch.zeros(3), "model_ema.lossdiscriminator0weight": torch.zeros(3)}
    callbacks = {"ModelCheckpoint{'monitor': None}": {"best_model_score": torch.tensor(0.5), "dirpath": "x"}}
    torch.save({"state_dict": with_averages(plain, state) | loss, "callbacks": callbacks}, folder / "last.ckpt")
    config = write_yaml(
        folder / "model.yaml", {"seed_everything": True, "model": MAGVIT2 if name == "magvit2" else IBQ}
    )
    return Pretrained(folder / "last.ckpt", config)


@pytest.mark.parametrize("name", ["llamagen", "magvit2", "ibq"])
def test_codes_and_images_are_those_of_the_published_code(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tokenizer = build(written(name, tmp_path), 32)
    found, decoded = both_ways(tokenizer, VALUES["images"])  # 24 x 32 pixels
    assert torch.equal(found.int(), VALUES[f"{name}.indices"])
    torch.testing.assert_close(decoded, VALUES[f"{name}.decoded"], rtol=1e-4, atol=1e-5)
    assert len(found.unique()) > 9
    assert "moving averages" in capsys.readouterr().err
    assert not tokenizer.fixed_codebook or name == "magvit2"
    assert not any(parameter.requires_grad for parameter in tokenizer.parameters())


def test_without_moving_averages_the_weights_themselves_count(tmp_path: Path) -> None:
    save_file(drawn_state(outlined("magvit2"), "plain "), tmp_path / "model.safetensors")
    config = write_yaml(tmp_path / "model.yaml", {"model": MAGVIT2})
    found, _ = both_ways(build(Pretrained(tmp_path / "model.safetensors", config)), VALUES["images"])
    assert torch.equal(found.int(), VALUES["magvit2.plain_indices"])


@pytest.mark.parametrize("name", ["magvit2", "ibq"])
def test_checkpoints_have_these_names_and_no_others(name: str) -> None:
    shapes = shapes_of(outlined(name))
    averages = {f"model_ema.{key.replace('.', '')}": shape for key, shape in shapes.items()}
    counters: dict[str, list[int]] = {"model_ema.decay": [], "model_ema.num_updates": []}
    assert layout(shapes | averages | counters) == layouts()[f"{name}.small_with_ema"]


@pytest.mark.parametrize(("name", "levels"), [("VQ-16", [128, 128, 256, 256, 512]), ("VQ-8", [128, 256, 256, 512])])
def test_llamagen_at_its_own_size(name: str, levels: list[int]) -> None:
    with outline():
        network = llamagen.LlamaGenTokenizer(llamagen.Shape(128, levels, 2, 256, 16384, 8), SIDES)
    assert layout(shapes_of(network)) == layouts()[f"llamagen.{name}"]
    source = {key: value.expand_as(value) for key, value in network.state_dict().items()}
    assert llamagen.shape_of(source) == llamagen.Shape(128, levels, 2, 256, 16384, 8)


@pytest.mark.parametrize(
    ("name", "signs", "factors"),
    [
        ("imagenet_lfqgan_256_L", 18, [1, 1, 2, 2, 4]),
        ("imagenet_lfqgan_128_L", 18, [1, 2, 2, 4]),
        ("pretrain_lfqgan_256_16384", 14, [1, 1, 2, 2, 4]),
    ],
)
def test_open_magvit2_at_its_own_size(name: str, signs: int, factors: list[int]) -> None:
    sizes = SIZES | {"ch": 128, "num_res_blocks": 4, "z_channels": signs, "ch_mult": factors}
    with outline():
        network = magvit2.Magvit2Tokenizer(magvit2.NetworkSizes.model_validate(sizes), SIDES)
    assert layout(shapes_of(network)) == layouts()[f"magvit2.{name}"]


@pytest.mark.parametrize("codes", [1024, 262144])
def test_ibq_at_its_own_size(codes: int) -> None:
    sizes = SIZES | {
        "ch": 128, "num_res_blocks": 4, "z_channels": 256, "ch_mult": [1, 1, 2, 2, 4], "resolution": 256,
        "attn_resolutions": [16],
    }  # fmt: skip
    with outline():
        network = ibq.IbqTokenizer(
            ibq.Parameters.model_validate({"embed_dim": 256, "n_embed": codes, "ddconfig": sizes}), SIDES
        )
    assert layout(shapes_of(network)) == layouts()[f"ibq.imagenet_ibqgan_{codes}"]


def test_every_sign_is_a_bit_of_its_index(tmp_path: Path) -> None:
    tokenizer = build(written("magvit2", tmp_path))
    assert tokenizer.codebook.shape == (64, 6)
    assert tokenizer.codebook[5].tolist() == [1, -1, 1, -1, -1, -1]
    assert torch.equal(tokenizer.choose(tokenizer.codebook), torch.arange(64))
    assert tokenizer.choose(torch.zeros(1, 6)).item() == 0  # 0 is no plus


def test_a_batch_in_pieces_is_the_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tokenizer, pictures = build(written("llamagen", tmp_path)), images(5, 3, 32, 32)
    whole, drawn = both_ways(tokenizer, pictures)
    monkeypatch.setattr(type(tokenizer), "pixels_at_once", 2 * 32 * 32)
    pieces, again = both_ways(tokenizer, pictures)
    assert torch.equal(whole, pieces)
    torch.testing.assert_close(again, drawn)


def test_one_code_has_no_spread(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"4 pixels do not allow; .* pretrained.image_size=8$"):
        build(written("magvit2", tmp_path), 4)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"class_path": "src.Open_MAGVIT2.models.video_lfqgan.VQModel"}, "is none of lfqgan.VQModel"),
        ({"class_path": ["a"]}, "is none of lfqgan.VQModel"),
        ({"init_args": MAGVIT2["init_args"] | {"n_embed": 63}}, "embed_dim is 6 and n_embed 64"),  # type: ignore[operator]
        ({"init_args": {}}, "model.init_args.embed_dim: field required"),
        ({"init_args": MAGVIT2["init_args"] | {"ddconfig": {"ch": 1}}}, "ddconfig.ch: input should be"),  # type: ignore[operator]
    ],
)
def test_a_wrong_yaml_is_one_line(change: dict[str, Any], words: str, tmp_path: Path) -> None:
    method = written("magvit2", tmp_path)
    assert method.config is not None
    write_yaml(method.config, {"model": MAGVIT2 | change})
    message = refusal(method)
    assert str(method.config) in message
    assert words in message


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"encoder.conv_in.weight": torch.zeros(33, 3, 3, 3)}, "not LlamaGen's weights"),
        (
            {"encoder.conv_in.weight": torch.zeros(64, 3, 3, 3)},
            "lacks ['encoder.conv_blocks.0.res.0.nin_shortcut.bias']",
        ),
        ({"quant_conv.bias": torch.zeros(9)}, "quant_conv.bias has shape [9], by its configuration [8]"),
        ({"encoder.conv_blocks.9999999.res.0.conv1.weight": torch.zeros(32, 3)}, "not LlamaGen's weights"),
        ({"quantize.embedding.weight": torch.zeros(())}, "not LlamaGen's weights"),
        ({"quant_conv.bias": torch.zeros(1).expand(8)}, "more than named tensors"),
        ({"quant_conv.bias": torch.zeros(8).to_sparse()}, "more than named tensors"),
        ({"extra": torch.zeros(1)}, "unknown ['extra']"),
    ],
)
def test_weights_that_are_not_llamagens_are_one_line(change: dict[str, Tensor], words: str, tmp_path: Path) -> None:
    torch.save({"model": drawn_state(outlined("llamagen")) | change}, tmp_path / "vq.pt")
    message = refusal(Pretrained(tmp_path / "vq.pt"))
    assert str(tmp_path / "vq.pt") in message
    assert words in message


def test_averages_of_other_weights_are_refused(tmp_path: Path) -> None:
    method = written("ibq", tmp_path)
    assert method.weights is not None
    checkpoint = torch.load(method.weights, weights_only=True)
    average = checkpoint["state_dict"].pop("model_ema.quant_convbias")
    torch.save(checkpoint, method.weights)
    assert "lacks ['quant_conv.bias'], unknown none" in refusal(method)
    checkpoint["state_dict"] |= {"model_ema.quant_convbias": average, "model_ema.other": average}
    torch.save(checkpoint, method.weights)
    assert "lacks none, unknown ['other']" in refusal(method)


def test_llamagens_weights_with_the_configuration_of_its_hub_page(tmp_path: Path) -> None:
    save_file(drawn_state(outlined("llamagen")), tmp_path / "model.safetensors")
    content = {"codebook_size": 48, "codebook_embed_dim": 8, "codebook_l2_norm": True, "encoder_ch_mult": [1, 1, 2]}
    (tmp_path / "config.json").write_text(json.dumps(content))
    assert build(Pretrained(tmp_path / "model.safetensors", tmp_path / "config.json")).codebook.shape == (48, 8)


def test_a_parts_list_is_no_weights(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="give the folder"):
        build(Pretrained(tmp_path / "model.safetensors.index.json"))
