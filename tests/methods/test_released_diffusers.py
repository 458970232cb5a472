"""diffusers' `VQModel` folders against the package's own way in and out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.released import both_ways, build, drawn_state, images, in_parts, refusal
from safetensors.torch import load_file, save_file

from bench.experiment.arguments import Setting
from bench.experiment.plan import plan
from bench.experiment.request import Request
from bench.methods.parts.released.diffusers import Config, DiffusersTokenizer
from bench.methods.parts.released.network import Sides, outline
from bench.methods.pretrained import Pretrained
from bench.system.torchvision_ops import make_importable

make_importable()
vq_model = pytest.importorskip("diffusers.models.autoencoders.vq_model", reason="needs pip install '.[diffusers]'")

SIZES: dict[str, Any] = {
    "block_out_channels": [32, 64], "down_block_types": ["DownEncoderBlock2D"] * 2, "latent_channels": 8,
    "up_block_types": ["UpDecoderBlock2D"] * 2, "num_vq_embeddings": 24, "vq_embed_dim": 4,
}  # fmt: skip
MOVQ = {
    "norm_type": "spatial", "vq_embed_dim": 8, "down_block_types": ["DownEncoderBlock2D", "AttnDownEncoderBlock2D"],
    "up_block_types": ["AttnUpDecoderBlock2D", "UpDecoderBlock2D"],
}  # fmt: skip
AMUSED = {"lookup_from_codebook": True, "mid_block_add_attention": False}


def written(folder: Path, **sizes: Any) -> tuple[Pretrained, Any]:
    """A folder as the package saves it, and its model."""
    model = vq_model.VQModel(**SIZES | sizes).eval()
    model.load_state_dict(drawn_state(model))
    model.save_pretrained(folder)
    return Pretrained(folder / "diffusion_pytorch_model.safetensors", folder / "config.json"), model


@pytest.mark.parametrize("sizes", [{}, MOVQ], ids=["group", "spatial"])
def test_codes_and_images_are_the_packages(sizes: dict[str, Any], tmp_path: Path) -> None:
    method, model = written(tmp_path, **sizes)
    pictures = images(2, 3, 16, 24)
    with torch.inference_mode():
        latents = model.encode(pictures).latents
        _, _, (_, _, indices) = model.quantize(latents)
        expected = model.decode(latents).sample
    found, decoded = both_ways(build(method), pictures)
    assert torch.equal(found.flatten(), indices)
    assert found.shape == (2, 8, 12)
    assert len(found.unique()) > 5
    torch.testing.assert_close(decoded, expected, rtol=1e-4, atol=1e-4)  # the package adds and takes away features


PUBLISHED: dict[str, dict[str, Any]] = {
    "amused-512": {
        "block_out_channels": [128, 256, 256, 512, 768], "latent_channels": 64, "layers_per_block": 2,
        "down_block_types": ["DownEncoderBlock2D"] * 5, "up_block_types": ["UpDecoderBlock2D"] * 5,
        "num_vq_embeddings": 8192, "vq_embed_dim": None, "lookup_from_codebook": True, "force_upcast": True,
        "mid_block_add_attention": False, "norm_type": "group", "scaling_factor": 0.18215, "sample_size": 32,
    },
    "kandinsky-2-2-decoder": {
        "block_out_channels": [128, 256, 256, 512], "latent_channels": 4, "layers_per_block": 2, "vq_embed_dim": 4,
        "down_block_types": ["DownEncoderBlock2D"] * 3 + ["AttnDownEncoderBlock2D"],
        "up_block_types": ["AttnUpDecoderBlock2D"] + ["UpDecoderBlock2D"] * 3, "num_vq_embeddings": 16384,
        "norm_type": "spatial", "norm_num_groups": 32, "scaling_factor": 0.18215, "sample_size": 32,
    },
    "ldm-celebahq-256": {
        "block_out_channels": [128, 256, 512], "latent_channels": 3, "layers_per_block": 2, "scaling_factor": 1.0,
        "down_block_types": ["DownEncoderBlock2D"] * 3, "up_block_types": ["UpDecoderBlock2D"] * 3,
        "num_vq_embeddings": 8192, "sample_size": 256,
    },
}  # fmt: skip
"""Configurations as their pages show them."""


@pytest.mark.parametrize(
    ("name", "side"), [("amused-512", 32), ("kandinsky-2-2-decoder", 64), ("ldm-celebahq-256", 128)]
)
def test_published_configurations_give_the_packages_network(name: str, side: int) -> None:
    with outline():
        expected = vq_model.VQModel(**PUBLISHED[name])
        ours = DiffusersTokenizer(Config.model_validate({"_class_name": "VQModel"} | PUBLISHED[name]), Sides(512, 512))
    shapes = {f"model.{key}": value.shape for key, value in expected.state_dict().items()}
    assert shapes == {key: value.shape for key, value in ours.state_dict().items()}
    assert ours.grid == (side, side)


def test_amused_sees_images_from_0_to_1(tmp_path: Path) -> None:
    method, model = written(tmp_path, **AMUSED)
    pictures = images(2, 3, 16, 16)
    with torch.inference_mode():
        _, _, (_, _, indices) = model.quantize(model.encode((pictures + 1) / 2).latents)
        expected = model.decode(indices.view(2, 8, 8), force_not_quantize=True, shape=(2, 8, 8, 4)).sample
    found, decoded = both_ways(build(method), pictures)
    assert torch.equal(found.flatten(), indices)
    torch.testing.assert_close(decoded, expected * 2 - 1)


def test_names_of_older_files_are_known(tmp_path: Path) -> None:
    method, _ = written(tmp_path)
    pictures = images(2, 3, 16, 16)
    whole = both_ways(build(method), pictures)
    assert method.weights is not None
    older = {".to_q.": ".query.", ".to_k.": ".key.", ".to_v.": ".value.", ".to_out.0.": ".proj_attn."}
    state = {}
    for name, value in load_file(method.weights).items():
        for new, old in older.items():
            name = name.replace(new, old)
        state[name] = value.half() if value.ndim == 1 else value
    assert any(".proj_attn." in name for name in state)
    save_file(state, method.weights)
    again = both_ways(build(method), pictures)
    assert (whole[0] == again[0]).float().mean() > 0.9  # biases have lost digits
    assert again[1].dtype == torch.float32


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"num_vq_embeddings": 25}, "quantize.embedding.weight has shape [24, 4], by its configuration [25, 4]"),
        ({"norm_type": "spatial"}, "with norm_type spatial, vq_embed_dim and latent_channels are one number"),
        ({"norm_type": "layer"}, "norm_type: input should be 'group' or 'spatial'"),
        ({"down_block_types": ["DownEncoderBlock2D"]}, "want as many down_block_types"),
        ({"block_out_channels": [32, 65]}, "no multiples of norm_num_groups"),
        ({"layers_per_block": 10**9}, "layers_per_block: input should be less"),
        ({"_class_name": "AutoencoderKL"}, "no tokenizer's configuration"),
    ],
)
def test_a_wrong_configuration_is_one_line(change: dict[str, Any], words: str, tmp_path: Path) -> None:
    method, _ = written(tmp_path)
    assert method.config is not None
    method.config.write_text(json.dumps(json.loads(method.config.read_text()) | change))
    assert words in refusal(method)


def test_json_that_is_none_is_one_line(tmp_path: Path) -> None:
    method, _ = written(tmp_path)
    assert method.config is not None
    for text, words in (("{", "not JSON"), ("[" * 99999, "not JSON"), ("[]", "not a mapping"), ("\x93", "not JSON")):
        method.config.write_text(text)
        assert words in refusal(method)


def test_a_folder_is_read_whole_or_in_parts(tmp_path: Path) -> None:
    method, _ = written(tmp_path)
    assert method.weights is not None
    expected = both_ways(build(method), images(2, 3, 16, 16))
    method.weights.rename(tmp_path / "model.safetensors")
    for prepare in (lambda _: None, in_parts):
        prepare(tmp_path / "model.safetensors")
        found, decoded = both_ways(build(Pretrained(tmp_path)), images(2, 3, 16, 16))
        assert torch.equal(found, expected[0])
        assert torch.equal(decoded, expected[1])
    index = tmp_path / "model.safetensors.index.json"
    for content, words in (
        ("[]", "no index of a model's parts"),
        ('{"weight_map": {"a": "../b.safetensors"}}', "which is not in its folder"),
        ('{"weight_map": {"a": "model-00001-of-00002.safetensors"}}', "damaged, or lacks"),
        ('{"weight_map": {"a": "none.safetensors"}}', "No such file"),
    ):
        index.write_text(content)
        assert words in refusal(Pretrained(tmp_path))
    index.unlink()
    assert "name one by --set pretrained.weights=FILE" in refusal(Pretrained(tmp_path))
    for part in tmp_path.glob("*.safetensors"):
        part.unlink()
    assert "holds no weights" in refusal(Pretrained(tmp_path))


def test_a_key_counts_all_files_of_a_folder(tmp_path: Path) -> None:
    written(tmp_path)
    request = Request(("pretrained",), ("reconstruction",), settings=(Setting("pretrained", "weights", str(tmp_path)),))

    def planned() -> tuple[str, object]:
        cell = next(cell for cell in plan(request) if cell.tokenizer)
        return cell.key, cell.method_used.arguments["weights"]

    key, told = planned()
    assert isinstance(told, dict)
    assert told["folder"] == tmp_path.name
    config = tmp_path / "config.json"
    config.write_text(config.read_text() + " ")
    assert planned()[0] != key
